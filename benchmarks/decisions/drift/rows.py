"""Rows of a use case as columns, from which baselines and windows are drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from baseline import (
    PREDICTION_COLUMN,
    SCORE_COLUMN,
    Reference,
    mark_missing,
    monitored_columns,
    score,
)
from baseline.build import reference_of
from drift_detector.detection.policy import DriftPolicy
from drift_detector.detection.verdicts import TrafficVerdict, traffic_verdict
from drift_detector.sample import RowSample
from drift_detector.traffic import ReleaseTraffic, Tally
from evaluation.drift import SequentialTest
from platform_core.adapters.blob_store.memory import MemoryBlobStore
from platform_core.contracts.drift_report import ColumnDrift
from scoring import Scorer
from scoring.testing import make_release
from use_cases import MonitoredColumn, UseCase, model_schema, number_block, use_case

# The settings of config/embedded.env.
POLICY = DriftPolicy(
    min_rows=200,
    psi_warning=0.1,
    psi_drift=0.2,
    alpha=0.01,
    min_columns=1,
    max_class_share=0.9,
    max_missing_increase=0.1,
    test=SequentialTest(),
)


@dataclass(frozen=True)
class UseCaseRows:
    """Monitored columns of N rows of a use case."""

    case: UseCase
    columns: Mapping[str, pa.Array]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def take(self, index: np.ndarray) -> "UseCaseRows":
        """Return the rows with these numbers."""
        rows = pa.array(index)
        return UseCaseRows(
            self.case, {name: array.take(rows) for name, array in self.columns.items()}
        )

    def references(self) -> dict[str, Reference]:
        """Return the baseline of these rows."""
        return {
            column.name: reference_of(self.case, column, self.columns[column.name])
            for column in monitored_columns(self.case)
        }

    def traffic(self, references: Mapping[str, Reference]) -> ReleaseTraffic:
        """Return these rows as the counted traffic of a window."""
        traffic = ReleaseTraffic("benchmark", references, RowSample(0, 0), len(self))
        for name, values in self.columns.items():
            traffic.tallies[name] = Tally()
            traffic.tallies[name].add(values, references[name])
        return traffic


@dataclass(frozen=True)
class EarlierReport:
    """What the test reads of an earlier report."""

    columns: tuple[ColumnDrift, ...]


@dataclass
class Stream:
    """The windows of a release, judged one after the other against its baseline."""

    baseline: UseCaseRows
    earlier: list[EarlierReport] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._references = self.baseline.references()

    def judge(self, window: UseCaseRows) -> TrafficVerdict:
        """Return the verdict on the next window."""
        traffic = window.traffic(self._references)
        earlier: Sequence[object] = self.earlier
        verdict = traffic_verdict(POLICY, window.case, traffic, earlier)  # type: ignore[arg-type]
        self.earlier.append(EarlierReport(verdict.columns))
        return verdict


def exceeds_fixed_limits(verdict: TrafficVerdict) -> bool:
    """Return whether a window alone exceeds the PSI's limit, and KS is significant."""
    alpha = POLICY.alpha / len(verdict.columns)
    return any(
        column.psi is not None
        and column.psi_limit is not None
        and column.psi > column.psi_limit
        and (column.ks_p_value is None or column.ks_p_value < alpha)
        for column in verdict.columns
    )


def generated(name: str, rows: int, seed: int, drift: float = 0.0) -> UseCaseRows:
    """Return generated records of a use case, answered by a model trained on such records."""
    case = use_case(name)
    table = case.training().generate(rows, seed, drift).combine_chunks()
    records = table.select(case.record_schema.names).to_batches()[0]
    scores = Scorer(make_release(MemoryBlobStore(), name), case).score(records, None)
    outputs = {
        PREDICTION_COLUMN: scores.predictions,
        SCORE_COLUMN: score(case, scores.probabilities),
    }
    return rows_of(case, scores.features, outputs)


def rows_of(
    case: UseCase, features: pa.RecordBatch, outputs: Mapping[str, pa.Array]
) -> UseCaseRows:
    """Return the monitored columns of features and of a model's outputs for them."""
    columns = {}
    for column in monitored_columns(case):
        values = outputs.get(column.name)
        if values is None:
            values = _feature(case, features, column)
        columns[column.name] = mark_missing(case, column, values)
    return UseCaseRows(case, columns)


def _feature(case: UseCase, features: pa.RecordBatch, column: MonitoredColumn) -> pa.Array:
    schema = model_schema(case)
    if column.levels:
        return schema.category(number_block(features), column.name, column.levels)
    return schema.column(features, column.name)
