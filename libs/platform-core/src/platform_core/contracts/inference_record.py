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
    `prediction` is a number and `interval` has its low and high end. The record of a shadow has the
    `prediction_id` of the answer that it mirrors.
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
    prediction: str | float
    interval: tuple[float, float] | None = None
    degraded: bool
    purpose: Purpose
    latency_ms: float
