"""The features of e-mail, for any text whatever."""

import math
import time
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from use_cases import number_block, use_case
from use_cases.spam.features import CHUNK_ROWS, FEATURE_SCHEMA, STRUCTURAL, spam_features
from use_cases.spam.structure import FREQUENT

PIECES = st.sampled_from(
    [
        "<b>", "<", ">", "<style>", "</style>", "<script ", "&amp;", "&#160;", "&", ";",
        "http://", "HTTPS://A.B/c", "www.", "WWW.x", "\uff57\uff57\uff57\uff0ex", "://", "@",
        "\uff20", "a@b.c", "<a@b.c>", "$", "£9", "€", "\uff04", "CAPITALS", "!", "?", "\n",
        "\r\n", "\x00", "\u200b", "\u00ad", "é", "e\u0301", "ß", "ﬁ", "\U0001f389", "спам", "١٢",
        "½", "İ", "word", " ", "0123",
    ]
)  # fmt: skip
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
    st.lists(PIECES, max_size=25).map("".join),
)
MAILS = st.lists(st.tuples(TEXTS, TEXTS), max_size=6)


def mails(*rows: tuple[str | None, str | None]) -> pa.RecordBatch:
    fields = [
        {"email_id": str(i), "subject": s, "body": b, "sender": "a@b.example"}
        for i, (s, b) in enumerate(rows)
    ]
    return pa.RecordBatch.from_pylist(fields, schema=use_case("spam").record_schema)


def one(subject: str, body: str) -> dict[str, object]:
    (row,) = FEATURE_SCHEMA.rows(spam_features(mails((subject, body))))
    return row


@given(MAILS)
@settings(deadline=None)
def test_any_text_gives_complete_features(rows):
    features = spam_features(mails(*rows))
    assert features.schema == FEATURE_SCHEMA.arrow
    assert features.num_rows == len(rows)
    features.validate(full=True)
    for column in features.columns:
        assert column.null_count == 0
    assert np.isfinite(number_block(features)).all()
    for text in features.column("text").to_pylist():
        assert text.isascii()
        assert text == " ".join(text.split()).lower()


@given(MAILS)
@settings(deadline=None)
def test_an_email_has_the_same_features_alone_and_in_a_batch(rows):
    batch = mails(*rows)
    together = spam_features(batch)
    for index in range(len(rows)):
        assert spam_features(batch.slice(index, 1)).equals(together.slice(index, 1))


@given(TEXTS, TEXTS)
@settings(deadline=None)
def test_shares_are_shares_and_counts_are_bounded(subject, body):
    row = one(subject, body)
    for name in STRUCTURAL:
        most = 1.0 if name.endswith("_share") else 12.0
        assert 0.0 <= row[name] <= most


def test_more_rows_than_a_chunk_give_the_same_as_few():
    batch = mails(*[(f"subject {i}", "body! " * (i % 7)) for i in range(2 * CHUNK_ROWS + 3)])
    whole = spam_features(batch)
    assert whole.num_rows == batch.num_rows
    for start in (0, CHUNK_ROWS - 1, CHUNK_ROWS, 2 * CHUNK_ROWS):
        assert spam_features(batch.slice(start, 3)).equals(whole.slice(start, 3))


def test_null_counts_as_empty():
    assert spam_features(mails((None, None))).equals(spam_features(mails(("", ""))))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("Hello, WORLD.", "hello world"),
        ("<p class='x'>It&#39;s <b>here</b></p>", "it s here"),
        ("a<style>p {x: y}</style>b<script>f(1)</script>c", "a b c"),
        ("1 < 2 and 3 > 2", "and"),
        ("see http://a.b/c?d=1 or WWW.E.F!", "see url or url"),
        ("mail Me.You@c.example, now", "mail now"),
        ("@ you and a@", "you and a"),
        ("$1,000 or £20 or €3", "money or money or money"),
        ("Grüße, naïve café", "grusse naive cafe"),
        ("\uff26\uff32\uff25\uff25 fr\u200bee f\u00adree", "free free free"),
        ("a\x00b\x07c", "abc"),
        ("fr<b></b>ee fr<!-- x -->ee f&#114;ee", "free free free"),
        ("vi\u2062agra v\u202ei\u202cagra v\ufe0fi\u115fagra", "viagra viagra viagra"),
        ("&lt;b&gt;bold&lt;/b&gt; \uff1ci\uff1ex", "bold x"),
        ("<a href='http://a.b/c'>here</a><br>now", "url here now"),
        ("спам \U0001f389", ""),
    ],
)
def test_text_is_normalised(body, text):
    assert one("", body)["text"] == text


@given(st.text(st.characters(categories=["L", "M", "N"])))
@settings(deadline=None)
def test_folding_each_character_is_as_good_as_normalising_the_whole(text):
    plain = unicodedata.normalize("NFKD", text)
    unmarked = "".join(c for c in plain if not "\u0300" <= c <= "\u036f").casefold()
    assert one("", text)["text"] == one("", unmarked)["text"]


def test_subject_and_body_are_both_read():
    assert one("Free offer", "for you")["text"] == "free offer for you"


def test_structure_is_counted():
    row = one("WIN!", "Now?\nhttp://x.example www.y.example a@b.c <p> $5 £6 é")
    assert row["log_exclamations"] == pytest.approx(math.log1p(1))
    assert row["log_questions"] == pytest.approx(math.log1p(1))
    assert row["log_links"] == pytest.approx(math.log1p(2))
    assert row["log_addresses"] == pytest.approx(math.log1p(1))
    assert row["log_markup"] == pytest.approx(math.log1p(1))
    assert row["log_currency"] == pytest.approx(math.log1p(2))
    assert row["log_longest_capitals"] == pytest.approx(math.log1p(3))
    assert row["log_lines"] == pytest.approx(math.log1p(3))
    characters = len("WIN!\nNow?\nhttp://x.example www.y.example a@b.c <p> $5 £6 é\n")
    assert row["log_characters"] == pytest.approx(math.log1p(characters))
    assert row["capital_share"] == pytest.approx(4 / characters)
    assert row["digit_share"] == pytest.approx(2 / characters)
    assert row["non_ascii_share"] == pytest.approx(2 / characters)
    assert row["space_share"] == pytest.approx(6 / characters)


@pytest.mark.parametrize("name", [*FREQUENT])
def test_signs_are_counted_per_thousand_characters(name):
    signs = "! ? $ <p> http://x.example "
    short, long = one("", signs), one("", signs + "word " * 800)
    assert short[name] == 1
    assert long[name] == pytest.approx(1_000 / (len(signs) + 4_000 + 2))
    assert one("", signs * 10)[name] == 1
    assert one("", "word " * 800)[name] == 0


@pytest.mark.parametrize(
    "piece",
    ["a", "@", "a@", "<", "<a ", "<script>", "<style", "&", "&a", "www.", "http://", "a:b", "A"],
)
def test_time_is_linear_whatever_the_mail_contains(piece):
    begin = time.process_time()
    one("", piece * 20_000 + "@x>;")
    assert time.process_time() - begin < 0.5


def test_only_the_start_of_a_huge_body_is_read():
    begin = time.process_time()
    huge, start = one("", "word " * 2_000_000), one("", "word " * 4_000)
    assert huge == start
    assert time.process_time() - begin < 0.5
