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
import warnings
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from input_case import NAMES, InputCase, Write, as_file, records
from mail_cases import MAIL_CASES


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
    member = as_file("s.csv", _csv())(folder)
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


def _headed() -> str:
    lines = _csv().splitlines(keepends=True)
    return "".join([*lines[:7], "\ufeff", lines[0], *lines[7:]])


def _unquoted() -> str:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONE, escapechar="\\", lineterminator="\n")
    writer.writerows([NAMES, *((r | {"body": f"{r['body']}, x"}).values() for r in records())])
    return out.getvalue()


def _doubled_zip() -> bytes:
    lines, out = _csv().splitlines(keepends=True), io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as archive:
        warnings.simplefilter("ignore")  # of two members with one name
        for rows in (lines[1:7], lines[7:]):
            archive.writestr("./s.csv", "".join([lines[0], *rows]))
    return out.getvalue()


def _nested_zip(folder: Path) -> Path:
    path, out = folder / "s.zip", io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("s.csv", _csv())
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inner.zip", out.getvalue())
    return path


_BOM = "\ufeff"

CASES = (
    InputCase("CSV", "byte order mark", as_file("s.csv", _BOM + _csv())),
    InputCase("CSV", "UTF-16, as Excel writes text", as_file("s.csv", _csv("\t"), "utf-16")),
    InputCase(
        "CSV", "a first line `sep=;`, as Excel writes it", as_file("s.csv", "sep=;\n" + _csv(";"))
    ),
    InputCase("CSV", "UTF-16 without a mark", as_file("s.csv", _csv("\t"), "utf-16-le")),
    InputCase(
        "CSV", "a first line `SEP=;;;` or in quotes", as_file("s.csv", "Sep=;;;\n" + _csv(";"))
    ),
    InputCase(
        "CSV",
        "rows without any value, as Excel writes them",
        as_file("s.csv", _csv() + ",,,,,\n" * 9),
    ),
    InputCase("CSV", "Ctrl-Z or NUL behind the last row", as_file("s.csv", _csv() + "\x1a\0\0")),
    InputCase("CSV", "the header again (joined files)", as_file("s.csv", _headed()), aside=1),
    InputCase("CSV", "delimiters written `\\,`, without quotes", as_file("s.csv", _unquoted())),
    InputCase(
        "CSV",
        "blanks and invisible characters in the names of columns",
        as_file("s.csv", _csv().replace("body,sender", "\u00a0body ,\u200bsender")),
    ),
    InputCase(
        "CSV",
        "another delimiter, such as `^`",
        as_file("s.csv", _csv("^")),
        refused="delimiter of s.csv cannot be determined",
    ),
    InputCase(
        "CSV",
        "control characters as delimiters (Hive)",
        as_file("s.csv", _csv("\x01")),
        refused="is not CSV: its header has",
    ),
    InputCase("CSV", "leading empty lines, CRLF", as_file("s.csv", "\r\n\r\n" + _csv(end="\r\n"))),
    InputCase("CSV", "lines that end with CR", as_file("s.csv", _csv(end="\r"))),
    InputCase("CSV", 'quotes written `\\"`, as Spark does', as_file("s.csv", _spark())),
    InputCase("CSV", "blanks before quotes", as_file("s.csv", _spaced())),
    InputCase("CSV", "MySQL, in batch mode (`mysql -B`)", as_file("s.tsv", _escaped("\\t", "\\n"))),
    InputCase("CSV", "MySQL `INTO OUTFILE`", as_file("s.tsv", _escaped("\\\t", "\\\n"))),
    InputCase("CSV", "MySQL `ENCLOSED BY '\"'`", as_file("s.csv", _enclosed())),
    InputCase("CSV", "PostgreSQL `COPY`", as_file("export.tsv", _escaped("\\t", "\\n"))),
    InputCase("CSV", "quotes that are never closed", as_file("s.csv", _unclosed()), aside=2),
    InputCase("CSV", "a row with too many fields", as_file("s.csv", _csv() + "a,b,c,d,e,f,g\n"), 1),
    InputCase("CSV", "no suffix", as_file("export", _csv())),
    InputCase("CSV", "gzip without the suffix", as_file("s.csv", gzip.compress(_csv().encode()))),
    InputCase("CSV", "`.bz2`", as_file("s.csv.bz2", bz2.compress(_csv().encode()))),
    InputCase("CSV", "`.xz`", as_file("s.csv.xz", lzma.compress(_csv().encode()))),
    InputCase(
        "CSV", "`.zst`", as_file("s.csv.zst", pa.compress(_csv().encode(), "zstd", asbytes=True))
    ),
    InputCase("CSV", "in a `.zip`", as_file("s.zip", _zip("deep/s.csv", _csv()))),
    InputCase(
        "CSV",
        "`.zst` in several frames",
        as_file(
            "s.csv.zst",
            b"\x50\x2a\x4d\x18\4\0\0\0abcd" + pa.compress(_csv().encode(), "zstd", asbytes=True),
        ),
    ),
    InputCase("CSV", "two files with one name in a `.zip`", as_file("s.zip", _doubled_zip())),
    InputCase(
        "CSV",
        "packed three times",
        as_file("s.csv.gz", gzip.compress(gzip.compress(gzip.compress(_csv().encode())))),
        refused="packed more than 2 times",
    ),
    InputCase("CSV", "a `.zip` in a `.zip`", _nested_zip, refused="is a zip archive"),
    InputCase("CSV", "in a tar archive", _tar, refused="is a tar archive; unpack it"),
    InputCase(
        "CSV", "named `.gz`, not compressed", as_file("s.csv.gz", _csv()), refused="says gzip"
    ),
    InputCase("JSON lines", "byte order mark", as_file("s.jsonl", _BOM + _json())),
    InputCase("JSON lines", "UTF-16", as_file("s.jsonl", _json(), "utf-16")),
    InputCase("JSON lines", "UTF-16 without a mark", as_file("s.jsonl", _json(), "utf-16-le")),
    InputCase("JSON lines", "lines that end with CR", as_file("s.jsonl", _json(end="\r"))),
    InputCase(
        "JSON lines",
        "a list in place of one value",
        as_file("s.jsonl", _json() + json.dumps(records()[0] | {"body": ["a"]}) + "\n"),
        aside=1,
    ),
    InputCase(
        "JSON lines",
        "a key twice in a record: the last counts, as in requests",
        as_file("s.jsonl", _json().replace('{"email', '{"body": "", "email')),
    ),
    InputCase("JSON lines", "no suffix", as_file("export", _json())),
    InputCase("JSON lines", "CRLF and empty lines", as_file("s.jsonl", _json(end="\r\n\r\n"))),
    InputCase("JSON lines", "different keys in each record", as_file("s.json", _json(_many_keys))),
    InputCase(
        "JSON lines", "lines that are not objects", as_file("s.json", _json() + "{x\n[1]\n"), 2
    ),
    InputCase("JSON", "one array", as_file("s.json", json.dumps(records()))),
    InputCase("JSON", "one array, no suffix", as_file("export", json.dumps(records(), indent=1))),
    InputCase(
        "JSON",
        "NaN, Infinity and long numbers, as Python writes them",
        as_file("s.json", json.dumps([r | {"x": float("nan"), "y": 10**30} for r in records()])),
    ),
    InputCase(
        "JSON",
        "a comma behind the last value",
        as_file("s.json", json.dumps(records())[:-1] + ",]"),
    ),
    InputCase(
        "JSON",
        "several arrays",
        as_file("s.json", json.dumps(records()[:5]) + "\n" + json.dumps(records()[5:])),
    ),
    InputCase("JSON", "objects without a line end between them", as_file("s.json", _json(end=""))),
    InputCase("JSON", "objects with a comma behind each", as_file("s.json", _json(end=",\n"))),
    InputCase(
        "JSON",
        "records inside another object, as web services send them",
        as_file("s.json", json.dumps({"count": 12, "data": records()})),
        refused="inside 'data' of another object",
    ),
    InputCase("JSON", "objects on several lines (jq)", as_file("s.json", _json(indent=2))),
    InputCase(
        "JSON", "an array with other values", as_file("s.json", json.dumps([*records(), 1, "a"])), 2
    ),
    InputCase(
        "JSON",
        "an array cut off",
        as_file("s.json", json.dumps(records())[:-30]),
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
    InputCase(
        "Parquet", "encrypted", as_file("s.parquet", b"PARE" * 9), refused="encrypted Parquet"
    ),
    InputCase(
        "Parquet", "named `.csv`", _parquet(lambda table: table, "s.csv"), refused="name says CSV"
    ),
    *MAIL_CASES,
)
