"""Rows of a CSV file: delimiter and encoding are found out, every value stays text."""

import csv as plain_csv
import io
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import csv

from data_pipeline.sources.columns import Wanted
from data_pipeline.sources.formats.files import SourceFile
from data_pipeline.sources.formats.limits import MEGABYTE, RECORD_BYTES
from data_pipeline.sources.formats.parquet_file import MAGIC
from data_pipeline.sources.formats.utf8 import Utf8Stream
from data_pipeline.sources.items import Item, Remark, Rows
from platform_core.errors import InvalidData

DELIMITERS = ",;\t|"
SAMPLE_BYTES = 65_536
# Of the rows in the sample, so many must have as many fields as the header.
CONSISTENT = 0.8


@dataclass
class Malformed:
    """Counts lines that do not parse; `first` says what was wrong with the first."""

    rows: int = 0
    first: str = ""

    def add(self, what: str) -> None:
        """Count one line."""
        self.rows += 1
        self.first = self.first or what


@dataclass(frozen=True)
class Dialect:
    """How a file is written."""

    delimiter: str
    header: tuple[str, ...]


def read_csv(file: SourceFile, wanted: Wanted, malformed: Malformed) -> Iterator[Item]:
    """Yield the rows; those with another number of fields than the header are counted instead.

    Raises:
        InvalidData: it is no CSV, its delimiter cannot be told, or columns are missing.
    """
    with file.open() as raw:
        text = Utf8Stream(raw, SAMPLE_BYTES)
        if text.sample.startswith(MAGIC):
            raise InvalidData(f"{file.name} is a Parquet file although its name says CSV")
        dialect = find_dialect(file.name, text.sample, wanted.known)
        if dialect.delimiter != ",":
            yield Remark(f"{file.name}: read with {dialect.delimiter!r} between the fields")
        schema = pa.schema([pa.field(name, pa.string()) for name in dialect.header])
        chosen = wanted.choose(file.name, schema)
        yield from chosen.remarks(file.name)
        for batch in _batches(file, text, dialect, malformed):
            yield Rows(file.name, chosen.apply(batch, file.name))
        yield from (Remark(f"{file.name}: {remark}") for remark in text.remarks())


def find_dialect(name: str, sample: bytes, known: Collection[str]) -> Dialect:
    """Return delimiter and header as the start of a file (UTF-8) shows them.

    Raises:
        InvalidData: no delimiter gives rows like the header.
    """
    lines = sample.decode(errors="replace").lstrip("\ufeff")
    tried = [(_score(rows, known), d, rows) for d in DELIMITERS if (rows := _rows(lines, d))]
    if not tried:
        raise InvalidData(f"{name} is empty; give a file with labelled records")
    score, delimiter, rows = max(tried, key=lambda entry: entry[0])
    header = tuple(cell.strip() for cell in rows[0])
    if len(header) > 1 and score[1] < CONSISTENT and not score[0]:
        raise InvalidData(
            f"the delimiter of {name} cannot be told: with {delimiter!r} the header has "
            f"{len(header)} fields and most rows have another number; quote fields that hold the "
            "delimiter"
        )
    if len(header) == 1 and any(mark in header[0] for mark in DELIMITERS):
        raise InvalidData(
            f"the header of {name} is one column called {header[0][:100]!r}, which looks like "
            "several: write it without quotes around the whole line"
        )
    return Dialect(delimiter, header)


def _rows(text: str, delimiter: str) -> list[Sequence[str]]:
    whole = text if len(text) < SAMPLE_BYTES // 2 else text[: text.rfind("\n") + 1] or text
    reader = plain_csv.reader(io.StringIO(whole, newline=""), delimiter=delimiter)
    rows: list[Sequence[str]] = []
    with suppress(plain_csv.Error):  # what was read until then decides
        rows.extend(row for row in reader if row)
    return rows


def _score(rows: Sequence[Sequence[str]], known: Collection[str]) -> tuple[int, float, int]:
    """Return columns we know, the share of rows as wide as the header, and its width."""
    header = [cell.strip() for cell in rows[0]]
    body = rows[1:]
    like = sum(len(row) == len(header) for row in body) / len(body) if body else 1.0
    found = sum(name in known for name in header)
    return found, like if len(header) > 1 else 0.0, len(header)


def _batches(
    file: SourceFile, text: Utf8Stream, dialect: Dialect, malformed: Malformed
) -> Iterator[pa.RecordBatch]:
    def skip(row: csv.InvalidRow) -> str:
        malformed.add(f"{row.actual_columns} fields where the header has {row.expected_columns}")
        return "skip"

    names = [f"c{index}" for index in range(len(dialect.header))]
    block = min(RECORD_BYTES, max(MEGABYTE, file.size * 4))
    # Text such as "NA" or an empty body is text: only the validation may call a value missing.
    convert = csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        strings_can_be_null=False,
        quoted_strings_can_be_null=False,
    )
    parse = csv.ParseOptions(
        delimiter=dialect.delimiter, newlines_in_values=True, invalid_row_handler=skip
    )
    read = csv.ReadOptions(
        use_threads=False, block_size=block, column_names=names, skip_rows_after_names=1
    )
    try:
        with csv.open_csv(text, read, parse, convert) as reader:
            yield from reader
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return
        raise InvalidData(
            f"{file.name} cannot be read as CSV ({str(error)[:200]}); is a quote never closed, or "
            f"a row longer than {RECORD_BYTES >> 20} MB?"
        ) from error
