"""The training half of a use case: labels, candidates, gates, and data to try them on."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import pyarrow as pa

Metric = Literal["f1", "accuracy", "roc_auc", "average_precision", "f1_macro"]
Duplicates = Literal["near", "exact", "none"]


@dataclass(frozen=True)
class LabelSpec:
    """The label of training data: its column, and the class of each of its spellings.

    `values` maps each spelling (as text, lower case) to a class.
    """

    column: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class Candidate:
    """One kind of model to try.

    `build(parameters, seed)` returns an unfitted scikit-learn estimator that takes a pandas
    frame with the columns of the feature schema. `space` maps a parameter to the values it may
    take; the first value of each is its default. `to_onnx(fitted)` returns an
    `onnx.ModelProto` with one string input [N, 1] per text, one float input `numbers` [N, K] and
    the output `probabilities` [N, C]: `use_cases.export` does.
    """

    name: str
    build: Callable[[Mapping[str, Any], int], Any]
    space: Mapping[str, Sequence[Any]]
    to_onnx: Callable[[Any], Any]


@dataclass(frozen=True)
class Gates:
    """What a release must reach on held-out rows before it may be served.

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


class TrainingUseCase(ABC):
    """The training half. Import training libraries inside methods: monitoring and promotion
    read its attributes without having them installed.
    """

    label: LabelSpec
    """Where the label is, and how it is spelled."""
    time_column: str | None = None
    """The optional column with the time of the event."""
    defaults: Mapping[str, Any] = MappingProxyType({})
    """The value of a record column that training data may lack altogether."""
    metric: Metric
    """What candidates are chosen by; for two classes it is that of the positive class."""
    threshold: ThresholdRule | None = None
    """How training chooses the threshold; `None` keeps the use case's decision rule."""
    gates: Gates
    """What a release must reach."""

    @abstractmethod
    def candidates(self) -> Sequence[Candidate]:
        """Return the models to try (needs the `training` extra)."""

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
