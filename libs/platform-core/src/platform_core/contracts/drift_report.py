"""One window of one use case in one environment against its release's baseline."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from platform_core.contracts.base import Contract
from platform_core.contracts.environments import Environment


class DriftVerdict(StrEnum):
    """`insufficient-data` says that nothing can be said: it is never "no drift"."""

    OK = "ok"
    WARNING = "warning"
    DRIFT = "drift"
    INSUFFICIENT_DATA = "insufficient-data"


class ColumnDrift(Contract):
    """One column. A statistic that could not be computed is `None`, never 0."""

    column: str
    kind: Literal["numeric", "categorical"]
    verdict: DriftVerdict
    rows: int
    missing_share: float | None = None
    baseline_missing_share: float | None = None
    psi: float | None = None
    psi_limit: float | None = None
    ks: float | None = None
    ks_p_value: float | None = None
    detail: str = ""


class DriftReport(Contract):
    """Rows counted are `live` records of `release_id` with `start <= time < end` (UTC).

    `score` is the largest PSI of all columns. `release_id` is `None` when nothing answered.
    `detail` says why nothing could be measured; `log_objects` is the number of objects the
    inference log had for the window, so that a late one is noticed.
    """

    report_id: str
    use_case: str
    environment: Environment
    release_id: str | None
    start: datetime
    end: datetime
    created_at: datetime
    rows: int
    verdict: DriftVerdict
    score: float | None
    columns: tuple[ColumnDrift, ...]
    class_shares: dict[str, float]
    alarms: tuple[str, ...]
    page: str | None = None
    retrain_request: str | None = None
    detail: str = ""
    log_objects: int | None = None


class RetrainRequest(Contract):
    """A request for a new release; its id follows from what caused it, so it is made once.

    The evidence is the report with its `verdict`, and the `metric` that decided it, in words.
    """

    request_id: str
    use_case: str
    environment: Environment
    release_id: str
    reason: str
    report_id: str
    created_at: datetime
    verdict: str = ""
    metric: str = ""

    @property
    def evidence(self) -> str:
        """What the run is to name in its parameters and its lineage."""
        known = (self.verdict, self.metric, self.reason)
        return f"report {self.report_id}: {'; '.join(text for text in known if text)}"
