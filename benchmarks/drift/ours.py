"""The drift detector's computation for one hour. Argument: the folder of the store."""

import sys
from datetime import timedelta
from pathlib import Path

import pandas as pd  # noqa: F401 (pyarrow imports it with its first array)

from drift.cost import print_cost
from drift.log import CASE, ENVIRONMENT, HOUR
from drift_detector.detection import DriftDetector, DriftPolicy, Target
from drift_detector.window import Window
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.clock import SystemClock
from platform_core.contracts.environments import Environment
from platform_core.ledger import Ledger

POLICY = DriftPolicy(
    min_rows=200,
    psi_warning=0.1,
    psi_drift=0.2,
    alpha=0.01,
    min_columns=1,
    max_class_share=0.9,
    max_missing_increase=0.1,
)

store, clock = LocalBlobStore(Path(sys.argv[1])), SystemClock()
detector = DriftDetector(store, Ledger(store, clock), clock, POLICY, page_rows=0)
target = Target(CASE, Environment(ENVIRONMENT))


def measure() -> dict[str, tuple[float | None, float | None]]:
    """Return PSI and KS by column."""
    (computed,) = detector.reports(target, Window(HOUR, HOUR + timedelta(hours=1)))
    return {column.column: (column.psi, column.ks) for column in computed.report.columns}


print_cost(measure)
