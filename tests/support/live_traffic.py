"""Answered requests and their labels, written as the gateway writes them."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from no_metrics import NoMetrics

from platform_core.clock import ManualClock
from platform_core.contracts.environments import Environment
from platform_core.contracts.label import PredictionLabel
from platform_core.contracts.prediction_ids import milliseconds, new_prediction_id, prediction_time
from platform_core.ports.blob_store import BlobStore
from records import InferenceLog, SegmentLimits, Spool
from records.log.uploads import upload_in_thread
from scoring import Scorer
from use_cases import UseCase, number_block

START = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
LIMITS = SegmentLimits(records=1_000, age=timedelta(seconds=60), size=1 << 20)
MINUTE = timedelta(minutes=1)


class LiveTraffic:
    """Logs answers of one use case, a minute apart, and labels; each call ends in the store.

    With `scorer` the answers are those of its release.
    """

    def __init__(
        self, store: BlobStore, folder: Path, case: UseCase, scorer: Scorer | None = None
    ) -> None:
        self._spool = Spool(folder, LIMITS, ManualClock(START))
        self._log = InferenceLog(
            self._spool, upload_in_thread(store), NoMetrics(), answer_unlogged=False
        )
        self._case, self._scorer = case, scorer
        self._now = START

    def close(self) -> None:
        """Unlock the folder of the spool."""
        self._spool.close()

    def answer(
        self,
        rows: Sequence[dict[str, Any]],
        environment: Environment = Environment.PRODUCTION,
        **fields: Any,
    ) -> list[str]:
        """Log an answer per record, with `fields` of the log instead; return the prediction ids."""
        records = pa.RecordBatch.from_pylist(list(rows), schema=self._case.record_schema)
        logged = self._case.redact(records).to_pylist()
        ids = []
        for row, (record, answer) in enumerate(zip(logged, self._answers(records), strict=True)):
            time = self._now + row * MINUTE
            ids.append(new_prediction_id(milliseconds(time)))
            entry = self._entry(ids[-1], time, environment, record) | answer | fields
            self._log.append(self._case.name, environment, time, [entry])
        self._now += len(ids) * MINUTE
        asyncio.run(self._log.flush())
        return ids

    def label(self, labels: Iterable[tuple[str, str | float]], after: int = 1) -> None:
        """Send labels of predictions, which became known `after` minutes after them."""
        self._log.append_labels([self._label(one, value, after) for one, value in labels])
        asyncio.run(self._log.flush())

    def _label(self, prediction_id: str, value: str | float, after: int) -> PredictionLabel:
        known = prediction_time(prediction_id) + after * MINUTE
        return PredictionLabel(
            prediction_id=prediction_id,
            use_case=self._case.name,
            label=value,
            known_at=known,
            said_by="operator",
            received_at=known,
        )

    def _entry(
        self, prediction_id: str, time: datetime, environment: Environment, record: dict[str, Any]
    ) -> dict[str, Any]:
        return {
            "prediction_id": prediction_id,
            "request_id": "r",
            "time": time,
            "use_case": self._case.name,
            "environment": environment.value,
            "release_id": "a" * 32,
            "input": record,
            "features": [],
            "probabilities": {},
            "prediction": self._case.classes[0] if self._case.classes else 0.0,
            "degraded": False,
            "purpose": "live",
            "role": "stable",
            "latency_ms": 1.0,
        }

    def _answers(self, records: pa.RecordBatch) -> list[dict[str, Any]]:
        if self._scorer is None:
            return [{}] * records.num_rows
        scores = self._scorer.score(records)
        return [
            {
                "release_id": self._scorer.release_id,
                "features": numbers,
                "probabilities": dict(zip(self._case.classes, values, strict=True)),
                "prediction": prediction,
            }
            for numbers, values, prediction in zip(
                number_block(scores.features).tolist(),
                scores.probabilities.tolist(),
                scores.predictions.to_pylist(),
                strict=True,
            )
        ]
