"""Where a release comes from, and the checks it passed."""

from datetime import datetime
from typing import Any

from mlplatform_client.models.common import ComparisonVerdict, Document


class HeldOutComparison(Document):
    """A metric on held-out rows in comparison with a reference: another release, or a limit.

    `difference` says by how much it is worse, in units of the metric. It is below `lower`, and
    above `upper`, with a probability of 5 % each, for this number of rows. `power` is the
    probability of the verdict `better` or `equivalent` if there is no difference, `None` for a
    limit. `rows_needed` is the number of rows that decide with a probability of 80 % if the
    difference is as estimated, or 0 if it is better than that; `None` if no number is enough, or
    if it is decided. `reference_release` is the id of the other release, `None` for a limit; it is
    unknown (`None`) in comparisons of releases that were built before it was recorded.
    """

    metric: str
    difference: float
    lower: float
    upper: float
    margin: float
    rows: int
    power: float | None
    verdict: ComparisonVerdict
    rows_needed: int | None = None
    reference_release: str | None = None


class GateCheck(Document):
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


class PackageVersion(Document):
    """An installed package."""

    name: str
    version: str


class ImportedModel(Document):
    """An imported model: its source, its format, the hash of its file, and the assumptions made
    about it.
    """

    source: str
    kind: str
    sha256: str
    notes: list[str] = []


class CalibrationCell(Document):
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


class Lineage(Document):
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
    pipeline_parameters: dict[str, Any] = {}
    candidate: str
    parameters: dict[str, Any]
    metrics: dict[str, float]
    gates: list[GateCheck] = []
    run_id: str | None = None
    git_sha: str | None = None
    image_digest: str | None = None
    serving_image: str | None = None
    rows: int | None = None
    use_case_package: PackageVersion | None = None
    imported: ImportedModel | None = None
    measured: bool = True
    libraries: dict[str, str] = {}
    calibration: list[CalibrationCell] = []
