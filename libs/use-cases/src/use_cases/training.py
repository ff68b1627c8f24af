"""The training half of a use case: labels, candidates, gates, and data to try them on."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import pyarrow as pa

from platform_core.contracts.tasks import Metric
from use_cases.rules.gates import Gates
from use_cases.rules.thresholds import ScoreThreshold, ThresholdRule
from use_cases.search_space import Space

Duplicates = Literal["near", "exact", "none"]


@dataclass(frozen=True)
class LabelSpec:
    """The label of training data: its column, and the class of each of its spellings.

    `values` maps each spelling (as text, lower case) to a class. Without any, the label is a
    number (regression).
    """

    column: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """One kind of model to try.

    `build(parameters, seed)` returns an unfitted scikit-learn estimator that takes a pandas
    frame with the columns of the feature schema. `space` maps a parameter to the values it may
    take (see `use_cases.search_space`); the first value of a list is its default.
    `to_onnx(fitted)` returns an `onnx.ModelProto` with one string input [N, 1] per text, one float
    input `numbers` [N, K] and the output `probabilities` [N, C] or, for numbers, `prediction`
    [N, 1]: `use_cases.export` does.
    """

    name: str
    build: Callable[[Mapping[str, Any], int], Any]
    space: Space
    to_onnx: Callable[[Any], Any]


class TrainingUseCase(ABC):
    """The training half. Import training libraries inside methods: monitoring and promotion
    read its attributes without having them installed.
    """

    label: LabelSpec
    """The column of the label, and the spellings of its classes."""
    time_column: str | None = None
    """The optional column with the time of the event."""
    defaults: Mapping[str, Any] = MappingProxyType({})
    """The value of a record column that training data may lack altogether."""
    metric: Metric
    """The metric that candidates are chosen by; for two classes that of the positive class."""
    threshold: ThresholdRule | None = None
    """How training chooses the decision rule; `None` keeps that of the use case."""
    live_threshold: ScoreThreshold | None = None
    """How the threshold is chosen on labelled live records alone, where a dataset version has 200
    or more, of each class at least 20; `None` treats them like all other rows.
    """
    live_weight: float = 1.0
    """How many other training rows a labelled live record counts for in a fit. Unless it is 1,
    every candidate must accept weights.
    """
    coverage: float = 0.9
    """Regression: the share of labels that prediction intervals should contain."""
    gates: Gates
    """What a release must reach."""

    @abstractmethod
    def candidates(self) -> Sequence[Candidate]:
        """Return the models to try, the preferred one first (needs the `training` extra)."""

    @abstractmethod
    def generate(self, rows: int, seed: int, drift: float = 0.0) -> pa.Table:
        """Return `rows` plausible labelled records: the record's columns, the label column, and
        the time column where there is one. The same seed gives the same table; `drift` from 0 to
        1 moves the distribution away from that of the training data.
        """

    duplicates: Duplicates = "exact"
    """Which rows repeat others. `exact`: those of the same content and label, of which one is kept;
    a content with two labels is kept with both, because labels of real data are noisy. `near`: the
    same content counts once whatever its label is, a content with two labels is refused, and rows
    of similar text (`duplicate_text`) are never on both sides of a split. `none`: the id of a
    record tells rows apart, and all of them are kept.
    """

    def duplicate_text(self, records: pa.RecordBatch) -> pa.Array:
        """Return the text by which near duplicates are found (string, a row per record), null
        where a record has none: then only exact duplicates count.
        """
        return pa.nulls(records.num_rows, pa.string())

    def slices(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Return the groups whose metrics are reported separately: a string column per kind of
        slice (e.g. `length` with `short`, `long`), a row per record, null for a row in no slice.
        """
        del records
        return pa.RecordBatch.from_arrays([], names=[])

    def fold_groups(self, features: pa.Table) -> pa.Array | None:
        """Return a group per training row (string) so that rows of one group are never on both
        sides of a cross-validation split; `None`: only near duplicates stay together.
        """
        del features
        return None

    def entity_history(self, records: pa.Table) -> pa.Table:
        """Return what the feature store learns from labelled training rows with a time.

        Columns: the entity key, `event_timestamp` (UTC) and the entity features, one row per
        change; a row may only use what had happened by its timestamp.
        """
        raise NotImplementedError(f"{type(self).__name__} has no entity features")
