"""Quality reports of a regression: errors of the labelled answers, expected ones of the others."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from rents_release import RENTS, flats, records, rents_release

from drift_detector.quality.job import QualityJob
from drift_detector.quality.measure import QualityMeter
from drift_detector.window import Window
from platform_core.clock import ManualClock
from platform_core.contracts.environments import Environment
from platform_core.contracts.label import PredictionLabel
from platform_core.contracts.prediction_ids import milliseconds, new_prediction_id
from platform_core.contracts.quality_report import QualityMethod, QualityReport
from platform_core.parquet import write_table
from platform_core.storage import label_object_path, log_object_path
from records import label_table, log_columns
from scoring import Scorer

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ERROR = 10.0


def answer(store, end: datetime, rows: int, labelled: int) -> None:
    """Log answers of the hour before `end`; labels miss them by ± `ERROR`."""
    table, at = flats(rows, seed=end.hour), end - HOUR / 2
    given = records(table)
    scores = Scorer(rents_release(), RENTS).score(given)
    ids = [new_prediction_id(milliseconds(at)) for _ in range(rows)]
    numbers = np.asarray(scores.decided, np.float64)
    common = {
        "time": at,
        "use_case": RENTS.name,
        "environment": "production",
        "release_id": "a" * 32,
        "role": "stable",
        "purpose": "live",
    }
    columns, schema = {name: [value] * rows for name, value in common.items()}, log_columns(RENTS)
    columns |= {"prediction_id": ids, "prediction": numbers}
    columns |= {"interval.low": numbers - 25, "interval.high": numbers + 25}
    columns |= {path: given.column(name) for name, path in schema.inputs.items()}
    arrays = {f.name: pa.array(columns[f.name], f.type) for f in schema.schema if f.name in columns}
    path = log_object_path(RENTS.name, "production", at, f"segment-{end.hour}")
    write_table(store, path, pa.table(arrays))
    labels = [
        PredictionLabel(
            prediction_id=ids[row],
            use_case=RENTS.name,
            label=numbers[row] + (ERROR if row % 2 else -ERROR),
            known_at=end,
            said_by="test",
            received_at=end,
        )
        for row in range(labelled)
    ]
    if labels:
        folder = label_object_path(RENTS.name, at, f"labels-{end.hour}")
        write_table(store, folder, label_table(RENTS, labels))


def measured(store, end: datetime) -> QualityReport:
    meter = QualityMeter(store, ManualClock(end), calibration_rows=1_000)
    job = QualityJob(meter, {RENTS.name: RENTS}, flush=lambda: None)
    outcome = job.run(Window(end - HOUR, end), RENTS.name, Environment.PRODUCTION)
    assert outcome.failures == []
    return outcome.reports[0]


def test_errors_of_labels_calibrate_the_next_window(blob_store):
    answer(blob_store, NOON, rows=120, labelled=100)
    found = {one.metric: one for one in measured(blob_store, NOON).metrics}
    assert found["mae"].estimate == pytest.approx(ERROR)
    assert found["rmse"].estimate == pytest.approx(ERROR)
    assert found["mae"].method is QualityMethod.LABELS
    assert found["r2"].high is not None

    answer(blob_store, NOON + HOUR, rows=50, labelled=0)
    later = {one.metric: one for one in measured(blob_store, NOON + HOUR).metrics}
    assert later["mae"].method is QualityMethod.ESTIMATED
    assert later["mae"].estimate == pytest.approx(ERROR)
    assert later["rmse"].method is QualityMethod.NOT_ENOUGH
    assert later["rmse"].needed == 20
