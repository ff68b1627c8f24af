"""The answers as the documentation shows them. Nothing at run time passes through these:
a test holds the real answers against them.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from platform_core.batch import JobStatus
from platform_core.contracts.drift_report import ColumnDrift, DriftVerdict
from platform_core.contracts.environments import Environment
from platform_core.contracts.release import TensorSpec

Probability = Annotated[float, Field(ge=0, le=1)]
HexId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class FieldProblem(BaseModel):
    """One field of a body that does not fit; empty when the body is not JSON at all."""

    field: str
    detail: str


class Problem(BaseModel):
    """An RFC 9457 problem document. `code` is stable: programs may rely on it."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[FieldProblem] | None = None


class Prediction(BaseModel):
    """An answer; a use case adds its id column and names of its own (spam: `email_id`,
    `spam_probability`, `confidence`).
    """

    model_config = ConfigDict(extra="allow")

    prediction_id: HexId
    prediction: str
    probability: Annotated[Probability, Field(description="of the predicted class")]
    probabilities: dict[str, Probability]
    model_version: str
    release_id: str
    environment: Environment
    degraded: Annotated[bool, Field(description="true when the feature store was not available")]
    latency_ms: Annotated[float, Field(ge=0)]
    timestamp: datetime


class ItemError(BaseModel):
    """Why one item of a batch was not answered."""

    code: str
    detail: str


class BadItem(BaseModel):
    """A bad item in its place, named by its id, or by `index` where records have none."""

    model_config = ConfigDict(extra="allow")

    error: ItemError


class BatchPredictions(BaseModel):
    """One entry per item, in the same order; `errors` of the `count` are bad items."""

    predictions: list[Prediction | BadItem]
    count: int
    errors: int


class JobSubmitted(BaseModel):
    """A batch job that was taken on."""

    job_id: HexId
    status: Literal["submitted"]
    submitted_at: datetime


class JobState(BaseModel):
    """How far a batch job is."""

    job_id: HexId
    status: JobStatus
    progress: Annotated[int, Field(ge=0, le=100)]
    rows_total: int | None
    rows_done: int
    rows_invalid: int
    use_case: str
    environment: Environment
    input_path: str
    output_path: str
    release_id: str
    submitted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None


class Signature(BaseModel):
    """The tensors of the release."""

    inputs: list[TensorSpec]
    outputs: list[TensorSpec]


class ModelInfo(BaseModel):
    """What an environment serves of a use case."""

    release_id: str
    version: Annotated[str | None, Field(description="as registered; null while unreachable")]
    metrics: dict[str, float] | None
    lineage: dict[str, Any] | None
    signature: Signature | None


class DriftInfo(BaseModel):
    """The latest report; only `status` (`no-report`) before the first."""

    status: DriftVerdict | Literal["no-report"]
    report_id: str | None = None
    release_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    created_at: datetime | None = None
    rows: int | None = None
    verdict: DriftVerdict | None = None
    score: float | None = None
    features: dict[str, ColumnDrift] | None = None
    class_shares: dict[str, float] | None = None
    alarms: list[str] | None = None
    page: str | None = None
    retrain_request: str | None = None


class HealthState(BaseModel):
    """The state of each dependency."""

    status: Literal["ok", "degraded"]
    checked_at: datetime
    dependencies: dict[str, dict[str, Any]]


class Flushed(BaseModel):
    """What went to the blob store."""

    segments: int
    records: int


DOCUMENTED: tuple[type[BaseModel], ...] = (
    Problem,
    Prediction,
    BatchPredictions,
    JobSubmitted,
    JobState,
    ModelInfo,
    DriftInfo,
    HealthState,
    Flushed,
)
