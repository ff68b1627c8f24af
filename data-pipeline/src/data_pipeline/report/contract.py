"""`report.json`: what a person should know of a dataset version before trusting a model of it."""

from datetime import datetime
from enum import StrEnum

from data_pipeline.versions.manifest import SplitSummary
from platform_core.contracts.base import Contract


class Role(StrEnum):
    """What a column is to a model."""

    FEATURE = "model feature"
    ENTITY = "entity feature"
    RECORD = "record column"
    TIME = "event time"
    NONE = "not a feature"


class Reading(Contract):
    """One way of reading a column as a number, and the AUC of that number against the label.

    `how` is one of `value`, `missing`, `category`, `length`, `word`; `word` is the word that was
    found. `auc` is free of direction (0.5 to 1) and of `of_class` against the others, the
    highest where there are several; `low` and `high` bound its 95 % interval; `rows` are the
    rows it was computed on.
    """

    how: str
    word: str = ""
    of_class: str
    auc: float
    low: float
    high: float
    rows: int


class ColumnLeak(Contract):
    """What a column alone tells of the label; the strongest reading comes first.

    `known` counts the rows of the sample where it has a value, `rows` all that were looked at.
    """

    name: str
    role: Role
    rows: int
    known: int
    readings: tuple[Reading, ...]
    warning: bool


class ClassCount(Contract):
    """Rows of one class, in all and per part."""

    name: str
    rows: int
    train: int
    test: int


class Reason(Contract):
    """Why rows were refused, how many, and some of them, cut to 200 characters."""

    reason: str
    rows: int
    examples: tuple[str, ...] = ()


class Cluster(Contract):
    """A group of near duplicates: its rows per class, and the start of one row's text."""

    rows: int
    classes: dict[str, int]
    example: str


class ClassTimes(Contract):
    """When the rows of a class happened: `counts` per interval between `DataReport.time_edges`.

    `boundary` is where the class's test part begins, `None` where time does not decide.
    """

    name: str
    known: int
    first: datetime | None
    last: datetime | None
    boundary: datetime | None
    counts: tuple[int, ...]


class Distribution(Contract):
    """Quantiles 5, 25, 50, 75, 95 % of a number in the rows of one class."""

    of_class: str
    rows: int
    quantiles: tuple[float, float, float, float, float]


class ColumnProfile(Contract):
    """What a column holds: `kind` is `number` or `text` (then lengths in characters are shown).

    `missing` is the share without a value; empty and unknown count as missing. `counts` has a
    tuple per class (in the order of `by_class`): rows between `edges`.
    """

    name: str
    role: Role
    kind: str
    missing: float
    by_class: tuple[Distribution, ...]
    edges: tuple[float, ...]
    counts: tuple[tuple[int, ...], ...]


class Slice(Contract):
    """Rows of the sample per class in one slice of the use case, e.g. `length` = `short`."""

    kind: str
    value: str
    classes: dict[str, int]


class SourceClasses(Contract):
    """Rows a source brought into the dataset version, per class."""

    source: str
    classes: dict[str, int]


class DataReport(Contract):
    """Everything the page shows. Counts are of all rows but where `sample_rows` is named:
    columns, leaks and slices are of the `sample_rows` rows whose content hashes are smallest.
    With `parents` (versions this one was added to) what was read, refused and dropped is that of
    the rows that were added.
    """

    dataset_version: str
    use_case: str
    title: str
    created_at: datetime
    parents: tuple[str, ...]
    rows_read: int
    rows: int
    quarantined: int
    duplicates: int
    near_duplicates: int
    clusters: tuple[Cluster, ...]
    reasons: tuple[Reason, ...]
    classes: tuple[ClassCount, ...]
    split: SplitSummary
    times_unknown: int
    time_edges: tuple[datetime, ...]
    times: tuple[ClassTimes, ...]
    sources: tuple[SourceClasses, ...]
    sample_rows: int
    columns: tuple[ColumnProfile, ...]
    slices: tuple[Slice, ...]
    leaks: tuple[ColumnLeak, ...]
    leak_auc: float
    warnings: tuple[str, ...]
