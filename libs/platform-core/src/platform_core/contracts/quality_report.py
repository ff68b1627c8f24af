"""The quality of one release in one window: is the model worse?"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from platform_core.contracts.base import Contract
from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingRole
from platform_core.contracts.tasks import ERROR_METRICS, Metric


class QualityMethod(StrEnum):
    """Where the value of a metric comes from.

    `labels`: from the labelled rows alone. `prediction-powered`: from the labelled rows, and from
    the probabilities of the others, corrected by the labels. `estimated`: from calibrated
    probabilities, because there are too few labels. `not-enough`: there is no value.
    """

    LABELS = "labels"
    PREDICTION_POWERED = "prediction-powered"
    ESTIMATED = "estimated"
    NOT_ENOUGH = "not-enough"


class QualityVerdict(StrEnum):
    """How the release compares with its gates.

    `below-gate`: the whole interval of a gate's metric is on the wrong side of its limit. `ok`: the
    intervals of all gates are on the right side. `undecided`: neither. `not-enough`: no gate's
    metric has a value.
    """

    OK = "ok"
    UNDECIDED = "undecided"
    BELOW_GATE = "below-gate"
    NOT_ENOUGH = "not-enough"


@dataclass(frozen=True)
class QualityEstimate:
    """A metric with its 95 % interval, and the limit of its gate (a maximum for error metrics).

    `slice` is `<kind>=<name>`, empty for all rows. Without a value the first three numbers are
    `None`. `method` says where the value comes from.
    """

    metric: Metric
    estimate: float | None
    low: float | None
    high: float | None
    limit: float
    slice: str = ""
    method: QualityMethod | None = None

    @property
    def is_below_gate(self) -> bool:
        """Whether the whole interval is worse than the limit."""
        if self.low is None or self.high is None:
            return False
        return self.low > self.limit if self.metric in ERROR_METRICS else self.high < self.limit

    @property
    def is_above_gate(self) -> bool:
        """Whether the whole interval is at least as good as the limit."""
        if self.low is None or self.high is None:
            return False
        return self.high <= self.limit if self.metric in ERROR_METRICS else self.low >= self.limit


class MetricQuality(Contract):
    """One metric: its value with a 95 % interval, all `None` where there are too few labels.

    `rows` are those of the window or slice, `labelled` the ones that have a label. `needed` is the
    number of labels still needed for a value from labels, 0 where there are enough.
    """

    metric: Metric
    method: QualityMethod
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    rows: int
    labelled: int
    needed: int = 0


class SliceQuality(Contract):
    """The metrics of one slice of the window."""

    kind: str
    name: str
    rows: int
    labelled: int
    metrics: tuple[MetricQuality, ...]


class CalibrationCell(Contract):
    """The labelled rows whose predicted value of one output lies in one bin.

    `output` is a class or, for regression, empty. `predicted` is the sum of what was predicted
    (probability; for regression the prediction), `observed` the sum of what was found (1 for a row
    of the class; for regression the absolute error), `squares` the sum of its squares.
    """

    output: str
    bin: int
    rows: int
    predicted: float
    observed: float
    squares: float


class QualityReport(Contract):
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
    gates: tuple[QualityEstimate, ...]
    metrics: tuple[MetricQuality, ...]
    slices: tuple[SliceQuality, ...] = ()
    calibration: tuple[CalibrationCell, ...] = ()
    mean_logits: dict[str, float] = Field(default_factory=dict)
    detail: str = ""
    label_state: str = ""
    log_objects: int | None = None
