"""Rows of a CSV file: the dialect is found out, every value stays text, every line is counted.

Arrow parses blocks in which no two readers can differ; the others go line by line through
Python's strict parser, which tells what is wrong where. Both give the same rows.
"""

import codecs
import io
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from data_pipeline.sources.columns import ColumnMapping, ColumnSelection
from data_pipeline.sources.events import (
    LINES,
    FileFinished,
    Note,
    ReadEvent,
    RejectCollector,
    SourceRows,
)
from data_pipeline.sources.formats.csv_records import (
    BLANK,
    CHUNK_BYTES,
    ESCAPE,
    ONLY_ESCAPES,
    SEPARATOR,
    Dialect,
    Quoting,
    RecordLines,
    strict_records,
)
from data_pipeline.sources.formats.opening import MEGABYTE, PARQUET, SourceFile
from data_pipeline.sources.formats.text import SAMPLE_BYTES, Utf8Stream
from platform_core.errors import InvalidData

DELIMITERS = ",;\t|"
# What no header has.
_CONTROL = re.compile(r"[\x01-\x08\x0e-\x1f\x7f]")
# Of the rows in the sample, this share must have as many fields as the header.
CONSISTENT = 0.8
# Arrow is given the larger number of bytes, and the smaller around what it cannot be given.
BLOCK_BYTES, SMALL_BLOCK_BYTES = 4 * MEGABYTE, CHUNK_BYTES
# Bytes that Arrow would read differently.
_UNUSUAL = {
    Quoting.SPACED: re.compile(rb"[,;\t|] "),
    Quoting.BACKSLASH: re.compile(rb"\\"),
    Quoting.ESCAPED: re.compile(rb'[\\"]'),
}


def read_csv(
    file: SourceFile, mapping: ColumnMapping, rejects: RejectCollector
) -> Iterator[ReadEvent]:
    """Yield the rows; malformed lines are set aside.

    Raises:
        InvalidData: it is not CSV, its delimiter is ambiguous, or columns are missing.
    """
    with file.open() as opened:
        data = Utf8Stream(opened.stream)
        if data.sample.startswith(PARQUET):
            raise InvalidData(f"{file.name} is a Parquet file although its name says CSV")
        dialect = find_dialect(file.name, data.sample, mapping.known)
        if dialect.delimiter != ",":
            yield Note(f"{file.name}: read with {dialect.delimiter!r} between the fields")
        if dialect.quoting is Quoting.ESCAPED:
            yield Note(f"{file.name}: read with backslash escapes, as MySQL and PostgreSQL write")
        selection = mapping.select(file, [pa.field(n, pa.string()) for n in dialect.header])
        yield from selection.notes(file.name)
        lines = RecordLines(io.BufferedReader(data), opened.skipped + 1, dialect)
        for batch in _batches(lines, dialect, selection, rejects):
            yield SourceRows(file.name, selection.apply(batch, file.name))
            yield from rejects.events()
        notes = (*opened.notes, *data.notes())
        yield from (Note(f"{file.name}: {note}") for note in notes)
        yield FileFinished(file.name, LINES, lines.number - 1, file.size)


def find_dialect(name: str, sample: bytes, known: Collection[str]) -> Dialect:
    """Return delimiter, quoting and header as the start of a file (UTF-8) shows them.

    Raises:
        InvalidData: no delimiter gives rows like the header.
    """
    text = sample.decode(errors="replace")
    whole = text if len(sample) < SAMPLE_BYTES // 2 else text[: text.rfind("\n") + 1] or text
    separator = SEPARATOR.match(whole)
    tried = [
        (_score(rows, known), Dialect(delimiter, quoting, _header(rows[0])))
        for delimiter in (separator[1] if separator else DELIMITERS)
        for quoting in _quotings(whole, delimiter)
        if (rows := _sample_rows(whole, Dialect(delimiter, quoting)))
    ]
    if not tried:
        raise InvalidData(f"{name} is empty; give a file with labelled records")
    (found, alike, _), dialect = max(tried, key=lambda entry: entry[0])
    header = dialect.header
    if control := _CONTROL.search("".join(header)):
        raise InvalidData(
            f"{name} is not CSV: its header has the control character U+{ord(control[0]):04X}; "
            "write text with a comma, semicolon, tab or | between the fields"
        )
    if len(header) > 1 and alike < CONSISTENT and not found:
        raise InvalidData(
            f"the delimiter of {name} cannot be determined: with {dialect.delimiter!r} the header "
            f"has {len(header)} fields and most rows have a different number; quote fields that "
            "contain the delimiter"
        )
    if len(header) == 1 and any(mark in header[0] for mark in DELIMITERS):
        raise InvalidData(
            f"the header of {name} is one column called {header[0][:100]!r}, which looks like "
            "several: write it without quotes around the whole line"
        )
    if len(header) == 1 and sum(one in header[0] for one in known) > 1:
        raise InvalidData(
            f"the delimiter of {name} cannot be determined: its first line is {header[0][:100]!r}; "
            "use a comma, semicolon, tab or |, or name another one in a first line such as sep=^"
        )
    return dialect


def _header(cells: Sequence[str | None]) -> tuple[str, ...]:
    return tuple((cell or "").strip().strip("\ufeff") for cell in cells)


def _quotings(text: str, delimiter: str) -> Iterator[Quoting]:
    """Yield how the fields of a file may be quoted, the likeliest first."""
    if delimiter == "\t" and "\\" in text and ONLY_ESCAPES.fullmatch(text):
        plain = ESCAPE.sub("", text)
        if not plain.startswith('"') and '\t"' not in plain:
            yield Quoting.ESCAPED
    if text.count(f'{delimiter} "') > text.count(f'{delimiter}"'):
        yield Quoting.SPACED
    yield Quoting.DOUBLED
    if '\\"' in text:
        yield Quoting.BACKSLASH
    if delimiter != "\t" and f"\\{delimiter}" in text:
        yield Quoting.ESCAPED


def _sample_rows(text: str, dialect: Dialect) -> list[list[str | None]]:
    """Return the header and the rows behind it; the header alone where it is one column."""
    lines = RecordLines(io.BytesIO(text.encode()), 1, dialect)
    records = (record for record in strict_records(lines, dialect) if not record.is_blank)
    rows = [record.fields for record in islice(records, 1)]
    if rows and len(rows[0]) > 1:
        rows += (record.fields for record in records)
    return rows


def _score(rows: Sequence[Sequence[str | None]], known: Collection[str]) -> tuple[int, float, int]:
    """Return columns we know, the share of rows as wide as the header, and its width."""
    header, body = _header(rows[0]), rows[1:]
    alike = sum(len(row) == len(header) for row in body) / len(body) if body else 1.0
    found = sum(name in known for name in header)
    return found, alike if len(header) > 1 else 0.0, len(header)


def _batches(
    lines: RecordLines, dialect: Dialect, selection: ColumnSelection, rejects: RejectCollector
) -> Iterator[list[pa.Array]]:
    """Yield the selected columns of the rows, those of about a block at a time."""
    width, labelled = len(dialect.header), row_test(dialect, selection)
    records = strict_records(lines, dialect, labelled)
    next((record for record in records if not record.is_blank), None)
    size = BLOCK_BYTES
    while data := lines.ahead(size):
        block = RecordBlock(data, dialect)
        after = lines.number + max(1, block.lines)
        if columns := block.columns(selection.indices, labelled):
            lines.skip(block.size, block.lines)
            yield columns
            size = min(2 * size, BLOCK_BYTES)
            continue
        if size > SMALL_BLOCK_BYTES:
            size = SMALL_BLOCK_BYTES
            continue
        rows: list[list[str | None]] = []
        for record in records:
            fields = record.fields
            if record.is_blank and (width > 1 or not fields):
                pass
            elif width > 1 and _header(fields) == dialect.header:
                rejects.add(record.first, record.lines, "the header again")
            elif len(fields) == width and not record.problem:
                rows.append(fields)
            else:
                wrong = f"{len(fields)} fields where the header has {width}"
                rejects.add(record.first, record.lines, record.problem or wrong)
            if lines.number >= after:
                break
        yield [pa.array([row[i] for row in rows], pa.string()) for i in selection.indices]


class RecordBlock:
    """The records at the start of `data`: up to the last of its lines that ends outside quotes."""

    def __init__(self, data: bytes, dialect: Dialect) -> None:
        text = np.frombuffer(data, np.uint8)
        quotes, ends = np.flatnonzero(text == ord('"')), np.flatnonzero(text == ord("\n"))
        inside = np.searchsorted(quotes, ends) % 2 == 1
        self.lines = 0 if inside.all() else len(inside) - int(np.argmin(inside[::-1]))
        self._ends, self._inside = ends[: self.lines], inside[: self.lines]
        self.size = int(self._ends[-1]) + 1 if self.lines else 0
        self._data, self._bytes = data[: self.size], text[: self.size]
        self._quotes, self._dialect = quotes[quotes < self.size], dialect

    def columns(
        self, indices: Sequence[int], labelled: Callable[[bytes], bool]
    ) -> list[pa.Array] | None:
        """Return the columns at `indices`; `None` unless every line is well-formed beyond doubt."""
        data, dialect, delimiter = self._data, self._dialect, self._dialect.delimiter
        if (
            not data
            or delimiter not in DELIMITERS
            or data.startswith(codecs.BOM_UTF8)  # Arrow would drop it
            or (dialect.quoting is not Quoting.DOUBLED and _UNUSUAL[dialect.quoting].search(data))
            or (b"\r" in data and self._has_bare_returns())
            or not self._quotes_enclose_fields()
            or any(map(labelled, self._inner_lines(len(dialect.header))))
        ):
            return None
        names = [str(index) for index in range(len(dialect.header))]
        try:
            table = arrow_csv.read_csv(
                pa.py_buffer(data),
                arrow_csv.ReadOptions(
                    use_threads=False, block_size=len(data) + 1, column_names=names
                ),
                arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
                # Text such as "NA" is text: only the validation may call a value missing.
                arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    include_columns=[names[index] for index in indices],
                    check_utf8=False,
                ),
            )
        except pa.ArrowInvalid:  # another number of fields, or no row
            return None
        if len(names) > 1 and self._has_idle_rows(table):
            return None
        return [column.combine_chunks() for column in table.columns]

    def _has_bare_returns(self) -> bool:
        """Return whether a carriage return stands before anything but the end of a line."""
        behind = np.flatnonzero(self._bytes == ord("\r")) + 1
        return bool((self._bytes[behind] != ord("\n")).any())

    def _quotes_enclose_fields(self) -> bool:
        """Return whether quotes are only around whole fields and, doubled, inside those."""
        allowed = np.zeros(256, np.bool_)
        allowed[list(f'{self._dialect.delimiter}\r\n"'.encode())] = True
        before, after = self._quotes[::2] - 1, self._quotes[1::2] + 1
        neighbours = self._bytes[np.concatenate([before[before >= 0], after])]
        return bool(allowed[neighbours].all())

    def _has_idle_rows(self, table: pa.Table) -> bool:
        """Return whether a row may be one without values, or the header again."""
        for name in sorted(table.column_names, key=lambda name: table[name].nbytes):
            cells = pc.utf8_trim(pc.utf8_trim_whitespace(table[name]), BLANK + "\ufeff")
            idle = pa.array(["", self._dialect.header[int(name)]])
            table = table.filter(pc.is_in(cells, idle))
        return bool(table.num_rows)

    def _inner_lines(self, width: int) -> Iterator[bytes]:
        """Yield the lines with `width` cells that begin and end inside one record."""
        delimiters = np.flatnonzero(self._bytes == ord(self._dialect.delimiter))
        cells = np.diff(np.searchsorted(delimiters, self._ends)) + 1
        inner = self._inside[:-1] & self._inside[1:] & (cells == width)
        for index in np.flatnonzero(inner):
            yield self._data[self._ends[index] + 1 : self._ends[index + 1] + 1]


def row_test(dialect: Dialect, selection: ColumnSelection) -> Callable[[bytes], bool]:
    """Return what says whether a line looks like a row, label included."""
    width, known = len(dialect.header), selection.mapping.label_values
    label = selection.inside.get(selection.mapping.label)

    def labelled(line: bytes) -> bool:
        cells = line.decode(errors="replace").split(dialect.delimiter)
        return label is not None and (
            len(cells) == width and cells[label].strip(' "\r\n').lower() in known
        )

    return labelled
