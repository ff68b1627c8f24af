"""Our way: the drift detector's own measurement of one hour. Argument: the store's folder."""

import sys
from datetime import timedelta
from pathlib import Path

import pandas as pd  # noqa: F401 (pyarrow imports it with its first array)

from drift.cost import tell
from drift.log import CASE, ENVIRONMENT, HOUR
from drift_detector.judgement import Policy
from drift_detector.measure import Measurer, Target
from drift_detector.window import Window
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.clock import SystemClock
from platform_core.contracts.environments import Environment
from platform_core.ledger import Ledger

POLICY = Policy(
    min_rows=200,
    psi_warning=0.1,
    psi_drift=0.2,
    alpha=0.01,
    min_columns=1,
    max_class_share=0.9,
    max_missing_increase=0.1,
)

store, clock = LocalBlobStore(Path(sys.argv[1])), SystemClock()
measurer = Measurer(store, Ledger(store, clock), clock, POLICY, page_rows=0)
target = Target(CASE, Environment(ENVIRONMENT))


def measure() -> dict[str, tuple[float | None, float | None]]:
    """Return PSI and KS by column."""
    (measured,) = measurer.measure(target, Window(HOUR, HOUR + timedelta(hours=1)))
    return {column.column: (column.psi, column.ks) for column in measured.report.columns}


tell(measure)
