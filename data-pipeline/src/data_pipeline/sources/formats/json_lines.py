"""Rows of a file with one JSON object per line."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from data_pipeline.sources.columns import Wanted
from data_pipeline.sources.formats.charset import decode
from data_pipeline.sources.formats.csv_file import Malformed
from data_pipeline.sources.formats.files import SourceFile
from data_pipeline.sources.formats.limits import BATCH_BYTES, BATCH_ROWS, RECORD_BYTES
from data_pipeline.sources.items import Item, Rows
from platform_core.errors import InvalidData

INT64 = range(-(2**63), 2**63)


def read_json_lines(file: SourceFile, wanted: Wanted, malformed: Malformed) -> Iterator[Item]:
    """Yield the rows; lines that are no JSON object are counted instead.

    Lists and objects inside a record are left out where the use case does not need them.

    Raises:
        InvalidData: it is one array, no line is a record, or columns are missing or nested.
    """
    names: dict[str, None] = {}  # all seen so far, in order
    told: set[str] = set()
    for records in _batches(file, malformed):
        for record in records:
            names |= dict.fromkeys(record)
        schema = pa.schema(pa.field(name, _shape(name, records)) for name in names)
        chosen = wanted.choose(file.name, schema)
        if not told.issuperset(chosen.dropped):
            yield from chosen.remarks(file.name)
            told |= set(chosen.dropped)
        columns = [_column([record.get(name) for record in records]) for name in names]
        batch = pa.record_batch(columns, names=list(names))
        yield Rows(file.name, chosen.apply(batch, file.name))
    if malformed.rows and not names:
        raise InvalidData(
            f"no line of {file.name} is a JSON object ({malformed.first}); write one record per "
            'line, for example {"body": "…", "label": "…"}'
        )


def _batches(file: SourceFile, malformed: Malformed) -> Iterator[list[dict[str, Any]]]:
    records: list[dict[str, Any]] = []
    size = 0
    with file.open() as stream:
        _refuse_array(file, stream)
        for line in _lines(stream, malformed):
            record = _record(line, malformed)
            if record is None:
                continue
            records.append(record)
            size += len(line)
            if len(records) >= BATCH_ROWS or size >= BATCH_BYTES:
                yield records
                records, size = [], 0
    if records:
        yield records


def _refuse_array(file: SourceFile, stream: io.BufferedReader) -> None:
    start = stream.peek(64)[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"["):
        raise InvalidData(
            f"{file.name} is one JSON array; write one record per line (jq -c '.[]' does it)"
        )


def _lines(stream: io.BufferedReader, malformed: Malformed) -> Iterator[bytes]:
    """Yield the lines; of one that is too long nothing is kept."""
    while line := stream.readline(RECORD_BYTES + 1):
        if len(line) > RECORD_BYTES:
            malformed.add(f"a line longer than {RECORD_BYTES >> 20} MB")
            while line and not line.endswith(b"\n"):
                line = stream.readline(RECORD_BYTES)
        elif line.strip():
            yield line


def _record(line: bytes, malformed: Malformed) -> dict[str, Any] | None:
    try:
        record = json.loads(decode(line, None).lstrip("\ufeff"))
    except (ValueError, RecursionError) as error:
        malformed.add(f"no JSON: {str(error)[:100]}")
        return None
    if not isinstance(record, dict):
        malformed.add("a value that is no object")
        return None
    return record


def _shape(name: str, records: list[dict[str, Any]]) -> pa.DataType:
    """Return a nested type where a record holds a list or an object under `name`."""
    nested = any(isinstance(record.get(name), list | dict) for record in records)
    return pa.list_(pa.null()) if nested else pa.null()


def _column(values: list[Any]) -> pa.Array:
    """Return the values with the type they share, as JSON text where they share none."""
    kinds = {type(value) for value in values if value is not None}
    if kinds & {list, dict}:
        return pa.nulls(len(values))  # left out
    fits = int not in kinds or all(type(v) is not int or v in INT64 for v in values)
    if fits and (len(kinds) <= 1 or kinds == {int, float}):
        numbers = pa.float64() if kinds == {int, float} else None
        return pa.array([_sound(value) for value in values], numbers)
    return pa.array([None if v is None else _text(v) for v in values], pa.string())


def _text(value: Any) -> str:
    return _sound(value) if isinstance(value, str) else json.dumps(value)


def _sound(value: Any) -> Any:
    """Return text without lone surrogates, which JSON can write and nothing can store."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value
