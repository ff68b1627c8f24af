"""Rows of a file with JSON objects: one per line, each on several lines, or in one array."""

import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import Any

import ijson
import pyarrow as pa

from data_pipeline.sources.columns import MAX_UNNAMED_COLUMNS, ColumnMapping
from data_pipeline.sources.events import LINES, ROWS, Finished, Note, ReadEvent, Rejects, Rows
from data_pipeline.sources.formats.opening import (
    BATCH_BYTES,
    BATCH_ROWS,
    RECORD_BYTES,
    SNIFFED_BYTES,
    OpenedFile,
    SourceFile,
)
from data_pipeline.sources.formats.text import Utf8Stream, decode, without_surrogates
from platform_core.errors import InvalidData

INT64 = range(-(2**63), 2**63)
# A key that the use case does not name becomes a column when this share of a batch has it: keys
# made of ids or header names would each be a column of a single value.
COMMON_SHARE = 0.01
MAX_DEPTH = 100
_STARTS, _ENDS = frozenset({"start_map", "start_array"}), frozenset({"end_map", "end_array"})
# An object that begins on one line and goes on on the next, as `jq` writes it.
_PRETTY = re.compile(rb"\{[ \t]*\r?\n")


def read_json(file: SourceFile, mapping: ColumnMapping, rejects: Rejects) -> Iterator[ReadEvent]:
    """Yield the rows; lines and elements that are not JSON objects are set aside.

    Lists and objects inside a record are left out where the use case does not need them.

    Raises:
        InvalidData: no value is a record, columns are missing or nested, or an array is damaged.
    """
    names: dict[str, None] = {}  # of all columns so far, in order
    told: set[str] = set()
    rare = 0
    with file.open() as opened:
        head = opened.stream.peek(SNIFFED_BYTES)[:SNIFFED_BYTES].lstrip()
        document = head.startswith(b"[") or _PRETTY.match(head) is not None
        source = _Document(file, opened.stream) if document else _Lines(opened)
        for records in _batches(source, rejects):
            found = Counter(chain.from_iterable(records))
            names |= dict.fromkeys(n for n in found if n in names or n in mapping.known)
            common = [n for n in found if found[n] >= COMMON_SHARE * len(records)]
            names |= dict.fromkeys(common[: max(0, MAX_UNNAMED_COLUMNS - len(names))])
            rare += sum(count for name, count in found.items() if name not in names)
            fields = [pa.field(name, _shape(name, records)) for name in names]
            selection = mapping.select(file, fields)
            if not told.issuperset(selection.dropped):
                yield from selection.notes(file.name)
                told |= set(selection.dropped)
            taken = [fields[index].name for index in selection.indices]
            columns = [_column([record.get(name) for record in records]) for name in taken]
            yield Rows(file.name, selection.apply(columns, file.name))
            yield from rejects.events()
        total = source.total
    if rejects.first and not names:
        raise InvalidData(
            f"no value of {file.name} is a JSON object ({rejects.first}); write one record per "
            'line, for example {"body": "…", "label": "…"}'
        )
    if rare:
        yield Note(f"{file.name}: left out {rare:,} values of keys that few records have")
    yield from (Note(f"{file.name}: {note}") for note in opened.notes)
    yield Finished(file.name, source.unit, total, file.size)


class _Lines:
    """The values on the lines of a stream; `total` counts the lines so far."""

    unit = LINES

    def __init__(self, opened: OpenedFile) -> None:
        self._stream, self.total = opened.stream, opened.skipped

    def __iter__(self) -> Iterator[tuple[Any, int]]:
        """Yield each value with its size in bytes, or in its place the error of its line."""
        while line := self._stream.readline(RECORD_BYTES + 1):
            rest = line
            while len(line) > RECORD_BYTES and rest and not rest.endswith(b"\n"):
                rest = self._stream.readline(RECORD_BYTES)
            self.total += 1
            if line.strip():
                yield _parse(line), len(line)


class _Document:
    """The objects of one array, or objects that each take several lines; `total` counts them."""

    unit = ROWS

    def __init__(self, file: SourceFile, stream: io.BufferedReader) -> None:
        self._name, self._data, self.total = file.name, Utf8Stream(stream), 0
        self._file, self._size = io.BufferedReader(self._data), 0

    def read(self, size: int) -> bytes:
        """Return `size` bytes for the parser; it would hold a value of any length."""
        self._size += size
        if self._size > RECORD_BYTES:
            raise ValueError(f"a record longer than {RECORD_BYTES >> 20} MB")
        return self._file.read(size)

    def __iter__(self) -> Iterator[tuple[Any, int]]:
        """Yield each value with its size in bytes.

        Raises:
            InvalidData: it ends early, or is not JSON; where a record ends cannot be told then.
        """
        array = self._data.sample.lstrip().startswith(b"[")
        try:
            for value in self._values(outer=int(array)):
                self.total += 1
                yield value, len(str(value))
                self._size = 0
        except (ijson.JSONError, ValueError, RecursionError) as error:
            raise InvalidData(
                f"{self._name} is not valid JSON after {self.total:,} records "
                f"({str(error).splitlines()[0][:100]}); write one record per line"
            ) from error

    def _values(self, outer: int) -> Iterator[Any]:
        """Yield the values inside `outer` arrays."""
        depth, builder = 0, ijson.ObjectBuilder()
        events = ijson.basic_parse(self, use_float=True, multiple_values=not outer)
        for event, value in events:
            depth += event in _STARTS
            if depth > MAX_DEPTH:
                raise ValueError(f"more than {MAX_DEPTH} lists and objects inside each other")
            inside = depth > outer or event not in _STARTS | _ENDS
            if inside:
                builder.event(event, value)
            depth -= event in _ENDS
            if inside and depth == outer:
                yield builder.value
                builder = ijson.ObjectBuilder()


def _batches(source: _Lines | _Document, rejects: Rejects) -> Iterator[list[dict[str, Any]]]:
    """Yield records, a bounded number at a time; at the end those that are left, maybe none."""
    records: list[dict[str, Any]] = []
    size = 0
    for value, length in source:
        if isinstance(value, dict):
            records.append(value)
        else:
            problem = value if isinstance(value, _Problem) else "not a JSON object"
            rejects.add(source.total, 1, problem)
        size += length
        if len(records) >= BATCH_ROWS or (records and size >= BATCH_BYTES):
            yield records
            records, size = [], 0
    if records:
        yield records


class _Problem(str):
    """The reason why a line holds no value."""


def _parse(line: bytes) -> Any:
    if len(line) > RECORD_BYTES:
        return _Problem(f"a line longer than {RECORD_BYTES >> 20} MB")
    # Text sequences (RFC 7464) begin each record with RS, and joined files repeat their marks.
    text = decode(line, None).lstrip("\ufeff\x1e")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        # Without the position in the line, which would make each reason a different one.
        return _Problem(f"invalid JSON: {error.msg}")
    except (ValueError, RecursionError) as error:
        return _Problem(str(error)[:100])


def _shape(name: str, records: list[dict[str, Any]]) -> pa.DataType:
    """Return a nested type where a record holds a list or an object under `name`."""
    nested = any(isinstance(record.get(name), list | dict) for record in records)
    return pa.list_(pa.null()) if nested else pa.null()


def _column(values: list[Any]) -> pa.Array:
    """Return the values with the type they share, as JSON text where they share none."""
    kinds = {type(value) for value in values if value is not None}
    fits = int not in kinds or all(type(v) is not int or v in INT64 for v in values)
    if fits and (len(kinds) <= 1 or kinds == {int, float}):
        numbers = pa.float64() if kinds == {int, float} else None
        return pa.array([_sound(value) for value in values], numbers)
    return pa.array([None if v is None else _text(v) for v in values], pa.string())


def _text(value: Any) -> str:
    return _sound(value) if isinstance(value, str) else json.dumps(value)


def _sound(value: Any) -> Any:
    """Return text without lone surrogates, which JSON can write and nothing can store."""
    return without_surrogates(value) if isinstance(value, str) else value
