"""One logged answer, as a row of the inference log."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from platform_core.contracts.base import Contract
from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingRole


class Purpose(StrEnum):
    """Why the request was made; only `live` counts as traffic in reports.

    `try` asks one release explicitly, `drill` is synthetic traffic of a drill, and counts in the
    reports of the use case `drill`.
    """

    LIVE = "live"
    SMOKE = "smoke"
    DRILL = "drill"
    TRY = "try"


class InferenceRecord(Contract):
    """One answer. `latency_ms` is measured at the gateway, `time` when it answered (UTC).

    `input` is the record after the use case's redaction; `features` are
    the numbers the model saw, entity features last, in the order of the release's manifest, so
    that the answer can be recomputed; `probabilities` by class. For regression there are none,
    `prediction` is a number and `interval` has its low and high end.

    A prediction has one record that is its answer. It may have others, with the same
    `prediction_id`, `time` and `input`: that of a shadow, and that of a canary which `failed`, so
    that the stable release answered. The record of a failure has no prediction. A shadow's
    `latency_ms` is what the caller would have waited for it, `None` if the shadow got the record
    together with those of other calls. `service_ms` is what the inference service took for the
    call, without waiting for a processor; `None` where it does not say so.
    """

    prediction_id: str
    request_id: str
    time: datetime
    use_case: str
    environment: Environment
    release_id: str
    role: ServingRole = ServingRole.STABLE
    input: dict[str, Any]
    features: list[float | None]
    probabilities: dict[str, float]
    prediction: str | float | None
    interval: tuple[float, float] | None = None
    degraded: bool
    purpose: Purpose
    latency_ms: float | None
    service_ms: float | None = None
    failed: bool = False

    @property
    def is_answer(self) -> bool:
        """Whether the caller got it."""
        return is_answer(self.role, self.purpose, self.failed)


def is_answer(role: str, purpose: str, failed: bool | None) -> bool:
    """Return whether the caller got a record with these fields: of the records of a shadow, only
    those that it was asked for.
    """
    mirrored = role == ServingRole.SHADOW and purpose != Purpose.TRY
    return not (failed or mirrored)
