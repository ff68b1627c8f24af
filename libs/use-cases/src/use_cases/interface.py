"""What a team brings: one class that says everything the platform must know of a use case.

A package offers it by the entry point group `mlplatform.use_cases`:

    [project.entry-points."mlplatform.use_cases"]
    spam = "use_cases.spam:SpamUseCase"
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import pyarrow as pa
from pydantic import BaseModel

from platform_core.contracts.release import DecisionRule


@dataclass(frozen=True)
class EntityFeature:
    """One value kept in the feature store; `unknown` stands for an entity nobody has seen."""

    name: str
    unknown: float


@dataclass(frozen=True)
class EntityFeatures:
    """Features of an entity a record belongs to, e.g. of the sender's domain.

    `name` is the feature view's name (a version is appended), `entity` its join key.
    `unknown_share` of the training rows see the unknown values, so that the model knows them.
    `columns` are the record columns that keys and history are made from, all where empty.
    """

    name: str
    entity: str
    features: tuple[EntityFeature, ...]
    unknown_share: float = 0.3
    columns: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, in order."""
        return tuple(feature.name for feature in self.features)


@dataclass(frozen=True)
class Candidate:
    """One kind of model to try.

    `build(parameters, seed)` returns an unfitted scikit-learn estimator that takes a pandas
    frame with the columns of the feature schema. `space` maps a parameter to the values it may
    take; the first value of each is its default. `to_onnx(fitted)` returns an
    `onnx.ModelProto` with one input [N, 1] per feature and the output `probabilities` [N, C].
    """

    name: str
    build: Callable[[Mapping[str, Any], int], Any]
    space: Mapping[str, Sequence[Any]]
    to_onnx: Callable[[Any], Any]


@dataclass(frozen=True)
class Gates:
    """What a release must reach on untouched rows before it may be served.

    `minimum` is for the use case's metric; a candidate may be worse than production by at
    most `margin`; ONNX probabilities may differ from the original's by `parity`.
    """

    minimum: float
    margin: float
    parity: float = 1e-5


@dataclass(frozen=True)
class ThresholdRule:
    """How training chooses the threshold of a release: the lowest one whose share of false
    positives among the negatives, on training rows the model was not fitted on, is at most
    `false_positive_rate`, and never one below `at_least`.
    """

    false_positive_rate: float
    at_least: float = 0.0


@dataclass(frozen=True)
class Limits:
    """What a column may hold: characters for text, the value itself for numbers, inclusive."""

    minimum: float
    maximum: float


@dataclass(frozen=True)
class MonitoredColumn:
    """A feature whose distribution is watched."""

    name: str
    kind: Literal["numeric", "categorical"] = "numeric"


class UseCase(ABC):
    """The interface. Class attributes are data; the methods are pure.

    Nothing here may import a training library at module level: serving loads this class.
    """

    name: str
    """In URLs, metrics, paths: lower case letters, digits and `_`."""
    title: str
    """For people."""
    record: type[BaseModel]
    """One record as a caller sends it."""
    record_schema: pa.Schema
    """One record as columns (string, float32 or int64), the id column first where there is one."""
    limits: Mapping[str, Limits]
    """The same limits as `record` has, per column of `record_schema`, for data in bulk."""
    defaults: Mapping[str, Any] = MappingProxyType({})
    """What stands for a column that training data may lack altogether."""
    id_column: str | None
    """The column that names a record to its sender."""
    time_column: str | None
    """The optional column of training data with the time of the event."""
    label_column: str
    """The column of training data with the label."""
    label_values: Mapping[str, str]
    """From each spelling of a label in training data (as text, lower case) to its class."""
    classes: tuple[str, ...]
    """The classes, in the order of the probabilities."""
    feature_schema: pa.Schema
    """What `features` returns: string (for text in the graph) or float32 columns."""
    entity_features: EntityFeatures | None
    """Features that come from the feature store, `None` where there are none."""
    metric: Literal["f1", "accuracy", "roc_auc", "average_precision", "f1_macro"]
    """What candidates are chosen by; for two classes it looks at `positive`."""
    positive: str | None
    """The class of interest where there are two."""
    decision: DecisionRule
    """From probabilities to a class, where training does not choose a threshold."""
    threshold: ThresholdRule | None = None
    """How training chooses the threshold; `None` leaves `decision` as it is."""
    gates: Gates
    """What a release must reach."""
    monitored: tuple[MonitoredColumn, ...]
    """The features, entity features included, whose drift is watched."""
    examples: Mapping[str, dict[str, Any]]
    """Records for the documentation, by name."""

    @abstractmethod
    def columns(self, records: Sequence[BaseModel]) -> pa.RecordBatch:
        """Return records as columns of `record_schema`, one row each, in order."""

    def request(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return one row of `record_schema` as a caller would send it: what `columns` undoes."""
        return dict(row)

    @abstractmethod
    def features(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Return the features of `records` (`feature_schema`), row by row: each row depends on
        its own record alone. The same function runs in training, online, batch and monitoring.
        """

    @abstractmethod
    def golden_records(self) -> pa.RecordBatch:
        """Return a few records (`record_schema`) that exercise every branch of `features`."""

    @abstractmethod
    def generate(self, rows: int, seed: int, drift: float = 0.0) -> pa.Table:
        """Return `rows` plausible labelled records: `record_schema`, the label column, and the
        time column where there is one. The same seed gives the same table; `drift` from 0 to 1
        moves the distribution away from that of the training data.
        """

    @abstractmethod
    def candidates(self) -> Sequence[Candidate]:
        """Return the models to try (needs the `training` extra)."""

    def redact(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Return `records` without what must not be logged. Their features must stay the same,
        or a logged answer cannot be recomputed.
        """
        return records

    def duplicate_text(self, records: pa.RecordBatch) -> pa.Array:
        """Return the text by which near duplicates are found (string, a row per record), null
        where a record has none: then only exact duplicates count.
        """
        return pa.nulls(records.num_rows, pa.string())

    def slices(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Return the groups whose metrics are shown apart: a string column per kind of slice
        (e.g. `length` with `short`, `long`), a row per record, null for a row in no slice.
        """
        del records
        return pa.RecordBatch.from_arrays([], names=[])

    def fold_groups(self, features: pa.Table) -> pa.Array | None:
        """Return a group per training row (string) so that rows of one group are never on both
        sides of a cross-validation split; `None`: near duplicates alone stay together.
        """
        del features
        return None

    def answer(self, probabilities: Mapping[str, float], prediction: str) -> dict[str, Any]:
        """Return fields of the answer beyond the common ones."""
        del probabilities, prediction
        return {}

    def entity_keys(self, records: pa.RecordBatch) -> pa.Array:
        """Return the key of each record's entity (string; null where it has none)."""
        return pa.nulls(records.num_rows, pa.string())

    def entity_history(self, records: pa.Table) -> pa.Table:
        """Return what the feature store learns from labelled training rows with a time.

        Columns: the entity key, `event_timestamp` (UTC) and the entity features, one row per
        change; a row may only use what had happened by its timestamp.
        """
        raise NotImplementedError(f"{self.name} has no entity features")
