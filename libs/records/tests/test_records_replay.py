"""A logged answer can be computed again, and a difference is found where it is."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from platform_core.contracts.environments import Environment
from platform_core.contracts.inference_record import InferenceRecord, Purpose
from platform_core.errors import InvalidData
from records import log_columns
from records.replay import replay
from scoring import Scorer
from use_cases import number_block, use_case

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture(params=["iris", "spam", "churn"])
def answered(request, blob_store, make_release):
    """Return a use case, its scorer, and 30 of its answers as the gateway logs them."""
    case = use_case(request.param)
    scorer = Scorer(make_release(blob_store, case.name), case)
    table = case.training().generate(30, 5).select(case.record_schema.names).combine_chunks()
    return case, scorer, logged(case, scorer, table.to_batches()[0])


def logged(case, scorer, records):
    entity = list(case.entity_features.names) if case.entity_features else []
    # The second half has a known entity, the first has not.
    known = [None] * 15 + [0.25] * 15
    entities = pa.record_batch([pa.array(known) for _ in entity], names=entity) if entity else None
    scores = scorer.score(records, entities)
    features = number_block(scores.features).tolist()
    rows = [
        InferenceRecord(
            prediction_id=str(number),
            request_id=str(number),
            time=NOW,
            use_case=case.name,
            environment=Environment.STAGING,
            release_id=scorer.release_id,
            input=row,
            features=features[number],
            probabilities=dict(zip(case.classes, map(float, values), strict=True)),
            prediction=scores.predictions[number].as_py(),
            degraded=False,
            purpose=Purpose.LIVE,
            latency_ms=1.0,
        )
        for number, (row, values) in enumerate(
            zip(case.redact(records).to_pylist(), scores.probabilities, strict=True)
        )
    ]
    return log_columns(case).table(rows)


def replaced(table, column, row, value):
    values = table[column].to_pylist()
    values[row] = value
    index = table.schema.get_field_index(column)
    return table.set_column(index, table.schema.field(index), pa.array(values, table[column].type))


def with_feature(table, row, value):
    """Replace the first feature of a row."""
    return replaced(table, "features", row, [value, *table["features"][row].as_py()[1:]])


def test_the_same_code_gives_the_same_predictions(answered):
    case, scorer, table = answered
    result = replay(table, case, scorer)
    assert (result.rows, result.incomplete, result.predictions) == (30, 0, 0)
    assert result.largest == 0
    assert list(result.probabilities) == list(case.classes)
    assert len(result.features) > 3


def test_one_row_at_a_time_is_the_same_up_to_the_last_bit(answered):
    case, scorer, table = answered
    for batch in table.to_batches(max_chunksize=1):
        assert replay(batch, case, scorer).largest < 1e-6


def test_a_feature_that_differs_is_named(answered):
    case, scorer, table = answered
    name = next(iter(replay(table, case, scorer).features))
    changed = with_feature(table, 3, table["features"][3].as_py()[0] + 0.5)
    result = replay(changed, case, scorer)
    assert result.features[name] == pytest.approx(0.5)
    assert sum(result.features.values()) == pytest.approx(0.5)
    assert result.largest == pytest.approx(0.5)


def test_a_value_that_is_not_finite_differs_infinitely(answered):
    case, scorer, table = answered
    name = next(iter(replay(table, case, scorer).features))
    for value in (float("nan"), float("inf")):
        result = replay(with_feature(table, 3, value), case, scorer)
        assert result.features[name] == float("inf")


def test_changed_answers_are_counted(answered):
    case, scorer, table = answered
    other = next(c for c in case.classes if c != table["prediction"][0].as_py())
    changed = replaced(table, "prediction", 0, other)
    column = f"probability.{case.classes[0]}"
    changed = replaced(changed, column, 1, table[column][1].as_py() + 0.25)
    result = replay(changed, case, scorer)
    assert result.predictions == 1
    assert result.probabilities[case.classes[0]] == pytest.approx(0.25)


def test_rows_without_a_logged_value_are_skipped(answered):
    case, scorer, table = answered
    for lacking in (with_feature(table, 0, None), replaced(table, "features", 0, None)):
        result = replay(lacking, case, scorer)
        assert (result.rows, result.incomplete) == (29, 1)
    nothing = replay(with_feature(table, 0, None)[:1], case, scorer)
    assert (nothing.rows, nothing.incomplete, nothing.largest) == (0, 1, None)


def test_rows_of_a_version_with_other_features_are_left_out(answered):
    case, scorer, table = answered
    result = replay(replaced(table, "features", 0, [1.0]), case, scorer)
    assert (result.rows, result.incomplete, result.largest) == (29, 1, 0)


def test_answers_of_another_release_are_refused(answered):
    case, scorer, table = answered
    with pytest.raises(InvalidData, match="release other cannot be replayed"):
        replay(replaced(table, "release_id", 0, "other"), case, scorer)


def test_a_log_without_a_column_is_refused(answered):
    case, scorer, table = answered
    with pytest.raises(InvalidData, match=r"no column prediction$"):
        replay(table.drop_columns(["prediction"]), case, scorer)
