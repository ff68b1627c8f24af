"""Rows of a CSV file: the dialect is found out, every value stays text, every line is counted."""

import csv
import io
import re
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from data_pipeline.sources.columns import ColumnMapping, ColumnSelection
from data_pipeline.sources.events import LINES, Finished, Note, ReadEvent, Rejects, Rows
from data_pipeline.sources.formats.opening import (
    BATCH_BYTES,
    BATCH_ROWS,
    PARQUET,
    RECORD_BYTES,
    SourceFile,
)
from data_pipeline.sources.formats.text import SAMPLE_BYTES, Utf8Stream
from platform_core.errors import InvalidData

DELIMITERS = ",;\t|"
# Of the rows in the sample, this share must have as many fields as the header.
CONSISTENT = 0.8
# How much may be read again behind quotes that are never closed.
MAX_REREAD = 16 * RECORD_BYTES
_OPEN = "the end of a quoted field is missing; is a quote never closed?"
# Excel's first line, which names the delimiter.
_SEPARATOR = re.compile(r"sep=(.)\r?\n")
_ESCAPED = re.compile(r'(\\.|")')


@dataclass(frozen=True)
class Dialect:
    """How a file is written: with `backslash`, a quote inside quotes has one before it, as Spark
    writes it; otherwise it is doubled (RFC 4180).
    """

    delimiter: str
    backslash: bool
    header: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Record:
    """The fields of one record, or why there are none, and the lines it was read from."""

    first: int
    lines: Sequence[str]
    fields: list[str]
    problem: str = ""


def read_csv(file: SourceFile, mapping: ColumnMapping, rejects: Rejects) -> Iterator[ReadEvent]:
    """Yield the rows; lines that are no row are set aside.

    Raises:
        InvalidData: it is no CSV, its delimiter cannot be told, or columns are missing.
    """
    with file.open() as opened:
        data = Utf8Stream(opened.stream)
        if data.sample.startswith(PARQUET):
            raise InvalidData(f"{file.name} is a Parquet file although its name says CSV")
        dialect = find_dialect(file.name, data.sample, mapping.known)
        if dialect.delimiter != ",":
            yield Note(f"{file.name}: read with {dialect.delimiter!r} between the fields")
        selection = mapping.select(file, [pa.field(n, pa.string()) for n in dialect.header])
        yield from selection.notes(file.name)
        text = io.TextIOWrapper(io.BufferedReader(data), "utf-8", newline="")
        lines = _Lines(text, opened.skipped + 1, dialect)
        records = _records(lines, dialect, _swallows(dialect, selection))
        for batch in _batches(records, dialect, selection, rejects):
            yield Rows(file.name, selection.apply(batch, file.name))
            yield from rejects.events()
        notes = (*opened.notes, *data.notes())
        yield from (Note(f"{file.name}: {note}") for note in notes)
        yield Finished(file.name, LINES, lines.number - 1, file.size)


def find_dialect(name: str, sample: bytes, known: Collection[str]) -> Dialect:
    """Return delimiter, quoting and header as the start of a file (UTF-8) shows them.

    Raises:
        InvalidData: no delimiter gives rows like the header.
    """
    text = sample.decode(errors="replace")
    whole = text if len(sample) < SAMPLE_BYTES // 2 else text[: text.rfind("\n") + 1] or text
    separator = _SEPARATOR.match(whole)
    tried = [
        (_score(rows, known), Dialect(delimiter, backslash, tuple(c.strip() for c in rows[0])))
        for delimiter in (separator[1] if separator else DELIMITERS)
        for backslash in ((False, True) if '\\"' in whole else (False,))
        if (rows := _sample_rows(whole, Dialect(delimiter, backslash)))
    ]
    if not tried:
        raise InvalidData(f"{name} is empty; give a file with labelled records")
    (found, alike, _), dialect = max(tried, key=lambda entry: entry[0])
    header = dialect.header
    if len(header) > 1 and alike < CONSISTENT and not found:
        raise InvalidData(
            f"the delimiter of {name} cannot be told: with {dialect.delimiter!r} the header has "
            f"{len(header)} fields and most rows have another number; quote fields that hold the "
            "delimiter"
        )
    if len(header) == 1 and any(mark in header[0] for mark in DELIMITERS):
        raise InvalidData(
            f"the header of {name} is one column called {header[0][:100]!r}, which looks like "
            "several: write it without quotes around the whole line"
        )
    return dialect


def _sample_rows(text: str, dialect: Dialect) -> list[list[str]]:
    lines = _Lines(io.StringIO(text, newline=""), 1, dialect)
    return [record.fields for record in _records(lines, dialect) if record.fields or record.problem]


def _score(rows: Sequence[Sequence[str]], known: Collection[str]) -> tuple[int, float, int]:
    """Return columns we know, the share of rows as wide as the header, and its width."""
    header, body = [cell.strip() for cell in rows[0]], rows[1:]
    alike = sum(len(row) == len(header) for row in body) / len(body) if body else 1.0
    found = sum(name in known for name in header)
    return found, alike if len(header) > 1 else 0.0, len(header)


def _batches(
    records: Iterator[_Record], dialect: Dialect, selection: ColumnSelection, rejects: Rejects
) -> Iterator[list[pa.Array]]:
    """Yield the selected columns of the rows, a bounded number at a time."""
    rows: list[list[str]] = []
    size, width = 0, len(dialect.header)
    next((record for record in records if record.fields), None)
    for record in records:
        fields = record.fields
        if len(fields) == width and not record.problem:
            rows.append(fields)
            size += sum(map(len, record.lines))
            if len(rows) >= BATCH_ROWS or size >= BATCH_BYTES:
                yield _columns(rows, selection)
                rows, size = [], 0
        elif fields or record.problem:
            wrong = f"{len(fields)} fields where the header has {width}"
            rejects.add(record.first, len(record.lines), record.problem or wrong)
    yield _columns(rows, selection)


def _columns(rows: list[list[str]], selection: ColumnSelection) -> list[pa.Array]:
    return [pa.array([row[i] for row in rows], pa.string()) for i in selection.indices]


class _Lines:
    """Lines as `csv.reader` takes them; those of a record that never ends can be given again."""

    def __init__(self, text: io.TextIOBase, first: int, dialect: Dialect) -> None:
        self._read = partial(text.readline, RECORD_BYTES)
        self._again: deque[str] = deque()
        self._backslash, self._quoted = dialect.backslash, False
        self._size = self._reread = 0
        self.number, self.taken = first, list[str]()
        """Where the present record begins, and its lines so far."""
        line = self._read()
        if _SEPARATOR.fullmatch(line):
            self.number += 1
        elif line:
            self._again.append(line)

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self._size > RECORD_BYTES:
            raise StopIteration  # as at the end of the file: the record has no end
        line = self._again.popleft() if self._again else self._read()
        if not line:
            raise StopIteration
        self.taken.append(line)
        self._size += len(line)
        if len(line) == RECORD_BYTES and not line.endswith(("\n", "\r")):
            while (rest := self._read()) and not rest.endswith(("\n", "\r")):
                pass
            raise csv.Error(f"a line longer than {RECORD_BYTES >> 20} MB")
        return self._doubled(line) if self._backslash else line

    def end(self) -> list[str]:
        """End the record and return its lines."""
        taken, self.taken = self.taken, []
        self.number += len(taken)
        self._size, self._quoted = 0, False
        return taken

    def keep_first(self) -> None:
        """Take back all lines of the record but the first."""
        self._again.extendleft(reversed(self.taken[1:]))
        self._reread += sum(map(len, self.taken[1:]))
        del self.taken[1:]
        if self._reread > MAX_REREAD:
            raise InvalidData("too many quotes are never closed; write it with quotes doubled")

    def _doubled(self, line: str) -> str:
        """Return a line with the quotes inside quotes doubled."""
        parts = _ESCAPED.split(line)
        for index in range(1, len(parts), 2):
            if parts[index] == '"':
                self._quoted = not self._quoted
            elif self._quoted and parts[index] == '\\"':
                parts[index] = '""'
            elif self._quoted and parts[index] == "\\\\":
                parts[index] = "\\"
        return "".join(parts)


def _records(
    lines: _Lines, dialect: Dialect, swallows: Callable[[Sequence[str]], bool] = lambda _: False
) -> Iterator[_Record]:
    """Yield every record. Where a quote is never closed, its line alone is a problem, and reading
    goes on with the line after it; `swallows` recognises lines that hold other records.
    """
    csv.field_size_limit(2 * RECORD_BYTES)
    while True:
        reader = csv.reader(lines, delimiter=dialect.delimiter, strict=True)
        problem = ""
        try:
            for fields in reader:
                if len(lines.taken) > 2 and swallows(lines.taken):  # noqa: PLR2004
                    problem = _OPEN
                    break
                yield _Record(lines.number, lines.end(), fields)
        except csv.Error as error:
            problem = _OPEN if "unexpected end" in str(error) else f"no CSV: {error}"
        if not problem:
            return
        lines.keep_first()
        yield _Record(lines.number, lines.end(), [], problem)


def _swallows(dialect: Dialect, selection: ColumnSelection) -> Callable[[Sequence[str]], bool]:
    """Return whether the inner lines of a record look like rows of their own, labels included."""
    width, known = len(dialect.header), selection.mapping.label_values
    label = selection.inside.get(selection.mapping.label)

    def swallows(lines: Sequence[str]) -> bool:
        if label is None:
            return False
        inner = [line.split(dialect.delimiter) for line in lines[1:-1]]
        rows = [cells for cells in inner if len(cells) == width]
        labelled = sum(cells[label].strip(' "\r\n').lower() in known for cells in rows)
        return labelled > 0 and 2 * labelled >= len(inner)

    return swallows
