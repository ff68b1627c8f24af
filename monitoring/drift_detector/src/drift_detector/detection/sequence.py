"""The sequential test of a release's columns over the reports of its windows.

Nothing but the reports keeps its state: each has the counts of its window, and the test is
computed again from those of the release's last windows. A late record therefore changes the report
of its window, and with it every later test.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from baseline import PREDICTION_COLUMN, SCORE_COLUMN, Reference
from drift_detector.detection.policy import DriftPolicy
from evaluation.drift import SequentialTest, e_benjamini_hochberg, events
from platform_core.contracts.drift_report import (
    ColumnDrift,
    DriftReport,
    DriftVerdict,
    ShareChange,
)

OUTPUTS = frozenset({SCORE_COLUMN, PREDICTION_COLUMN})
# The outputs share half of the error rate: they are few, and a change matters most there.
OUTPUT_WEIGHT = 0.5
SHOWN_MOVEMENTS = 3


def with_sequential_test(
    policy: DriftPolicy,
    references: Mapping[str, Reference],
    columns: Sequence[ColumnDrift],
    earlier: Sequence[DriftReport],
) -> tuple[ColumnDrift, ...]:
    """Return `columns` with the results of the test over `earlier` windows and this one.

    `earlier` are reports of the same release, the oldest first. A column without counts in this
    window is not tested. Among the others the false discovery rate is controlled.
    """
    looks = {column.column: _looks(column, earlier) for column in columns if column.counts}
    e_values = {
        name: _e_value(policy.test, references[name], found) for name, found in looks.items()
    }
    names = [column.column for column in columns]
    rejected = e_benjamini_hochberg(
        [e_values.get(name, 0.0) for name in names], column_weights(names), policy.test.alpha
    )
    return tuple(
        _judged(column, bool(drifted), e_values[column.column], looks[column.column],
                references[column.column], policy.test.tolerance)
        if column.column in looks else column
        for column, drifted in zip(columns, rejected, strict=True)
    )  # fmt: skip


def column_weights(names: Sequence[str]) -> list[float]:
    """Return the share of each column in the error rate; they sum to 1."""
    outputs = sum(name in OUTPUTS for name in names)
    features = len(names) - outputs
    if not outputs or not features:
        return [1 / len(names)] * len(names)
    shares = {True: OUTPUT_WEIGHT / outputs, False: (1 - OUTPUT_WEIGHT) / features}
    return [shares[name in OUTPUTS] for name in names]


def _looks(column: ColumnDrift, earlier: Sequence[DriftReport]) -> list[ColumnDrift]:
    """Return the column in each earlier window that counted it, and in this one, the last."""
    found = [c for report in earlier for c in report.columns if c.column == column.column]
    size = len(column.counts or ())
    return [*(c for c in found if c.counts is not None and len(c.counts) == size), column]


def _e_value(test: SequentialTest, reference: Reference, looks: Sequence[ColumnDrift]) -> float:
    expected = reference.bins(reference.cells)
    counts = np.array([look.counts for look in looks])
    effects = np.array([look.design_effect or 1.0 for look in looks])
    value = test.e_values(
        events(reference.kind, expected)[None],
        np.array([expected.sum()]),
        events(reference.kind, counts)[:, None],
        counts.sum(axis=-1)[:, None],
        effects[:, None],
    )
    return float(value[0])


def _judged(
    column: ColumnDrift, drifted: bool, e_value: float, looks: Sequence[ColumnDrift],
    reference: Reference, tolerance: float,
) -> ColumnDrift:  # fmt: skip
    return column.model_copy(
        update={
            "drifted": drifted,
            "e_value": e_value,
            "verdict": DriftVerdict.DRIFT if drifted else column.verdict,
            "moved": _share_changes(reference, looks[-1], tolerance) if drifted else (),
        }
    )


def _share_changes(
    reference: Reference, look: ColumnDrift, tolerance: float
) -> tuple[ShareChange, ...]:
    """Return the events with the largest differences in this window, beyond the tolerance."""
    expected, actual = reference.bins(reference.cells), np.array(look.counts)
    before = events(reference.kind, expected) / expected.sum()
    after = events(reference.kind, actual) / actual.sum()
    names = _event_names(reference)
    order = np.argsort(-np.abs(after - before), kind="stable")[:SHOWN_MOVEMENTS]
    return tuple(
        ShareChange(values=names[i], baseline_share=float(before[i]), share=float(after[i]))
        for i in order.tolist()
        if abs(after[i] - before[i]) > tolerance
    )


def _event_names(reference: Reference) -> list[str]:
    if reference.kind == "categorical":
        return [*reference.categories, "other"]
    ends = zip(reference.edges.tolist(), reference.edge_included.tolist(), strict=True)
    return [f"{'up to' if included else 'below'} {edge:.6g}" for edge, included in ends]
