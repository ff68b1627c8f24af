"""One window of one use case in one environment against its release's baseline."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from platform_core.contracts.base import Contract
from platform_core.contracts.environments import Environment
from platform_core.contracts.quality_report import QualityEstimate
from platform_core.contracts.serving_state import ServingRole

DriftScore = Literal["psi", "jensen_shannon"]


class DriftVerdict(StrEnum):
    """`drift`: the sequential test found a difference beyond the tolerance. `warning`: it did not,
    but another limit was exceeded. `insufficient-data` says that nothing can be said: it is never
    "no drift".
    """

    OK = "ok"
    WARNING = "warning"
    DRIFT = "drift"
    INSUFFICIENT_DATA = "insufficient-data"


class ShareChange(Contract):
    """The change of the share of a part of a column: a category, or the values up to a limit."""

    values: str
    baseline_share: float
    share: float


class ColumnDrift(Contract):
    """One column. A statistic that could not be computed is `None`, never 0.

    `drifted` and `e_value` are the result of the sequential test over the looks so far; `moved`
    are the parts with the largest differences in these looks. `counts` (rows per bin or category
    of the baseline) and `design_effect` are what this window adds to the tests of later ones.
    `bins` names the bins, and `baseline_counts` are the rows of the baseline in each.
    """

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
    jensen_shannon: float | None = None
    drifted: bool | None = None
    e_value: float | None = None
    moved: tuple[ShareChange, ...] = ()
    counts: tuple[int, ...] | None = None
    bins: tuple[str, ...] | None = None
    baseline_counts: tuple[int, ...] | None = None
    design_effect: float | None = None
    detail: str = ""


class DriftReport(Contract):
    """Rows counted are `live` records of `release_id` with `start <= time < end` (UTC).

    Two statements, each `None` where it cannot be made: `drifted`, the traffic differs from the
    baseline by more than the tolerance, and `harmful`, the estimated quality is below a gate or the
    class mix outside what is allowed, for the reasons in `harm`. `quality` are the estimates that
    were judged. `looks` is the number of windows of this release in the sequential test, this one
    included; its state follows from the reports of the earlier ones.

    `score` is the largest `score_name` of all columns. `release_id` is `None` when nothing
    answered. `role` is that of the counted records: those of a shadow count only for a release that
    gave no answers. `retrain_request` is the request that the report caused, or that was made about
    the release shortly before and holds back another one. `detail` says why nothing could be
    measured; `log_objects` is the number of objects the inference log had for the window, so that a
    late one is noticed.
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
    drifted: bool | None = None
    harmful: bool | None = None
    harm: tuple[str, ...] = ()
    quality: tuple[QualityEstimate, ...] = ()
    role: ServingRole | None = None
    looks: int = 0
    score: float | None
    score_name: DriftScore = "psi"
    columns: tuple[ColumnDrift, ...]
    class_shares: dict[str, float]
    alarms: tuple[str, ...]
    page: str | None = None
    retrain_request: str | None = None
    detail: str = ""
    log_objects: int | None = None


RETRAIN_RUN = "retrain-"
"""How the id of a pipeline run begins that a request started; the id of the request follows."""


class RetrainRequest(Contract):
    """A request for a new release; its id follows from what caused it, so it is made once.

    The evidence is the report with its `verdict`, and the `metric` that decided it, in words.
    `window_end` is the end of its window. A request with `approvals` is a suggestion: it waits
    until so many people have approved its change.
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
    window_end: AwareDatetime | None = None
    approvals: Annotated[int, Field(ge=0)] = 0

    @property
    def run_id(self) -> str:
        """The pipeline run of the request."""
        return f"{RETRAIN_RUN}{self.request_id}"

    @property
    def evidence(self) -> str:
        """What the run is to name in its parameters and its lineage."""
        known = (self.verdict, self.metric, self.reason)
        return f"report {self.report_id}: {'; '.join(text for text in known if text)}"
