"""The release as it is stored: what decides its behaviour, and where it came from."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from platform_core.contracts.base import Contract
from platform_core.contracts.comparison import HeldOutComparison
from platform_core.contracts.quality_report import CalibrationCell
from platform_core.contracts.tasks import Task

FORMAT = 2


class TensorSpec(Contract):
    """One named tensor: `datatype` in Open Inference Protocol words, -1 for the batch size."""

    name: str
    datatype: Literal["BYTES", "FP32", "INT64"]
    shape: tuple[int, ...]


class FeatureSpec(Contract):
    """What a model takes: text columns, then one block of float32 numbers with named columns."""

    texts: tuple[str, ...]
    numbers: tuple[str, ...]


class DecisionRule(Contract):
    """From probabilities to one class.

    `argmax` takes the most probable class (the first of equals); `threshold` answers
    `positive` when its probability is at or above `threshold`, else `negative`; `costs` takes the
    class with the lowest expected cost (the first of equals), where `costs[label][answer]` are in
    the order of the classes.
    """

    kind: Literal["argmax", "threshold", "costs"] = "argmax"
    positive: str | None = None
    negative: str | None = None
    threshold: float | None = None
    costs: tuple[tuple[float, ...], ...] | None = None


class IntervalRule(Contract):
    """From a predicted number to its interval: [prediction - `below`, prediction + `above`] holds
    the label with a probability of `coverage` (split conformal prediction).
    """

    kind: Literal["interval"] = "interval"
    coverage: float
    below: float
    above: float


Rule = Annotated[DecisionRule | IntervalRule, Field(discriminator="kind")]
"""How a release turns its graph's output into a class, or a number into an interval."""


class FeatureViewRef(Contract):
    """A feature view a release reads: `name` is versioned, `unknown` replaces what is missing."""

    name: str
    entity: str
    features: tuple[str, ...]
    unknown: tuple[float, ...]


class GoldenRecords(Contract):
    """Records with the features this release's code computed for them when it was built."""

    records: tuple[dict[str, Any], ...]
    features: tuple[dict[str, Any], ...]


class StoredFormat(BaseModel):
    """The format of a stored manifest, whatever else it holds."""

    format: int


class ReleaseManifest(Contract):
    """`release.json`: everything that decides behaviour; the release id is its hash."""

    format: Literal[2] = 2
    use_case: str
    task: Task
    classes: tuple[str, ...]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    features: FeatureSpec
    decision: Rule
    feature_views: tuple[FeatureViewRef, ...]
    golden: GoldenRecords
    baseline_sha256: str
    files: dict[str, str]


class GateCheck(Contract):
    """One gate: what was asked, what was seen; `passed` is the verdict.

    `comparison` says how certain it is, where a metric was compared. `warning` says why a gate
    that passed is uncertain.
    """

    name: str
    passed: bool
    detail: str
    value: float | None = None
    limit: float | None = None
    comparison: HeldOutComparison | None = None
    warning: str = ""


class PackageVersion(Contract):
    """An installed package."""

    name: str
    version: str


class ImportedModel(Contract):
    """An imported model: its source, its format, the hash of its file, and the assumptions made
    about it.
    """

    source: str
    kind: str
    sha256: str
    notes: tuple[str, ...] = ()


class Lineage(Contract):
    """`lineage.json`: where a release came from. None of it enters the release id.

    `rows` is how many rows were read from the source. `use_case_package` offered the use case,
    `libraries` are the versions of what built the model. `image_digest` is the image that
    trained it, `serving_image` the one it is pinned to. The rows that an `imported` model was
    trained on are not known; without `measured` it was judged on no rows, and `dataset_version`
    is empty. `calibration` are the probabilities and labels of its test rows, counted.
    """

    release_id: str
    created_at: datetime
    dataset_version: str
    data_source: str
    pipeline_run: str
    pipeline_parameters: dict[str, Any] = Field(default_factory=dict)
    candidate: str
    parameters: dict[str, Any]
    metrics: dict[str, float]
    gates: tuple[GateCheck, ...] = ()
    run_id: str | None = None
    git_sha: str | None = None
    image_digest: str | None = None
    serving_image: str | None = None
    rows: int | None = None
    use_case_package: PackageVersion | None = None
    imported: ImportedModel | None = None
    measured: bool = True
    libraries: dict[str, str] = Field(default_factory=dict)
    calibration: tuple[CalibrationCell, ...] = ()


class ReleasePointer(Contract):
    """`<MODEL_REPOSITORY>/<environment>/<use_case>.json`: the release that is to be served.

    The deployer writes it and the inference service reads it. `model_version` is the registered
    version; without it responses name the release instead.
    """

    # A later writer may add keys.
    model_config = ConfigDict(frozen=True, extra="ignore")

    use_case: str
    release_id: str
    release_uri: str = ""
    model_version: str | None = None

    @property
    def version(self) -> str:
        """The `model_version` of responses."""
        return self.model_version or self.release_id
