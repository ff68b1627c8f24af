"""Quality reports."""

from datetime import datetime
from typing import Literal

from mlplatform_client.models.common import (
    Document,
    Environment,
    MetricName,
    QualityMethod,
    QualityVerdict,
    ServingRole,
)
from mlplatform_client.models.lineage import CalibrationCell


class QualityEstimate(Document):
    """A metric with its 95 % interval, and the limit of its gate (a maximum for error metrics).

    `slice` is `<kind>=<name>`, empty for all rows. Without a value the first three numbers are
    `None`. `method` says where the value comes from.
    """

    metric: MetricName
    estimate: float | None
    low: float | None
    high: float | None
    limit: float
    slice: str = ""
    method: QualityMethod | None = None


class MetricQuality(Document):
    """One metric: its value with a 95 % interval, all `None` where there are too few labels.

    `rows` are those of the window or slice, `labelled` the ones that have a label. `needed` is the
    number of labels still needed for a value from labels, 0 where there are enough.
    """

    metric: MetricName
    method: QualityMethod
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    rows: int
    labelled: int
    needed: int = 0


class SliceQuality(Document):
    """The metrics of one slice of the window."""

    kind: str
    name: str
    rows: int
    labelled: int
    metrics: list[MetricQuality]


class QualityReport(Document):
    """One window of one use case, environment, release and role.

    Rows are `live` records of the role with `start <= time < end` (UTC). `release_id` is `None`
    when nothing answered. `revision` counts up from 1, with a new `created_at`, when labels or
    records arrive late. `mature` says that the last record is older than the use case's label
    maturity: no further label is expected. A row without a label is unknown, never a negative.
    `calibration` are the labelled rows of the window, which calibrate later ones, and `mean_logits`
    is the mean logit of each class over all its rows. `calibrated_on` is the number of earlier rows
    that calibrated this one. `label_state` and `log_objects` describe what was there when it was
    measured, so that a late label or record is noticed.
    """

    report_id: str
    revision: int
    use_case: str
    environment: Environment
    release_id: str | None
    role: ServingRole
    start: datetime
    end: datetime
    created_at: datetime
    mature: bool
    rows: int
    labelled: int
    calibrated_on: int
    verdict: QualityVerdict
    gates: list[QualityEstimate]
    metrics: list[MetricQuality]
    slices: list[SliceQuality] = []
    calibration: list[CalibrationCell] = []
    mean_logits: dict[str, float] = {}
    detail: str = ""
    label_state: str = ""
    log_objects: int | None = None


class QualityInfo(Document):
    """The latest quality report of the stable release, and those of canary and shadow in
    `candidates`; before the first one only `status` (`no-report`).
    """

    status: QualityVerdict | Literal["no-report"]
    report_id: str | None = None
    revision: int | None = None
    release_id: str | None = None
    role: ServingRole | None = None
    start: datetime | None = None
    end: datetime | None = None
    created_at: datetime | None = None
    mature: bool | None = None
    rows: int | None = None
    labelled: int | None = None
    calibrated_on: int | None = None
    verdict: QualityVerdict | None = None
    gates: list[QualityEstimate] | None = None
    metrics: dict[str, MetricQuality] | None = None
    slices: list[SliceQuality] | None = None
    detail: str | None = None
    log_objects: int | None = None
    candidates: "dict[ServingRole, QualityInfo] | None" = None


class QualityReportPage(Document):
    """Reports, newest window first; `cursor` asks for the next page."""

    reports: list[QualityReport]
    cursor: str | None
