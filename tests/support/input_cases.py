"""Odd inputs that people really have, and what becomes of each: the source of
`docs/reference/inputs.md`. Every record is invented.
"""

import bz2
import csv
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

NAMES = ("email_id", "subject", "body", "sender", "label", "date")
READ = "all rows read"
ENVELOPE = "From p@d.example Mon Jan  5 10:00:00 2026\n"
Write = Callable[[Path], Path]


def records() -> list[dict[str, str]]:
    """Return twelve mails."""
    return [
        {
            "email_id": f"<m{n}@x.example>",
            "subject": f"subject {n}",
            "body": f"the body of mail {n} with words",
            "sender": f"p{n % 3}@d.example",
            "label": ("ham", "spam")[n % 2],
            "date": f"2026-01-{n + 1:02d}T10:00:00Z",
        }
        for n in range(12)
    ]


@dataclass(frozen=True)
class InputCase:
    """An input of one format with one oddity; `refused` is in the message where it is refused,
    `aside` the lines or messages that are set aside.
    """

    format: str
    oddity: str
    write: Write
    aside: int = 0
    refused: str = ""

    @property
    def outcome(self) -> str:
        """What becomes of it, in words."""
        if self.refused:
            return f"refused: “{self.refused}”"
        if self.aside:
            return f"{self.aside} set aside with number and reason; all others read"
        return READ


def _file(name: str, content: str | bytes, encoding: str = "utf-8") -> Write:
    data = content if isinstance(content, bytes) else content.encode(encoding)

    def write(folder: Path) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    return write


def _csv(delimiter: str = ",", end: str = "\n") -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, NAMES, delimiter=delimiter, lineterminator=end)
    writer.writeheader()
    writer.writerows(records())
    return out.getvalue()


def _spark() -> str:
    rows = [r | {"body": f'"He said \\"{r["body"]}\\", C:\\\\x"'} for r in records()]
    return "\n".join([",".join(NAMES), *(",".join(r.values()) for r in rows)]) + "\n"


def _table(delimiter: str, cell: Callable[[str], str]) -> str:
    lines = [NAMES, *(map(cell, record.values()) for record in records())]
    return "\n".join(map(delimiter.join, lines)) + "\n"


def _spaced() -> str:
    return _table(", ", '"{}"'.format)


def _escaped(tab: str, end: str) -> str:
    return _table("\t", lambda value: value + (f' C:\\\\x{tab}"{end}' if "body" in value else ""))


def _enclosed() -> str:
    return _table(
        ",", lambda value: f'"{value}' + (' C:\\\\x \\"\\\n"' if "body" in value else '"')
    )


def _unclosed() -> str:
    lines = _csv().split("\n")
    for number in (3, 9):
        lines[number] = lines[number].replace("the body", '"the body')
    return "\n".join(lines)


def _json(change: Callable[[dict], dict] = dict, end: str = "\n", indent: int | None = None) -> str:
    return "".join(json.dumps(change(record), indent=indent) + end for record in records())


def _many_keys(record: dict) -> dict:
    return record | {f"X-{record['email_id']}-{n}": n for n in range(300)}


def _zip(name: str, content: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, content)
    return out.getvalue()


def _parquet(change: Callable[[pa.Table], pa.Table], name: str = "s.parquet", **options) -> Write:
    def write(folder: Path) -> Path:
        pq.write_table(change(pa.Table.from_pylist(records())), folder / name, **options)
        return folder / name

    return write


def _packed_parquet(folder: Path) -> Path:
    path = _parquet(lambda table: table)(folder)
    packed = folder / "s.parquet.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    return packed


def _tar(folder: Path) -> Path:
    member = _file("s.csv", _csv())(folder)
    with tarfile.open(folder / "s.tar.gz", "w:gz") as archive:
        archive.add(member, "s.csv")
    return folder / "s.tar.gz"


def _cast(kind: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    return lambda table: pa.table({n: table[n].cast(kind) for n in table.column_names})


def _with(name: str, values: pa.Array) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        return (table.drop_columns(name) if name in table.column_names else table).append_column(
            name, values
        )

    return change


def _hive(folder: Path) -> Path:
    pq.write_to_dataset(pa.Table.from_pylist(records()), folder / "h", partition_cols=["label"])
    return folder / "h"


def _duplicated(table: pa.Table) -> pa.Table:
    ones = pa.array([1] * 12)
    return table.append_column("note", ones).append_column("note", ones)


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
            _file(f"in/{record['label']}/{number}{suffix}", data)(folder)
        return folder / "in"

    return write


def _mailbox(
    make: Callable[[dict[str, str]], str], suffix: str = ".mbox", end: str = "\n"
) -> Write:
    def write(folder: Path) -> Path:
        for label in ("ham", "spam"):
            texts = [ENVELOPE + make(r) + "\n\n" for r in records() if r["label"] == label]
            data = "".join(texts).replace("\n", end)
            _file(f"in/{label}{suffix}", data)(folder)
        return folder / "in"

    return write


def _part(record: dict[str, str]) -> str:
    return f"--other\nContent-Type: text/plain\n\n{record['body']}\n--other--"


def _counted(record: dict[str, str]) -> str:
    body = record["body"] + f"\n\n{ENVELOPE}Subject: quoted\n"
    return mail(record, f"Content-Length: {len(body)}\n", body)


_NAMED = 'MIME-Version: 1.0\nContent-Type: text/plain; name="m.txt"\nContent-Disposition: inline\n'
_ENCRYPTED = "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n"
_IN_BODY = "\n\nFrom Monday on we answer from 9:30 to 17:00.\n\nBye"
_PARTS = "Content-Type: multipart/mixed\n"
_BASE64 = "Content-Transfer-Encoding: base64\n"
_QUOTED = 'Content-Transfer-Encoding: "Quoted-Printable" (by hand)\n'
_FLOWED = "Content-Type: text/plain; format=flowed\n"
_HTML = "Content-Type: text/html\n"
_BOM = "\ufeff"

CASES = (
    InputCase("CSV", "byte order mark", _file("s.csv", _BOM + _csv())),
    InputCase("CSV", "UTF-16, as Excel writes text", _file("s.csv", _csv("\t"), "utf-16")),
    InputCase(
        "CSV", "a first line `sep=;`, as Excel writes it", _file("s.csv", "sep=;\n" + _csv(";"))
    ),
    InputCase("CSV", "leading empty lines, CRLF", _file("s.csv", "\r\n\r\n" + _csv(end="\r\n"))),
    InputCase("CSV", "lines that end with CR", _file("s.csv", _csv(end="\r"))),
    InputCase("CSV", 'quotes written `\\"`, as Spark does', _file("s.csv", _spark())),
    InputCase("CSV", "blanks before quotes", _file("s.csv", _spaced())),
    InputCase("CSV", "MySQL, in batch mode (`mysql -B`)", _file("s.tsv", _escaped("\\t", "\\n"))),
    InputCase("CSV", "MySQL `INTO OUTFILE`", _file("s.tsv", _escaped("\\\t", "\\\n"))),
    InputCase("CSV", "MySQL `ENCLOSED BY '\"'`", _file("s.csv", _enclosed())),
    InputCase("CSV", "PostgreSQL `COPY`", _file("export.tsv", _escaped("\\t", "\\n"))),
    InputCase("CSV", "quotes that are never closed", _file("s.csv", _unclosed()), aside=2),
    InputCase("CSV", "a row with too many fields", _file("s.csv", _csv() + "a,b,c,d,e,f,g\n"), 1),
    InputCase("CSV", "no suffix", _file("export", _csv())),
    InputCase("CSV", "gzip without the suffix", _file("s.csv", gzip.compress(_csv().encode()))),
    InputCase("CSV", "`.bz2`", _file("s.csv.bz2", bz2.compress(_csv().encode()))),
    InputCase("CSV", "`.xz`", _file("s.csv.xz", lzma.compress(_csv().encode()))),
    InputCase(
        "CSV", "`.zst`", _file("s.csv.zst", pa.compress(_csv().encode(), "zstd", asbytes=True))
    ),
    InputCase("CSV", "in a `.zip`", _file("s.zip", _zip("deep/s.csv", _csv()))),
    InputCase("CSV", "in a tar archive", _tar, refused="is a tar archive; unpack it"),
    InputCase("CSV", "named `.gz`, not compressed", _file("s.csv.gz", _csv()), refused="says gzip"),
    InputCase("JSON lines", "byte order mark", _file("s.jsonl", _BOM + _json())),
    InputCase("JSON lines", "UTF-16", _file("s.jsonl", _json(), "utf-16")),
    InputCase("JSON lines", "no suffix", _file("export", _json())),
    InputCase("JSON lines", "CRLF and empty lines", _file("s.jsonl", _json(end="\r\n\r\n"))),
    InputCase("JSON lines", "different keys in each record", _file("s.json", _json(_many_keys))),
    InputCase(
        "JSON lines", "lines that are not objects", _file("s.json", _json() + "{x\n[1]\n"), 2
    ),
    InputCase("JSON", "one array", _file("s.json", json.dumps(records()))),
    InputCase("JSON", "one array, no suffix", _file("export", json.dumps(records(), indent=1))),
    InputCase("JSON", "objects on several lines (jq)", _file("s.json", _json(indent=2))),
    InputCase(
        "JSON", "an array with other values", _file("s.json", json.dumps([*records(), 1, "a"])), 2
    ),
    InputCase(
        "JSON",
        "an array cut off",
        _file("s.json", json.dumps(records())[:-30]),
        refused="not valid JSON after 11 records",
    ),
    InputCase("Parquet", "text as binary", _parquet(_cast(pa.binary()))),
    InputCase("Parquet", "text as large strings", _parquet(_cast(pa.large_string()))),
    InputCase("Parquet", "text as views", _parquet(_cast(pa.string_view()))),
    InputCase(
        "Parquet", "text as a dictionary", _parquet(_cast(pa.dictionary(pa.int32(), pa.string())))
    ),
    InputCase(
        "Parquet",
        "labels as decimals",
        _parquet(_with("label", pa.array([Decimal(n % 2) for n in range(12)]))),
    ),
    InputCase(
        "Parquet",
        "times as INT96",
        _parquet(
            _with("date", pa.array(range(12), pa.timestamp("us"))),
            use_deprecated_int96_timestamps=True,
        ),
    ),
    InputCase("Parquet", "two columns with the same name", _parquet(_duplicated)),
    InputCase("Parquet", "lists and objects", _parquet(_with("to", pa.array([[{"a": 1}]] * 12)))),
    InputCase("Parquet", "no suffix", _parquet(lambda table: table, "export")),
    InputCase("Parquet", "gzip", _packed_parquet),
    InputCase("Parquet", "columns in folder names (Hive, Spark)", _hive),
    InputCase("Parquet", "encrypted", _file("s.parquet", b"PARE" * 9), refused="encrypted Parquet"),
    InputCase(
        "Parquet", "named `.csv`", _parquet(lambda table: table, "s.csv"), refused="name says CSV"
    ),
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
        _file("in/ham/1.eml", mail(records()[0], _ENCRYPTED)),
        refused="has no rows",
    ),
    InputCase(
        "mail",
        "Outlook's `.msg`",
        _file("1.msg", b"\xd0\xcf\x11\xe0" * 9),
        refused="export mail as .eml",
    ),
    InputCase("mailbox", "no suffix", _mailbox(mail, "")),
    InputCase("mailbox", "CRLF (Gmail Takeout)", _mailbox(mail, end="\r\n")),
    InputCase(
        "mailbox",
        "a line with `From ` and a time in a body",
        _mailbox(lambda r: mail(r, body=r["body"] + _IN_BODY)),
    ),
    InputCase("mailbox", "`Content-Length` (mboxcl)", _mailbox(_counted)),
    InputCase(
        "mailbox", "`>From ` (mboxrd)", _mailbox(lambda r: mail(r, body=r["body"] + "\n>From x"))
    ),
    InputCase(
        "mailbox",
        "named `.mbox`, one mail",
        _file("ham.mbox", mail(records()[0])),
        refused="is not an mbox",
    ),
)
