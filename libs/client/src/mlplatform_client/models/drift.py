"""Drift reports."""

from datetime import datetime
from typing import Literal

from mlplatform_client.models.common import Document, DriftVerdict, Environment, ServingRole
from mlplatform_client.models.quality import QualityEstimate


class ShareChange(Document):
    """The change of the share of a part of a column: a category, or the values up to a limit."""

    values: str
    baseline_share: float
    share: float


class ColumnDrift(Document):
    """One column. A statistic that could not be computed is `None`, never 0.

    `drifted` and `e_value` are the result of the sequential test over the looks so far; `moved`
    are the parts with the largest differences in these looks. `counts` (rows per bin or category
    of the baseline) and `design_effect` are what this window adds to the tests of later ones.
    `bins` names the bins, and `baseline_counts` are the rows of the baseline in each.
    """

    column: str
    kind: Literal["numeric", "categorical"] | str
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
    moved: list[ShareChange] = []
    counts: list[int] | None = None
    bins: list[str] | None = None
    baseline_counts: list[int] | None = None
    design_effect: float | None = None
    detail: str = ""


class DriftReport(Document):
    """Rows counted are `live` records of `release_id` with `start <= time < end` (UTC).

    Two statements, each `None` where it cannot be made: `drifted`, the traffic differs from the
    baseline by more than the tolerance, and `harmful`, the estimated quality is below a gate or the
    class mix outside what is allowed, for the reasons in `harm`. `quality` are the estimates that
    were judged. `looks` is the number of windows of this release in the sequential test, this one
    included; its state follows from the reports of the earlier ones.

    `score` is the largest `score_name` of all columns. `release_id` is `None` when nothing
    answered. `role` is that of the counted records: those of a shadow count only for a release
    that gave no answers. `detail` says why nothing could be measured; `log_objects` is the number
    of objects the inference log had for the window, so that a late one is noticed.
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
    harm: list[str] = []
    quality: list[QualityEstimate] = []
    role: ServingRole | None = None
    looks: int = 0
    score: float | None
    score_name: Literal["psi", "jensen_shannon"] | str = "psi"
    columns: list[ColumnDrift]
    class_shares: dict[str, float]
    alarms: list[str]
    page: str | None = None
    retrain_request: str | None = None
    detail: str = ""
    log_objects: int | None = None


class DriftInfo(Document):
    """The latest drift report; before the first one only `status` (`no-report`)."""

    status: DriftVerdict | Literal["no-report"]
    report_id: str | None = None
    release_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    created_at: datetime | None = None
    rows: int | None = None
    verdict: DriftVerdict | None = None
    drifted: bool | None = None
    harmful: bool | None = None
    harm: list[str] | None = None
    quality: list[QualityEstimate] | None = None
    role: str | None = None
    looks: int | None = None
    score: float | None = None
    score_name: Literal["psi", "jensen_shannon"] | str | None = None
    features: dict[str, ColumnDrift] | None = None
    class_shares: dict[str, float] | None = None
    alarms: list[str] | None = None
    page: str | None = None
    retrain_request: str | None = None
    detail: str | None = None
    log_objects: int | None = None


class DriftReportPage(Document):
    """Reports, newest window first; `cursor` asks for the next page."""

    reports: list[DriftReport]
    cursor: str | None
