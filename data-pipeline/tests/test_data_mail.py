import base64
import os
import tracemalloc
from email.message import EmailMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.settings import IngestSettings
from data_pipeline.sources import IngestRequest, parse_columns
from data_pipeline.sources.ingestion import ingest
from data_pipeline.sources.mail.message import read_mail
from data_pipeline.sources.raw import RawRecords
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.errors import InvalidData
from use_cases import use_case
from use_cases.visible_text import visible_text as html_text

SPAM, IRIS = use_case("spam"), use_case("iris")
RUN = "models/spam/_runs/mail"
SIMPLE = (
    b"From: a@b.c\nSubject: Hi\nMessage-ID: <1@b.c>\nDate: Mon, 1 Jan 2024 10:00:00 +0100\n\nText\n"
)


def read(store: LocalBlobStore, data: Path, columns: str = "", case=SPAM) -> list[dict]:
    request = IngestRequest(str(data), parse_columns(columns))
    ingest(case, store, RUN, request, lambda _: None, IngestSettings())
    return [row for batch in RawRecords(store, RUN).batches(100) for row in batch.to_pylist()]


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_an_email_becomes_a_record_with_the_label_of_its_folder(blob_store, tmp_path: Path) -> None:
    write(tmp_path / "in" / "ham" / "1.eml", SIMPLE)
    (row,) = read(blob_store, tmp_path / "in")
    assert row == {
        "email_id": "<1@b.c>", "subject": "Hi", "body": "Text\n", "sender": "a@b.c",
        "label": "ham", "date": "Mon, 1 Jan 2024 10:00:00 +0100",
        "n_attachments": 0, "n_parts": 1, "has_html": False, "_source": "ham/1.eml",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("in/spam/1.eml", "spam"),
        ("in/Ham/deep/er/x.eml", "ham"),
        ("in/ham/1/0.eml", "ham"),
        ("in/spam/cur/1204.M1P2.host:2,S", "spam"),
        ("in/ham/00001.7848dde101aa985090474a91ec93fcf0", "ham"),
        ("in/1/x.eml", "1"),
        ("in/inbox/1.eml", None),
        ("in/spam/ham/1.eml", "ham"),
        ("in/ham.eml", "ham"),
    ],
)
def test_the_nearest_name_that_is_a_label_counts(blob_store, tmp_path, name, label) -> None:
    write(tmp_path / name, SIMPLE)
    (row,) = read(blob_store, tmp_path / "in")
    assert row["label"] == label


def test_the_folder_that_is_given_may_be_the_label(blob_store, tmp_path: Path) -> None:
    file = write(tmp_path / "spam" / "1.eml", SIMPLE)
    assert [row["label"] for row in read(blob_store, tmp_path / "spam")] == ["spam"]
    assert [row["label"] for row in read(blob_store, file)] == ["spam"]


def test_files_that_are_no_mail_are_named(blob_store, tmp_path: Path) -> None:
    write(tmp_path / "in" / "ham" / "1", SIMPLE)
    write(tmp_path / "in" / "ham" / "2", SIMPLE)
    write(tmp_path / "in" / "ham" / "3.eml", b"")
    write(tmp_path / "in" / "notes.txt", b"Remember: the milk\n")
    assert len(read(blob_store, tmp_path / "in")) == 2
    reasons = {f.file: f.reason for f in RawRecords(blob_store, RUN).summary.unreadable}
    assert reasons["ham/3.eml"] == "is empty"
    assert "not supported" in reasons["notes.txt"]


MBOX = b"""From alice@x Mon Jan  1 10:00:00 2024
Subject: one

From here on
>From quoted
>>From twice
\x20
From bob@x Mon Jan  1 11:00:00 2024
Message-ID: <2@x>
Subject: two

second
"""


def test_a_mailbox_is_read_email_by_email(blob_store, tmp_path: Path) -> None:
    first, second = read(blob_store, write(tmp_path / "in" / "spam.mbox", MBOX))
    assert first["body"] == "From here on\nFrom quoted\n>From twice\n \n"
    assert first["email_id"] == "spam.mbox#1"
    assert (second["email_id"], second["subject"], second["body"]) == ("<2@x>", "two", "second\n")
    assert {first["label"], second["label"]} == {"spam"}


def test_a_mailbox_with_one_huge_email_keeps_the_others(blob_store, tmp_path: Path) -> None:
    huge = b"From x 10:00\nSubject: huge\n\n" + (b"0123456789" * 100 + b"\n") * 36_000
    path = write(
        tmp_path / "ham.mbox", MBOX + b"\n" + huge + b"\n\nFrom y 10:00\nSubject: last\n\nend\n"
    )
    rows = read(blob_store, path)
    assert [row["subject"] for row in rows] == ["one", "two", "huge", "last"]
    assert max(len(row["body"]) for row in rows) <= SPAM.limits["body"].maximum


def test_a_non_mbox_file_named_mbox_is_refused(blob_store, tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match=r"ham\.mbox is not an mbox"):
        read(blob_store, write(tmp_path / "ham.mbox", SIMPLE))


def test_a_use_case_takes_mail_columns_by_its_own_names(blob_store, tmp_path: Path) -> None:
    path = write(tmp_path / "ham" / "1.eml", SIMPLE)
    (row,) = read(blob_store, path, "body=subject subject=body")
    assert (row["subject"], row["body"]) == ("Text\n", "Hi")
    with pytest.raises(InvalidData, match="no column sepal_length"):
        read(blob_store, path, case=IRIS)


def multipart(kind: str, *parts: str | tuple[str, str]) -> bytes:
    message = MIMEMultipart(kind)
    for part in parts:
        subtype, text = part if isinstance(part, tuple) else ("plain", part)
        message.attach(MIMEText(text, subtype))
    return message.as_bytes()


HTML = "<html><body><p>Rich <b>te</b>xt</p><script>var x</script></body></html>"


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (multipart("alternative", "plain words", ("html", HTML)), "plain words"),
        (multipart("alternative", ("html", HTML)), "Rich text"),
        (multipart("alternative", " \n", ("html", HTML)), "Rich text"),
        (multipart("mixed", "first", "second"), "first\nsecond"),
        (multipart("mixed", ("html", HTML), "list footer"), "Rich text\nlist footer"),
        (MIMEText(HTML, "html").as_bytes(), "Rich text"),
        (b"Content-Type: text/html\n\n", ""),
        (b"", ""),
        (b"\n\n", "\n"),
        (b"Subject: only\n", ""),
    ],
)
def test_the_body_is_what_a_reader_sees(data: bytes, body: str) -> None:
    assert read_mail(data).body == body


def test_a_plain_part_that_only_points_to_the_html_does_not_hide_it() -> None:
    plain = "This is an HTML message. Your mail client cannot show it."
    body = read_mail(multipart("alternative", plain, ("html", HTML))).body
    assert body == f"{plain}\nRich text"


def test_html_keeps_words_whole_lines_apart_and_where_links_lead() -> None:
    html = (
        "<style>p{}</style><div>V<b>i</b>agra<br>now</div><ul><li>one</li><li>two</li></ul>"
        "<a href='https://shop.example/x?a=1'>Click here</a> &amp; <a href='#top'>up</a>"
        "<!-- hidden -->"
    )
    assert html_text(html) == (
        "Viagra\nnow\n\none\n\ntwo\n\nhttps://shop.example/x?a=1 Click here & up"
    )


# A parser opens all of these again in every paragraph.
FONTS = "".join(f"<font size={n}>" for n in range(2_000)) + "<p>x" * 100_000


@pytest.mark.parametrize(
    "html", ["<div>" * 200_000, "<" * 100_000, "<a<a<a" * 50_000, "\x00<p>x", FONTS]
)
def test_odd_html_gives_some_text(html: str) -> None:
    assert isinstance(html_text(html), str)


def test_attachments_and_parts_are_counted_and_their_text_is_not_read() -> None:
    message = EmailMessage()
    message.set_content("see attached")
    message.add_attachment("attached words", filename="a.txt")
    message.add_attachment(b"\x00\x01", maintype="application", subtype="pdf", filename="b.pdf")
    inner = EmailMessage()
    inner["Subject"] = "inner"
    inner.set_content("inner words")
    message.add_attachment(inner)
    mail = read_mail(message.as_bytes())
    assert (mail.body, mail.attachments, mail.parts) == ("see attached\n", 3, 4)


def test_an_empty_body_falls_back_to_the_forwarded_message() -> None:
    inner = EmailMessage()
    inner.set_content("inner words")
    outer = EmailMessage()
    outer.add_attachment(inner)
    assert read_mail(outer.as_bytes()).body == "inner words\n"


UMLAUTS = "Gr\u00fc\u00dfe aus K\u00f6ln, sch\u00f6ne Stra\u00dfe, \u00c4rger und \u00d6l"


@pytest.mark.parametrize(
    ("declared", "actual"),
    [
        ("iso-8859-1", "iso-8859-1"),
        ("us-ascii", "utf-8"),
        ("utf-8", "cp1252"),
        ("no-such-charset", "utf-8"),
        ("hex", "utf-8"),
        ("punycode", "utf-8"),
        ("utf\x00-8", "utf-8"),
    ],
)
def test_a_wrong_charset_does_not_spoil_the_text(declared: str, actual: str) -> None:
    head = f"Content-Type: text/plain; charset={declared}\nContent-Transfer-Encoding: 8bit\n\n"
    assert read_mail(head.encode() + UMLAUTS.encode(actual)).body == UMLAUTS


def test_headers_are_decoded_however_they_are_written() -> None:
    encoded = base64.b64encode("\U0001f4b0 Gewinn".encode()).decode()
    data = (
        f"Subject: =?utf-8?B?{encoded}?=\n =?iso-8859-1?Q?_f=FCr_Sie?=\n"
        "From: =?utf-8?Q?J=C3=BCrgen?= <j@x.de>\n\n\U0001f600"
    ).encode()
    mail = read_mail(data)
    assert mail.subject == "\U0001f4b0 Gewinn f\u00fcr Sie"
    assert mail.sender == "J\u00fcrgen <j@x.de>"
    assert mail.body == "\U0001f600"
    assert read_mail("Subject: Gr\u00fc\u00dfe\n\nx".encode("latin-1")).subject == "Gr\u00fc\u00dfe"


@pytest.mark.parametrize(
    "header",
    [
        b"Subject: =?utf-8?B?!!!!?=",
        b"Subject: =?bogus?Q?x?=",
        b"Subject: " + b"=?utf-8?Q?" * 5_000,
        b"Subject: " + b"a" * 1_000_000,
        b"From: " + b"<" * 100_000,
        b"Content-Type: ;;;=",
        b"Content-Type: multipart/mixed",
        b'Content-Type: text/plain; name*0*="',
        b"Content-Transfer-Encoding: base64\nSubject: \x00",
        b"\xff\xfe: \xff",
    ],
)
def test_no_header_makes_it_fail(header: bytes) -> None:
    mail = read_mail(header + b"\n\nbody text\n")
    assert "\x00" not in mail.subject + mail.body


def test_a_header_that_the_parser_cannot_read_leaves_the_text_intact() -> None:
    text = "100 \u20ac, \u043f\u0440\u0438\u0432\u0435\u0442, \u4f60\u597d"
    head = 'Subject: price\nContent-Type: multipart/mixed;\u20ac boundary="b"\n\n'
    data = f"{head}--b\nContent-Type: text/plain\n\n{text}\n--b--\n".encode()
    mail = read_mail(data)
    assert mail.subject == "price"
    assert text in mail.body


def test_nul_bytes_are_dropped_and_cut_mime_is_read_as_far_as_it_goes() -> None:
    assert read_mail(b"Subject: a\x00b\n\nc\x00d").subject == "ab"
    whole = multipart("alternative", "plain words", ("html", HTML))
    assert read_mail(whole[: whole.index(b"Rich")]).body == "plain words"
    cut = b"Content-Transfer-Encoding: base64\n\n" + base64.b64encode(b"hello world")[:-3]
    assert isinstance(read_mail(cut).body, str)


def nested(depth: int) -> bytes:
    data = b"Content-Type: text/plain\n\ndeep"
    for level in range(depth):
        data = b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n%s\n--b%d--\n" % (
            level,
            level,
            data,
            level,
        )
    return b"Subject: bomb\n" + data


@pytest.mark.parametrize("name", ["many parts", "deep", "forwards", "lines"])
def test_a_mime_bomb_uses_bounded_memory(name: str) -> None:
    part = b"--b\nContent-Disposition: attachment; filename=x\n\nx\n"
    data = {
        "many parts": b"Subject: bomb\nContent-Type: multipart/mixed; boundary=b\n\n"
        + part * 20_000,
        "deep": nested(3_000),
        "forwards": b"Subject: bomb\n" + b"Content-Type: message/rfc822\n\n" * 20_000,
        "lines": b"Subject: bomb\n\n" + b"\n" * 2_000_000,
    }[name]
    tracemalloc.start()
    try:
        mail = read_mail(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert mail.subject == "bomb"
    assert mail.parts <= 2_001
    assert peak < 200_000_000


def test_an_email_of_ten_megabytes_is_cut_at_the_limits_of_the_record(blob_store, tmp_path) -> None:
    text = "word " * 2_400_000
    message = (
        f"Subject: {'s' * 15_000}\nFrom: {'f' * 2_000}@x\nMessage-ID: <{'i' * 1_500}>\n\n{text}"
    )
    (row,) = read(blob_store, write(tmp_path / "ham" / "1.eml", message.encode()))
    for name, limits in SPAM.limits.items():
        assert len(row[name]) == limits.maximum
    assert row["body"] == text[: len(row["body"])]


def test_features_of_an_email_are_those_of_the_record_a_caller_sends(blob_store, tmp_path) -> None:
    """The same text by `.eml` and by request gives the same features."""
    path = write(tmp_path / "ham" / "1.eml", b"Subject: Hi\nFrom: a@b.c\n\nCall 123, win $5!\n")
    (row,) = read(blob_store, path)
    sent = {"email_id": "x", "subject": "Hi", "body": "Call 123, win $5!\n", "sender": "a@b.c"}
    ours = {name: row[name] for name in sent}
    batches = [pa.RecordBatch.from_pylist([r], schema=SPAM.record_schema) for r in (ours, sent)]
    assert SPAM.features(batches[0]).equals(SPAM.features(batches[1]))


@given(st.binary(max_size=2_000))
def test_arbitrary_bytes_never_crash_the_parser(data: bytes) -> None:
    mail = read_mail(data)
    for text in (mail.subject, mail.body, mail.sender, mail.message_id, mail.date or ""):
        assert text.encode().decode() == text
        assert "\x00" not in text


HEADS = st.sampled_from(
    [
        b"Subject: =?utf-8?B?", b"From: ", b"Content-Type: multipart/mixed; boundary=b", b"--b",
        b"Content-Type: text/html; charset=", b"Content-Transfer-Encoding: base64", b"--b--", b"",
        b"Content-Type: message/rfc822", b"Date: ", b"Content-Disposition: attachment; filename*=",
        b"Content-Transfer-Encoding: x-uuencode", b"begin 666 x",
        b"Content-Type: multipart/alternative",
    ]
)  # fmt: skip


@given(st.lists(st.tuples(HEADS, st.binary(max_size=20)), max_size=30))
def test_any_shape_of_mime_is_some_mail(lines) -> None:
    mail = read_mail(b"\n".join(head + rest for head, rest in lines))
    assert mail.attachments >= 0
    assert "\x00" not in mail.body + mail.subject


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_email_without_read_permission_is_left_out(blob_store, tmp_path: Path) -> None:
    write(tmp_path / "in" / "ham" / "1.eml", SIMPLE)
    write(tmp_path / "in" / "ham" / "2.eml", SIMPLE).chmod(0)
    assert len(read(blob_store, tmp_path / "in")) == 1


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        ("\u00e9 =?utf-8?Q?hello?=", "\u00e9 hello"),
        ("=?utf-8?Q?caf=C3?=\n =?UTF-8?q?=A9?= x", "caf\u00e9 x"),
        ("=?utf-8?B?aGVsbG8g!d29ybGQ?= =?x-none?q?a_b?=", "hello worlda b"),
        ("a =?utf-8*en?q?b?= c =?utf-8?x?d?=", "a b c =?utf-8?x?d?="),
    ],
)
def test_encoded_words_mixed_with_plain_text_are_decoded(subject: str, shown: str) -> None:
    assert read_mail(f"Subject: {subject}\nFrom: a@b.c\n\nx".encode()).subject == shown


@pytest.mark.parametrize(
    ("kind", "body", "shown"),
    [
        ("charset=utf-16", b"hello words!", "hello words!"),
        ("charset=utf-16", "h\u00e9llo words".encode(), "h\u00e9llo words"),
        ("charset=utf-16", "h\u00e9llo".encode("utf-16-le"), "h\u00e9llo"),
        (
            "charset=utf-16le",
            "\u4f60\u597d\u4e16\u754c".encode("utf-16-le"),
            "\u4f60\u597d\u4e16\u754c",
        ),
        ("charset=cp037", b"hello", "hello"),
        ("charset=iso-2022-jp", "\u65e5\u672c".encode("iso-2022-jp"), "\u65e5\u672c"),
        ("charset=utf-8", b"\xef\xbb\xbfhello", "hello"),
        ("base64", b"HelloWorldFree", "HelloWorldFree"),
        ("base64", b"aGVsbG8gd29ybGQ=", "hello world"),
        ("BASE-64;", b"aGVsbG8_d29ybGQ-", "hello?world>"),
    ],
)
def test_the_bytes_override_a_wrong_declared_encoding(kind: str, body: bytes, shown: str) -> None:
    name = "Content-Type: text/plain;" if "=" in kind else "Content-Transfer-Encoding:"
    data = f"Subject: s\n{name} {kind}\n\n".encode() + body
    assert read_mail(data).body.strip() == shown


def test_mail_that_is_not_delivered_yet_is_left_out(blob_store, tmp_path: Path) -> None:
    for folder in ("cur", "new", "tmp"):
        mail = SIMPLE.replace(b"1@b.c", folder.encode())
        write(tmp_path / "in" / "spam" / folder / f"1.{folder}:2,S", mail)
    rows = read(blob_store, tmp_path / "in")
    assert [row["email_id"] for row in rows] == ["<cur>", "<new>"]


@pytest.mark.parametrize(
    "footer",
    [
        "_" * 47 + "\nlist mailing list",
        "https://lists.example.org/mailman/listinfo/some-long-list-name",
        "Unsubscribe",
        "-- \nAnn",
    ],
)
def test_base64_ends_where_a_footer_begins(footer: str) -> None:
    encoded = base64.encodebytes(
        b"the words of the mail, and more of them than fit a line"
    ).decode()
    data = f"Subject: s\nContent-Transfer-Encoding: base64\n\n{encoded}\n{footer}\n"
    body = read_mail(data.encode()).body
    assert body.startswith("the words of the mail, and more of them than fit a line")
    assert body.rstrip().endswith(footer)


def test_a_header_without_a_mark_is_in_the_character_set_of_the_text() -> None:
    kind = "Content-Type: text/plain; charset=gbk\n\n\u4f60"
    subject = "\u4f60\u597d\u4e16\u754c\u514d\u8d39"
    assert read_mail(f"Subject: {subject}\n{kind}".encode("gbk")).subject == subject
    assert read_mail(f"Subject: caf\u00e9\n{kind}".encode()).subject == "caf\u00e9"
