"""A store with a ledger, and canaries and shadows whose records are simulated."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from platform_core.adapters.blob_store.memory import MemoryBlobStore
from platform_core.changes import Changes
from platform_core.clock import ManualClock
from platform_core.contracts.environments import Environment
from platform_core.contracts.label import PredictionLabel
from platform_core.contracts.ledger import Action, Change, ChangeStatus
from platform_core.contracts.prediction_ids import milliseconds, new_prediction_id, prediction_time
from platform_core.contracts.serving_state import ServingState
from platform_core.ledger import Ledger
from platform_core.parquet import write_table
from platform_core.policies.contract import Policy
from platform_core.storage import label_object_path, log_object_path
from records import label_table, log_columns
from release_controller.judging.judge import Judge
from use_cases import use_case

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
STABLE, CANDIDATE = "a" * 32, "b" * 32
IRIS = use_case("iris")


@dataclass(frozen=True)
class Answer:
    """One simulated record. Without `milliseconds` it is a copy that was sent with others."""

    role: str
    prediction: str
    milliseconds: float | None = 10.0
    failed: bool = False
    label: str | None = None
    prediction_id: str | None = None
    request_id: str | None = None
    purpose: str = "live"


@dataclass
class World:
    """The environments of iris; `answer` writes one segment of the inference log."""

    store: MemoryBlobStore = field(default_factory=MemoryBlobStore)
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))
    policy: Policy = field(default_factory=Policy)
    segments: int = 0

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.store, self.clock)

    @property
    def changes(self) -> Changes:
        return Changes(self.store, self.clock)

    @property
    def judge(self) -> Judge:
        window = timedelta(hours=1)
        return Judge(
            self.store, self.ledger, self.changes, self.clock, lambda _: self.policy, window
        )

    def serve(
        self,
        state: ServingState,
        action: Action = Action.DEPLOY,
        environment: Environment = Environment.PRODUCTION,
        **more: Any,
    ) -> None:
        """Append an applied change; its id is that of the canary or shadow it begins."""
        begun = state.canary or state.shadow
        values = {
            "change_id": begun.change_id if begun else f"change{self.clock.now():%H%M%S%f}",
            "use_case": "iris",
            "environment": environment,
            "action": action,
            "actor": "ada",
            "reason": "a test",
            "from_state": self.ledger.state("iris", environment),
            "to_state": state,
            "status": ChangeStatus.APPLIED,
        }
        self.ledger.append(Change.model_validate(values | more))

    def answer(self, answers: Sequence[Answer]) -> list[str]:
        """Log answers a millisecond apart, with their labels; return their prediction ids."""
        start, self.segments = self.clock.now(), self.segments + 1
        rows, labels = [], []
        for number, one in enumerate(answers):
            time = start + timedelta(milliseconds=0 if one.request_id else number)
            prediction_id = one.prediction_id or new_prediction_id(milliseconds(time))
            if one.role == "shadow":  # the time of the answer that it mirrors
                time = prediction_time(prediction_id)
            rows.append(_row(one, prediction_id, time))
            if one.label is not None:
                labels.append(_label(prediction_id, one.label, time))
        schema = log_columns(IRIS).schema
        if "failed" not in schema.names:
            schema = schema.append(pa.field("failed", pa.bool_()))
        name = f"s{self.segments}"
        path = log_object_path("iris", Environment.PRODUCTION, start, name)
        write_table(self.store, path, pa.Table.from_pylist(rows, schema=schema))
        if labels:
            path = label_object_path("iris", prediction_time(rows[0]["prediction_id"]), name)
            write_table(self.store, path, label_table(IRIS, labels))
        self.clock.advance(timedelta(milliseconds=len(answers)))
        return [row["prediction_id"] for row in rows]


def _row(one: Answer, prediction_id: str, time: datetime) -> dict[str, Any]:
    return {
        "prediction_id": prediction_id,
        "request_id": one.request_id or prediction_id,
        "time": time,
        "use_case": "iris",
        "environment": "production",
        "release_id": STABLE if one.role == "stable" else CANDIDATE,
        "role": one.role,
        "purpose": one.purpose,
        "degraded": False,
        "latency_ms": one.milliseconds,
        "prediction": one.prediction,
        "failed": one.failed,
    }


def _label(prediction_id: str, label: str, time: datetime) -> PredictionLabel:
    return PredictionLabel(
        prediction_id=prediction_id,
        use_case="iris",
        label=label,
        known_at=time + timedelta(seconds=1),
        said_by="ada",
        received_at=time + timedelta(seconds=1),
    )
