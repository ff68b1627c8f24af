"""When a difference counts as drift, and when a window is harmful."""

from dataclasses import dataclass, field

from evaluation.drift import SequentialTest


@dataclass(frozen=True)
class DriftPolicy:
    """The limits of a window.

    A window has drifted if the sequential `test` finds at least `min_columns` columns that differ
    from the baseline. `psi_warning` and `psi_drift` are thresholds of the PSI; both rise to its
    critical value at level `alpha`, which is divided among the columns (Bonferroni 1936). For a
    numeric column the KS test must be significant as well. Exceeding one is a warning.
    """

    min_rows: int
    psi_warning: float
    psi_drift: float
    alpha: float
    min_columns: int
    max_class_share: float
    max_missing_increase: float
    test: SequentialTest = field(default_factory=SequentialTest)
