"""The contents of `report.json`."""

from datetime import datetime
from enum import StrEnum

from data_pipeline.versions.manifest import DatasetManifest
from platform_core.contracts.base import Contract

Quantiles = tuple[float, float, float, float, float]
"""The quantiles 5, 25, 50, 75 and 95 %."""


class Role(StrEnum):
    """What a column is to a model."""

    FEATURE = "model feature"
    ENTITY = "entity feature"
    RECORD = "record column"
    TIME = "event time"
    NONE = "not a feature"


class ColumnAuc(Contract):
    """The area under the ROC curve of one numeric encoding of a column, against the label.

    `encoding` is `value`, `missing`, `category`, `length` or `word` (then `word` is the word).
    `auc` is at least 0.5, whatever the direction, and is that of `of_class` against the other
    classes; `low` and `high` bound its 95 % interval; `rows` is the number of rows it is from.
    """

    encoding: str
    word: str = ""
    of_class: str
    auc: float
    low: float
    high: float
    rows: int


class ColumnReport(Contract):
    """A column of the sample: `known` of its `rows` have a value, and not an empty or unknown one.

    `aucs` has the strongest encoding first. `quantiles` are those of the values by class, or of
    the lengths in characters of a `text` column.
    """

    name: str
    role: Role
    rows: int
    known: int
    aucs: tuple[ColumnAuc, ...]
    warning: bool
    text: bool
    quantiles: dict[str, Quantiles]


class ClassSummary(Contract):
    """The rows of one class, in all and per part.

    `timed` rows have a time, between `first` and `last`; `times` counts them in the intervals
    between `DataReport.time_edges`. The test split begins at `boundary` in a split by time.
    """

    name: str
    rows: int
    train: int
    test: int
    timed: int
    first: datetime | None
    last: datetime | None
    boundary: datetime | None
    times: tuple[int, ...]


class RowGroup(Contract):
    """The rows per class of a slice, of a source, or of a cluster of near duplicates (whose name
    is the beginning of a text).
    """

    name: str
    classes: dict[str, int]


class Reason(Contract):
    """A reason for which rows were rejected, with some of the rows, cut to 200 characters."""

    reason: str
    rows: int
    examples: tuple[str, ...]


class DataReport(Contract):
    """Everything the page shows. `columns` (the strongest predictor of the label first) and
    `slices` describe the `sample_rows` rows whose content hashes are smallest, everything else
    describes all rows.
    """

    title: str
    manifest: DatasetManifest
    classes: tuple[ClassSummary, ...]
    time_edges: tuple[datetime, ...]
    clusters: tuple[RowGroup, ...]
    sources: tuple[RowGroup, ...]
    reasons: tuple[Reason, ...]
    sample_rows: int
    columns: tuple[ColumnReport, ...]
    slices: tuple[RowGroup, ...]
    leak_auc: float
    warnings: tuple[str, ...]
