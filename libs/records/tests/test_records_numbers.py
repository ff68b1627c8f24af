"""The inference log of a regression."""

from datetime import UTC, datetime

import pyarrow as pa
from rents_release import RENTS, flats, records, rents_release

from platform_core.contracts.inference_record import InferenceRecord
from records import log_columns
from records.replay import replay
from scoring import Scorer
from use_cases import number_block


def logged(rows=20):
    """The log of flats that the release answered, through JSON as in a segment."""
    release = rents_release()
    scorer = Scorer(release, RENTS)
    batch = records(flats(rows))
    scores = scorer.score(batch)
    made = [
        InferenceRecord(
            prediction_id=str(number), request_id="", time=datetime(2026, 1, 1, tzinfo=UTC),
            use_case="rents", environment="staging", release_id=release.id, input=row,
            features=number_block(scores.features)[number].tolist(), probabilities={},
            prediction=scores.decided[number], interval=tuple(scores.intervals[number].tolist()),
            degraded=False, purpose="live", latency_ms=1.0,
        )
        for number, row in enumerate(batch.to_pylist())
    ]  # fmt: skip
    read = [InferenceRecord.model_validate_json(one.model_dump_json()) for one in made]
    return scorer, log_columns(RENTS).table(read)


def test_a_number_and_its_interval_are_columns():
    _, table = logged()
    assert table.schema.field("prediction").type == pa.float64()
    for row in table.to_pylist():
        assert row["interval.low"] < row["prediction"] < row["interval.high"]
    assert not [name for name in table.column_names if name.startswith("probability")]


def test_a_logged_number_can_be_computed_again():
    scorer, table = logged()
    found = replay(table, RENTS, scorer)
    assert (found.rows, found.largest, found.predictions) == (20, 0.0, 0)
    moved = table.set_column(
        table.schema.get_field_index("prediction"), "prediction",
        pa.compute.add(table["prediction"], 2.0),
    )  # fmt: skip
    assert replay(moved, RENTS, scorer).probabilities["prediction"] == 2.0
    assert replay(moved, RENTS, scorer).predictions == 20
