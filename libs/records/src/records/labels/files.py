"""Files of labels: read piece by piece, and sent to the gateway in requests of 1,000."""

import codecs
import csv
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from mlplatform_client import Client
from platform_core.adapters.gateway import platform_errors
from platform_core.errors import InvalidData
from records.index import INDEX_ROWS
from records.labels.intake import LabelOutcome, Rejection
from use_cases import UseCase
from use_cases.plain_columns import plain

COLUMNS = ("prediction_id", "label", "known_at")
REFUSAL = (
    "the gateway does not accept labels; send the file again later: labels that were stored stay "
    "unchanged"
)


@dataclass(frozen=True)
class LabelRow:
    """A row of a file, numbered from 1; `problem` says why it cannot be sent."""

    row: int
    label: dict[str, Any]
    problem: str | None = None


@dataclass
class SentLabels:
    """The number of labels by outcome, and of rejected ones by code."""

    rows: int = 0
    fates: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)


def read_label_rows(file: Path, case: UseCase) -> Iterator[LabelRow]:
    """Yield the rows of a CSV, Parquet or JSON lines file, one piece in memory at a time.

    Raises:
        InvalidData: the file cannot be read, or has no columns `prediction_id` and `label`.
    """
    readers = {".csv": _csv_rows, ".parquet": _parquet_rows, ".jsonl": _json_rows}
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise InvalidData(f"{file.name} must end in {', '.join(readers)}; rename or convert it")
    try:
        for number, values in enumerate(reader(file), start=1):
            yield _row(number, values, case)
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        raise InvalidData(f"{file} cannot be read: {error}") from error


def send_labels(
    client: Client,
    case: UseCase,
    rows: Iterator[LabelRow],
    reject: Callable[[dict[str, Any]], None],
) -> SentLabels:
    """Send rows to the gateway of `client`; `reject` is called with each row that is rejected.

    Raises:
        Refused: the gateway refuses the requests.
        UpstreamUnavailable: it does not answer; what was sent before is stored.
    """
    sent = SentLabels()
    while piece := list(islice(rows, INDEX_ROWS)):
        sent.rows += len(piece)
        whole = [row for row in piece if row.problem is None]
        broken = [_rejection(row, Rejection.INVALID, row.problem) for row in piece if row.problem]
        if whole:
            with platform_errors(REFUSAL):
                labels = (row.label for row in whole)
                answer = client.feedback_many(labels, use_case=case.name)
            sent.fates.update({fate.value: getattr(answer, fate.value) for fate in LabelOutcome})
            broken += [
                _rejection(whole[one.index], one.code, one.detail) for one in answer.rejected
            ]
        for one in sorted(broken, key=lambda one: one["row"]):
            sent.rejected[one["code"]] += 1
            reject(one)
    return sent


def _rejection(row: LabelRow, code: str, detail: str | None) -> dict[str, Any]:
    named = row.label.get("prediction_id")
    return {"row": row.row, "prediction_id": named, "code": str(code), "detail": detail}


def _csv_rows(file: Path) -> Iterator[dict[str, Any] | str]:
    with file.open(newline="", encoding="utf-8-sig") as source:
        # Strict: a quote that is never closed would swallow the rows behind it.
        reader = csv.DictReader(source, restkey=None, restval=None, strict=True)
        _check_columns(file, reader.fieldnames or ())
        for row in reader:
            if None in row:
                yield "the row has more columns than the header"
            else:
                yield {name: row[name] for name in COLUMNS if row.get(name)}


def _parquet_rows(file: Path) -> Iterator[dict[str, Any] | str]:
    with pq.ParquetFile(file) as source:
        _check_columns(file, source.schema_arrow.names)
        wanted = [name for name in COLUMNS if name in source.schema_arrow.names]
        for batch in source.iter_batches(INDEX_ROWS, columns=wanted):
            columns = dict(zip(wanted, map(plain, map(batch.column, wanted)), strict=True))
            for row in pa.RecordBatch.from_pydict(columns).to_pylist():
                yield {name: value for name, value in row.items() if value is not None}


def _json_rows(file: Path) -> Iterator[dict[str, Any] | str]:
    with file.open("rb") as source:
        for line in source:
            text = line.removeprefix(codecs.BOM_UTF8)
            if not text.strip():
                continue
            try:
                row = orjson.loads(text)
            except orjson.JSONDecodeError as error:
                yield f"the line is not JSON: {error}"
            else:
                yield row if isinstance(row, dict) else "the line is not a JSON object"


def _check_columns(file: Path, names: Any) -> None:
    missing = [name for name in COLUMNS[:2] if name not in names]
    if missing:
        raise InvalidData(f"{file.name} has no column {', '.join(missing)}; add or rename it")


def _row(number: int, values: dict[str, Any] | str, case: UseCase) -> LabelRow:
    if isinstance(values, str):
        return LabelRow(number, {}, values)
    for name in values.keys() & set(COLUMNS):
        if isinstance(values[name], list | dict):
            return LabelRow(number, {}, f"{name} holds a list or an object")
    label = values.get("label")
    if not case.classes and isinstance(label, str | float):
        if (found := _number(label)) is None:
            return LabelRow(number, values, f"{label!r:.100} is not a finite number")
        values = {**values, "label": found}
    known_at = values.get("known_at")
    if isinstance(known_at, date):
        day = known_at if isinstance(known_at, datetime) else datetime.combine(known_at, time.min)
        moment = day if day.tzinfo else day.replace(tzinfo=UTC)
        values = {**values, "known_at": moment.isoformat()}
    return LabelRow(number, values)


def _number(value: str | float) -> float | None:
    """Return a finite number, `None` for anything else."""
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
