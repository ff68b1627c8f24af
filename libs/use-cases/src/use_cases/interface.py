"""The serving half of a use case: everything needed to answer a request.

A package provides a use case through the entry point group `mlplatform.use_cases`:

    [project.entry-points."mlplatform.use_cases"]
    spam = "use_cases.spam:SpamUseCase"
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Literal

import pyarrow as pa
from pydantic import BaseModel

from platform_core.contracts.drift_report import DriftScore
from platform_core.contracts.inference_record import Purpose
from platform_core.contracts.release import DecisionRule
from platform_core.contracts.tasks import Task, task_of
from use_cases.feature_schema import FeatureSchema
from use_cases.record_schema import Limits, RecordSchema, record_schema
from use_cases.training import TrainingUseCase


@dataclass(frozen=True)
class EntityFeature:
    """One value kept in the feature store; `unknown` is used for an entity without history."""

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
class MonitoredColumn:
    """A feature whose distribution is monitored.

    A category that the model sees as one 0/1 number per value is monitored as one column:
    `levels` are the names of these numbers, `<name>=<value>`.
    """

    name: str
    kind: Literal["numeric", "categorical"] = "numeric"
    levels: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """The features that it is made from."""
        return self.levels or (self.name,)


class UseCase(ABC):
    """The serving half. Class attributes are data; the methods are pure.

    Nothing here may import a training library: serving loads this class. What only training
    needs is returned by `training()`.
    """

    name: str
    """In URLs, metrics, paths: lower case letters, digits and `_`."""
    title: str
    """For people."""
    record: type[BaseModel]
    """One record as a caller sends it. Columns, limits and checks derive from this model."""
    classes: tuple[str, ...] = ()
    """The classes, in the order of the probabilities; none where the label is a number."""
    decision: DecisionRule = DecisionRule()
    """From probabilities to a class, where training does not choose a threshold."""
    feature_schema: FeatureSchema
    """What `features` returns: text columns and one block of numbers."""
    entity_features: EntityFeatures | None = None
    """Features that come from the feature store, `None` where there are none."""
    positive: str | None = None
    """The positive class, if there are two classes."""
    expects_every_class: bool = False
    """Whether it is harmful if one class dominates the answers of a few minutes."""
    measured_texts: tuple[str, ...] = ()
    """The texts of a record whose length in words the gateway measures."""
    monitored: tuple[MonitoredColumn, ...] = ()
    """The features, entity features included, whose drift is monitored."""
    traffic: Purpose = Purpose.LIVE
    """The purpose of the records that reports, comparisons and retraining count."""
    drift_score: DriftScore = "psi"
    """The statistic whose largest value is the score of a drift report."""
    label_maturity: timedelta = timedelta(days=30)
    """How long after a prediction its label may become known."""
    examples: ClassVar[Mapping[str, dict[str, Any]]]
    """Records for the documentation, by name."""

    @abstractmethod
    def features(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Return the features of `records` (`feature_schema.batch`), row by row: each row depends
        on its own record alone. The same function runs in training, online, batch and monitoring.
        """

    @abstractmethod
    def golden_records(self) -> pa.RecordBatch:
        """Return a few records (`record_schema`) that exercise every branch of `features`."""

    @abstractmethod
    def training(self) -> TrainingUseCase:
        """Return the training half; import it inside this method."""

    def redact_row(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return one row of `record_schema` without what must not be logged. Its features must
        stay the same, or a logged answer cannot be recomputed.
        """
        return row

    def redact(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Return `records` with each row redacted."""
        rows = [self.redact_row(row) for row in records.to_pylist()]
        return pa.RecordBatch.from_pylist(rows, schema=records.schema)

    def answer(self, probabilities: Mapping[str, float], prediction: str) -> dict[str, Any]:
        """Return fields of the answer beyond the common ones."""
        del probabilities, prediction
        return {}

    def details(self, row: Mapping[str, Any], candidate: str | None) -> dict[str, Any]:
        """Return fields of the answer that follow from the record, one row of `record_schema`, or
        from the kind of model that answered (`None` where it is unknown).
        """
        del row, candidate
        return {}

    def entity_keys(self, records: pa.RecordBatch) -> pa.Array:
        """Return the key of each record's entity (string; null where it has none)."""
        return pa.nulls(records.num_rows, pa.string())

    @property
    def task(self) -> Task:
        """What a model predicts: derived from `classes`. A class attribute may state it."""
        return task_of(len(self.classes))

    @property
    def declaration(self) -> RecordSchema:
        """What follows from the record model."""
        return record_schema(self.record)

    @property
    def record_schema(self) -> pa.Schema:
        """One record as columns: string, float32 or int64, the id column first if there is one."""
        return self.declaration.arrow

    @property
    def limits(self) -> Mapping[str, Limits]:
        """What each column of `record_schema` may hold."""
        return self.declaration.limits

    @property
    def id_column(self) -> str | None:
        """The column that names a record to its sender."""
        return self.declaration.id_column

    def columns(self, records: Sequence[BaseModel]) -> pa.RecordBatch:
        """Return records as columns of `record_schema`, one row each, in order."""
        return self.declaration.columns(records)

    def request(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return one row of `record_schema` as a caller would send it."""
        return self.declaration.request(row)
