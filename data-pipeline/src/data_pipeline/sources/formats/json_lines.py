"""Rows of a file with one JSON object per line."""

import io
import json
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pyarrow as pa

from data_pipeline.sources.columns import MAX_UNNAMED_COLUMNS, ColumnMapping
from data_pipeline.sources.events import LINES, Finished, Note, ReadEvent, Rejects, Rows
from data_pipeline.sources.formats.opening import BATCH_BYTES, BATCH_ROWS, RECORD_BYTES, SourceFile
from data_pipeline.sources.formats.text import decode, without_surrogates
from platform_core.errors import InvalidData

INT64 = range(-(2**63), 2**63)
# A key that the use case does not name becomes a column when this share of a batch has it: keys
# made of ids or header names would each be a column of a single value.
COMMON_SHARE = 0.01


def read_json_lines(
    file: SourceFile, mapping: ColumnMapping, rejects: Rejects
) -> Iterator[ReadEvent]:
    """Yield the rows; lines that are no JSON object are set aside.

    Lists and objects inside a record are left out where the use case does not need them.

    Raises:
        InvalidData: it is one array, no line is a record, or columns are missing or nested.
    """
    names: dict[str, None] = {}  # of all columns so far, in order
    told: set[str] = set()
    rare, total = 0, 0
    with file.open() as opened:
        _refuse_array(file, opened.stream)
        lines = _Lines(opened.stream, opened.skipped + 1)
        for records in _batches(lines, rejects):
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
        total = lines.number - 1
    if rejects.first and not names:
        raise InvalidData(
            f"no line of {file.name} is a JSON object ({rejects.first}); write one record per "
            'line, for example {"body": "…", "label": "…"}'
        )
    if rare:
        yield Note(f"{file.name}: left out {rare:,} values of keys that few records have")
    yield from (Note(f"{file.name}: {note}") for note in opened.notes)
    yield Finished(file.name, LINES, total, file.size)


def _refuse_array(file: SourceFile, stream: io.BufferedReader) -> None:
    if stream.peek(64)[:64].lstrip().startswith(b"["):
        raise InvalidData(
            f"{file.name} is one JSON array; write one record per line (jq -c '.[]' does it)"
        )


class _Lines:
    """The lines of a stream; `number` is that of the next one."""

    def __init__(self, stream: io.BufferedReader, first: int) -> None:
        self._stream, self.number = stream, first

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines; of one that is too long only the start."""
        while line := self._stream.readline(RECORD_BYTES + 1):
            rest = line
            while len(line) > RECORD_BYTES and rest and not rest.endswith(b"\n"):
                rest = self._stream.readline(RECORD_BYTES)
            self.number += 1
            yield line


def _batches(lines: _Lines, rejects: Rejects) -> Iterator[list[dict[str, Any]]]:
    """Yield records, a bounded number at a time; at the end those that are left, maybe none."""
    records: list[dict[str, Any]] = []
    size = 0
    for line in lines:
        if not line.strip():
            continue
        try:
            records.append(_record(line))
        except (ValueError, TypeError, RecursionError) as error:
            rejects.add(lines.number - 1, 1, str(error)[:100])
        size += len(line)
        if len(records) >= BATCH_ROWS or (records and size >= BATCH_BYTES):
            yield records
            records, size = [], 0
    if records:
        yield records


def _record(line: bytes) -> dict[str, Any]:
    if len(line) > RECORD_BYTES:
        raise ValueError(f"a line longer than {RECORD_BYTES >> 20} MB")
    # Text sequences (RFC 7464) begin each record with RS, and joined files repeat their marks.
    text = decode(line, None).lstrip("\ufeff\x1e")
    try:
        record = json.loads(text)
    except json.JSONDecodeError as error:
        # Without the position in the line, which would make each reason a different one.
        raise ValueError(f"no JSON: {error.msg}") from error
    if not isinstance(record, dict):
        raise TypeError("a value that is no object")
    return record


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
