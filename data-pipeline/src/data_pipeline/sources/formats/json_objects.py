"""Rows of a file with JSON objects: one per line, each on several lines, or in one array."""

import io
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain
from typing import Any

import pyarrow as pa

from data_pipeline.sources.columns import MAX_UNNAMED_COLUMNS, ColumnMapping
from data_pipeline.sources.events import (
    LINES,
    ROWS,
    FileFinished,
    Note,
    ReadEvent,
    RejectCollector,
    SourceRows,
)
from data_pipeline.sources.formats.opening import (
    BATCH_BYTES,
    BATCH_ROWS,
    MEGABYTE,
    RECORD_BYTES,
    SNIFFED_BYTES,
    OpenedFile,
    SourceFile,
)
from data_pipeline.sources.formats.text import Utf8Stream, decode, without_surrogates
from platform_core.errors import InvalidData

INT64 = range(-(2**63), 2**63)
# Whole numbers that a float holds.
EXACT = range(-(2**53), 2**53 + 1)
# A key that the use case does not name becomes a column when this share of a batch has it: keys
# made of ids or header names would each be a column of a single value.
COMMON_SHARE = 0.01
CHUNK_CHARACTERS = MEGABYTE // 4
# Control characters inside texts are read as they are, NaN and Infinity as numbers.
_DECODER = json.JSONDecoder(strict=False)
# Text sequences (RFC 7464) begin each record with RS, and joined files repeat their marks.
_MARKS = "\ufeff\x1e"
_BETWEEN = re.compile(f"[ \t\r\n,\0{_MARKS}]*")
# An object that begins on one line and goes on on the next, as `jq` writes it.
_PRETTY = re.compile(r"\{[ \t]*\r?\n")
# An error this far before the end of the buffer is real: reading more text would not resolve it.
_TELLING_CHARACTERS = 32


def read_json(
    file: SourceFile, mapping: ColumnMapping, rejects: RejectCollector
) -> Iterator[ReadEvent]:
    """Yield the rows; what is not a JSON object, or has a list or an object in place of a value
    that the use case needs, is set aside. Other lists and objects inside a record are left out.

    Raises:
        InvalidData: no value is a record, columns are missing, or an array is damaged.
    """
    names: dict[str, None] = {}  # of all columns so far, in order
    told: set[str] = set()
    rare = 0
    with file.open() as opened:
        head = opened.stream.peek(SNIFFED_BYTES)[:SNIFFED_BYTES].decode(errors="ignore")
        document = _is_document(head.lstrip())
        source = _Document(file, opened.stream) if document else _Lines(opened)
        for records in _batches(source, mapping.known, rejects):
            found = Counter(chain.from_iterable(records))
            names |= dict.fromkeys(n for n in found if n in names or n in mapping.known)
            common = [n for n in found if found[n] >= COMMON_SHARE * len(records)]
            names |= dict.fromkeys(common[: max(0, MAX_UNNAMED_COLUMNS - len(names))])
            rare += sum(count for name, count in found.items() if name not in names)
            _refuse_envelope(file.name, records, mapping.known)
            fields = [pa.field(name, _shape(name, records)) for name in names]
            selection = mapping.select(file, fields)
            about = {*selection.dropped, *selection.hints}
            if not told.issuperset(about):
                yield from selection.notes(file.name)
                told |= about
            taken = [fields[index].name for index in selection.indices]
            columns = [_column([record.get(name) for record in records]) for name in taken]
            yield SourceRows(file.name, selection.apply(columns, file.name))
            yield from rejects.events()
        total = source.total
    if rejects.first and not names:
        raise InvalidData(
            f"no value of {file.name} is a record ({rejects.first}); write one JSON object per "
            'line, for example {"body": "…", "label": "…"}'
        )
    if rare:
        yield Note(f"{file.name}: left out {rare:,} values of keys that few records have")
    yield from (Note(f"{file.name}: {note}") for note in opened.notes)
    yield FileFinished(file.name, source.unit, total, file.size)


def _is_document(head: str) -> bool:
    """Return whether a file that begins with `head` has an array, records on several lines, or
    several records on one.
    """
    if head.startswith("[") or _PRETTY.match(head):
        return True
    line = head.partition("\n")[0]
    try:
        _, end = _DECODER.raw_decode(head)
    except (ValueError, RecursionError):
        return False
    return end > len(line) or line[end:].lstrip().startswith((",", "{"))


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
    """The values of arrays, and those that stand for themselves; `total` counts them.

    White space and commas are between the values, in any number.
    """

    unit = ROWS

    def __init__(self, file: SourceFile, stream: io.BufferedReader) -> None:
        self._name, self.total = file.name, 0
        data = io.BufferedReader(Utf8Stream(stream))
        self._file = io.TextIOWrapper(data, encoding="utf-8", errors="replace", newline="")
        self._text, self._ended = "", False

    def __iter__(self) -> Iterator[tuple[Any, int]]:
        """Yield each value with its size in characters.

        Raises:
            InvalidData: it ends early, or is not JSON; then it is unknown where a record ends.
        """
        at, inside = 0, False
        while True:
            at = _end_of(_BETWEEN.match(self._text, at))
            if at == len(self._text):
                at = self._read_on(at)
                if at == len(self._text):
                    break
            elif self._text[at] == ("]" if inside else "["):
                at, inside = at + 1, not inside
            else:
                value, at, size = self._value(at)
                self.total += 1
                yield value, size
        if inside:
            raise self._invalid("the array does not end")

    def _value(self, at: int) -> tuple[Any, int, int]:
        """Return the value at `at`, where it ends, and its size."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, at)
            except json.JSONDecodeError as error:
                left = len(self._text) - error.pos
                damaged = left > _TELLING_CHARACTERS and not error.msg.startswith("Unterminated")
                if damaged or self._ended:
                    raise self._invalid(error.msg) from error
            except (ValueError, RecursionError) as error:
                raise self._invalid(_why(error)) from error
            else:
                # A number may go on behind what was read.
                if (end < len(self._text) or self._ended) and end - at <= RECORD_BYTES:
                    return value, end, end - at
            if len(self._text) - at > RECORD_BYTES:
                raise self._invalid(f"a record longer than {RECORD_BYTES >> 20} MB")
            at = self._read_on(at)

    def _read_on(self, at: int) -> int:
        """Read more, as much again as is left; return what `at` is from now on."""
        left = self._text[at:]
        more = self._file.read(max(CHUNK_CHARACTERS, len(left)))
        self._text, self._ended = left + more, not more
        return 0

    def _invalid(self, why: str) -> InvalidData:
        return InvalidData(
            f"{self._name} is not valid JSON after {self.total:,} records ({why}); write one "
            "record per line"
        )


def _end_of(match: re.Match[str] | None) -> int:
    return match.end() if match else 0


def _batches(
    source: _Lines | _Document, known: AbstractSet[str], rejects: RejectCollector
) -> Iterator[list[dict[str, Any]]]:
    """Yield records, a bounded number at a time; at the end those that are left, maybe none."""
    records: list[dict[str, Any]] = []
    size = 0
    for value, length in source:
        problem = _problem(value, known)
        if problem:
            rejects.add(source.total, 1, problem)
        else:
            records.append(value)
        size += length
        if len(records) >= BATCH_ROWS or (records and size >= BATCH_BYTES):
            yield records
            records, size = [], 0
    if records:
        yield records


def _refuse_envelope(file: str, records: Sequence[dict[str, Any]], known: AbstractSet[str]) -> None:
    """Refuse objects that hold the records inside, as many web services send them."""
    first = records[0]
    if known & first.keys():
        return
    inside = [name for name, value in first.items() if known & _first_of(value).keys()]
    if inside:
        name = inside[0][:100]
        path = f'."{name}"' if len(inside) == 1 else ".[]"
        more = "[]" if isinstance(first[inside[0]], list) else ""
        raise InvalidData(
            f"the records of {file} are inside {name!r} of another object; write them alone, for "
            f"example by jq -c '{path}{more}'"
        )


def _first_of(value: Any) -> dict[str, Any]:
    """Return an object, or the first one of a list; an empty one if there is none."""
    first = value[0] if isinstance(value, list) and value else value
    return first if isinstance(first, dict) else {}


class _Problem(str):
    """The reason why a line holds no value."""


def _problem(value: Any, known: AbstractSet[str]) -> str:
    """Return why a value is not a record, "" where it is one."""
    if not isinstance(value, dict):
        return value if isinstance(value, _Problem) else "not a JSON object"
    for name, one in value.items():
        if isinstance(one, dict | list) and name in known:
            return f"{name} holds a list or an object"
    return ""


def _parse(line: bytes) -> Any:
    if len(line) > RECORD_BYTES:
        return _Problem(f"a line longer than {RECORD_BYTES >> 20} MB")
    text = decode(line, None).lstrip(_MARKS)
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        # Without the position in the line, which would make each reason a different one.
        return _Problem(f"invalid JSON: {error.msg}")
    except (ValueError, RecursionError) as error:
        return _Problem(_why(error))


def _why(error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "too many lists and objects inside each other"
    return str(error).split(";")[0][:100]


def _shape(name: str, records: list[dict[str, Any]]) -> pa.DataType:
    """Return a nested type where a record holds a list or an object under `name`."""
    nested = any(isinstance(record.get(name), list | dict) for record in records)
    return pa.list_(pa.null()) if nested else pa.null()


def _column(values: list[Any]) -> pa.Array:
    """Return the values with the type they share, as JSON text where they share none."""
    kinds = {type(value) for value in values if value is not None}
    fits = int not in kinds or all(type(v) is not int or v in INT64 for v in values)
    mixed = kinds == {int, float} and all(type(v) is not int or v in EXACT for v in values)
    if fits and (len(kinds) <= 1 or mixed):
        numbers = pa.float64() if kinds == {int, float} else None
        return pa.array([_sound(value) for value in values], numbers)
    return pa.array([_text(value) for value in values], pa.string())


def _text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return _sound(value) if isinstance(value, str) else json.dumps(value)


def _sound(value: Any) -> Any:
    """Return text without lone surrogates, which JSON can write and nothing can store."""
    return without_surrogates(value) if isinstance(value, str) else value
