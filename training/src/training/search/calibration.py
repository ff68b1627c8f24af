"""The prediction intervals of a regression, from training rows that the model is not fitted on."""

from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.model_selection import GroupShuffleSplit

from evaluation import conformal_widths
from platform_core.contracts.release import IntervalRule
from training.search.folds import groups
from training.search.models import answers
from training.search.threshold import Decision
from training.search.trials import Fold
from use_cases import UseCase

SHARE = 0.2
# More rows would not make the coverage more certain: its standard deviation is 0.7 % with these.
MOST_ROWS = 2_000


def calibration_rows(case: UseCase, features: pa.Table, seed: int) -> Fold:
    """Return the row numbers to fit the released model on, and those to calibrate its intervals
    on: a fifth of the rows, at most about 2,000. Near duplicates and groups stay together.
    """
    together = groups(features["cluster"], case.training().fold_groups(features))
    share = min(SHARE, MOST_ROWS / len(together))
    splitter = GroupShuffleSplit(1, test_size=share, random_state=seed)
    ((fitted, calibrating),) = splitter.split(together, groups=together)
    return fitted, calibrating


def calibrated(case: UseCase, model: Any, rows: pa.Table) -> Decision:
    """Return the intervals of a fitted model by split conformal prediction on `rows`.

    Raises:
        InvalidData: there are too few rows for the coverage of the use case.
    """
    why = (
        f"split conformal prediction: the residuals of {rows.num_rows:,} training rows that the "
        "model was not fitted on"
    )
    return interval_decision(case, rows["label"].to_numpy(), answers(case, model, rows), why)


def interval_decision(
    case: UseCase, labels: np.ndarray, predictions: np.ndarray, why: str
) -> Decision:
    """Return the intervals from N labels and predictions of rows outside the fit.

    Raises:
        InvalidData: there are too few rows for the coverage of the use case.
    """
    coverage = case.training().coverage
    below, above = conformal_widths(labels - predictions, coverage)
    return Decision(IntervalRule(coverage=coverage, below=below, above=above), why)
