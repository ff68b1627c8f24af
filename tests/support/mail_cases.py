"""Odd mails and mailboxes, for `input_cases.py`. Every record is invented."""

import textwrap
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

from input_case import ENVELOPE, InputCase, Write, as_file, records


def mail(record: dict[str, str], extra: str = "", body: str = "") -> str:
    """Return a record as a mail."""
    return (
        f"Subject: {record['subject']}\nFrom: {record['sender']}\n"
        f"Message-ID: {record['email_id']}\nDate: {record['date']}\n{extra}\n"
        f"{body or record['body']}"
    )


def _mails(make: Callable[[dict[str, str]], str | bytes], suffix: str = ".eml") -> Write:
    def write(folder: Path) -> Path:
        for number, record in enumerate(records()):
            made = make(record)
            data = made if isinstance(made, bytes) else made.encode()
            as_file(f"in/{record['label']}/{number}{suffix}", data)(folder)
        return folder / "in"

    return write


def _mailbox(
    make: Callable[[dict[str, str]], str], suffix: str = ".mbox", end: str = "\n"
) -> Write:
    def write(folder: Path) -> Path:
        for label in ("ham", "spam"):
            texts = [ENVELOPE + make(r) + "\n\n" for r in records() if r["label"] == label]
            data = "".join(texts).replace("\n", end)
            as_file(f"in/{label}{suffix}", data)(folder)
        return folder / "in"

    return write


def _part(record: dict[str, str]) -> str:
    return f"--other\nContent-Type: text/plain\n\n{record['body']}\n--other--"


def _counted(record: dict[str, str]) -> str:
    body = record["body"] + f"\n\n{ENVELOPE}Subject: quoted\n"
    return mail(record, f"Content-Length: {len(body)}\n", body)


def _encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


def _damaged(text: str) -> str:
    lines = textwrap.wrap(_encoded(text * 3), 60)
    return "".join(f" > {line[:-1]}!{line[-1]}\n" for line in lines)


def _headless(folder: Path) -> Path:
    (folder / "in" / "ham").mkdir(parents=True)
    (folder / "in" / "ham" / "99.eml").write_text("<html>Page not found</html>")
    return _mails(mail)(folder)


def _joined(envelope: str = ENVELOPE, end: str = "\n") -> Write:
    def write(folder: Path) -> Path:
        for label in ("ham", "spam"):
            text = "".join(envelope + mail(r) + end for r in records() if r["label"] == label)
            as_file(f"in/{label}", text)(folder)
        return folder / "in"

    return write


_NAMED = 'MIME-Version: 1.0\nContent-Type: text/plain; name="m.txt"\nContent-Disposition: inline\n'
_ENCRYPTED = "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n"
_IN_BODY = "\n\nFrom Monday on we answer from 9:30 to 17:00.\n\nBye"
_PARTS = "Content-Type: multipart/mixed\n"
_BASE64 = "Content-Transfer-Encoding: base64\n"
_QUOTED = 'Content-Transfer-Encoding: "Quoted-Printable" (by hand)\n'
_FLOWED = "Content-Type: text/plain; format=flowed\n"
_HTML = "Content-Type: text/html\n"

_BOM = "\ufeff"

MAIL_CASES = (
    InputCase("mail", "byte order mark", _mails(lambda r: _BOM + mail(r))),
    InputCase("mail", "UTF-16", _mails(lambda r: mail(r).encode("utf-16"))),
    InputCase("mail", "leading empty lines", _mails(lambda r: "\n\r\n" + mail(r))),
    InputCase("mail", "a leading envelope line", _mails(lambda r: ENVELOPE + mail(r))),
    InputCase("mail", "spaces before the colons", _mails(lambda r: mail(r).replace("m: ", "m : "))),
    InputCase(
        "mail",
        "a stray line among the headers",
        _mails(lambda r: mail(r).replace("\nFrom", "\nstray\nFrom")),
    ),
    InputCase(
        "mail",
        "lines that end with CR CR LF",
        _mails(lambda r: mail(r).replace("\n", "\r\r\n").encode()),
    ),
    InputCase("mail", "multipart without a boundary", _mails(lambda r: mail(r, _PARTS, _part(r)))),
    InputCase(
        "mail",
        "multipart with another boundary in its body",
        _mails(lambda r: mail(r, _PARTS.replace("\n", "; boundary=b\n"), _part(r))),
    ),
    InputCase("mail", "named base64, not encoded", _mails(lambda r: mail(r, _BASE64))),
    InputCase(
        "mail",
        "base64 indented, quoted by `>`, or with single damaged bytes",
        _mails(lambda r: mail(r, _BASE64, _damaged(r["body"]))),
    ),
    InputCase(
        "mail",
        "base64 in two pieces, each padded",
        _mails(
            lambda r: mail(r, _BASE64, _encoded(r["body"][:7]) + "\n" + _encoded(r["body"][7:]))
        ),
    ),
    InputCase(
        "mail",
        "other spellings of a transfer encoding",
        _mails(
            lambda r: mail(
                r, "Content-Transfer-Encoding: quoted_printable\n", r["body"].replace(" ", "=20")
            )
        ),
    ),
    InputCase(
        "mail",
        "blanks behind a soft line break",
        _mails(
            lambda r: mail(
                r,
                "Content-Transfer-Encoding: quoted-printable\n",
                r["body"].replace("mail", "ma= \t\nil"),
            )
        ),
    ),
    InputCase(
        "mail",
        "a character set that its bytes contradict",
        _mails(lambda r: mail(r, "Content-Type: text/plain; charset=utf-16\n", r["body"])),
    ),
    InputCase(
        "mail",
        "a character set by another of its names (`iso-8859-8-i`, `x-gbk`)",
        _mails(lambda r: mail(r, "Content-Type: text/plain; charset=x-gbk\n", r["body"])),
    ),
    InputCase(
        "mail",
        "encoded words that break a word",
        _mails(lambda r: mail(r).replace("subject ", "=?utf-8?q?subj?=\n =?us-ascii?q?ect?= ")),
    ),
    InputCase(
        "mail",
        "only an attached mail, in base64",
        _mails(lambda r: mail(r, _BASE64 + "Content-Type: message/rfc822\n", _encoded(mail(r)))),
    ),
    InputCase("mail", "a file without headers", _headless, aside=1),
    InputCase("mail", "a PDF named `.eml`", as_file("1.eml", b"%PDF-1.7" * 9), refused="is a PDF"),
    InputCase(
        "mail",
        "several mails named `.eml`",
        _mailbox(mail, ".eml"),
        refused="contains several messages",
    ),
    InputCase(
        "mail",
        "its text in winmail.dat (TNEF)",
        as_file("in/ham/1.eml", mail(records()[0], "Content-Type: application/ms-tnef\n")),
        refused="has no rows",
    ),
    InputCase(
        "mail",
        "base64 with a footer that is not encoded",
        _mails(lambda r: mail(r, _BASE64, f"{b64encode(r['body'].encode()).decode()}\n\n-- \nx")),
    ),
    InputCase(
        "mail",
        "a comment behind the transfer encoding",
        _mails(lambda r: mail(r, _QUOTED, r["body"].replace(" ", "=20"))),
    ),
    InputCase(
        "mail",
        "lines broken by the sender (format=flowed)",
        _mails(lambda r: mail(r, _FLOWED, r["body"].replace(" ", " \n"))),
    ),
    InputCase(
        "mail",
        "encrypted in the text (PGP)",
        _mails(lambda r: mail(r, body="-----BEGIN PGP MESSAGE-----\nx")),
        refused="encrypted",
    ),
    InputCase("mail", "no suffix (Maildir)", _mails(mail, ".M1P2.host:2,S")),
    InputCase(
        "mail", "Apple's `.emlx`", _mails(lambda r: f"{len(mail(r))}\n{mail(r)}<?xml?>", ".emlx")
    ),
    InputCase("mail", "the only text part has a file name", _mails(lambda r: mail(r, _NAMED))),
    InputCase(
        "mail",
        "HTML with tags inside words",
        _mails(lambda r: mail(r, _HTML, f"<p>{r['body'][:6]}<b></b>{r['body'][6:]}</p>")),
    ),
    InputCase(
        "mail",
        "encrypted",
        as_file("in/ham/1.eml", mail(records()[0], _ENCRYPTED)),
        refused="has no rows",
    ),
    InputCase(
        "mail",
        "Outlook's `.msg`",
        as_file("1.msg", b"\xd0\xcf\x11\xe0" * 9),
        refused="export mail as .eml",
    ),
    InputCase("mailbox", "no suffix", _mailbox(mail, "")),
    InputCase("mailbox", "CRLF (Gmail Takeout)", _mailbox(mail, end="\r\n")),
    InputCase(
        "mailbox",
        "a line with `From ` and a time in a body",
        _mailbox(lambda r: mail(r, body=r["body"] + _IN_BODY)),
    ),
    InputCase(
        "mailbox",
        "a line with `From `, a time, and a line with a colon after it in a body",
        _mailbox(lambda r: mail(r, body=r["body"] + _IN_BODY.replace("\n\nBye", "\nNote: Bye"))),
    ),
    InputCase("mailbox", "no empty line between the mails", _joined()),
    InputCase(
        "mailbox", "dates without a time", _joined("From p@d.example Mon Jan 5 2026\n", "\n\n")
    ),
    InputCase("mailbox", "`Content-Length` (mboxcl)", _mailbox(_counted)),
    InputCase(
        "mailbox", "`>From ` (mboxrd)", _mailbox(lambda r: mail(r, body=r["body"] + "\n>From x"))
    ),
    InputCase(
        "mailbox",
        "named `.mbox`, one mail",
        as_file("ham.mbox", mail(records()[0])),
        refused="is not an mbox",
    ),
)
