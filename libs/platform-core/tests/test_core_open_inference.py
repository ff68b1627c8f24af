"""Arrow record batches as V2 tensors and back."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_core.errors import InvalidInput
from platform_core.open_inference import batch_from_tensors, tensor_specs, tensors_from_batch

VALUES = {
    pa.string(): st.text(),
    pa.float32(): st.floats(width=32, allow_nan=False, allow_infinity=False),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
}
SCHEMA = pa.schema([("text", pa.string()), ("number", pa.float32()), ("count", pa.int64())])


@st.composite
def batches(draw: st.DrawFn) -> pa.RecordBatch:
    kinds = draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=4))
    rows = draw(st.integers(0, 5))
    columns = [
        pa.array(draw(st.lists(st.none() | VALUES[kind], min_size=rows, max_size=rows)), kind)
        for kind in kinds
    ]
    return pa.record_batch(columns, names=[f"column {number}" for number in range(len(kinds))])


@given(batches())
def test_round_trip_through_json(batch: pa.RecordBatch) -> None:
    sent = json.loads(json.dumps(tensors_from_batch(batch)))
    assert batch_from_tensors(sent, batch.schema).equals(batch)


def tensors(**changes: object) -> list[dict[str, object]]:
    batch = pa.record_batch([["a", "b"], pa.array([1, 2], pa.float32()), [3, 4]], schema=SCHEMA)
    whole = tensors_from_batch(batch)
    whole[1] |= changes
    return whole


def test_order_of_the_tensors_does_not_matter_and_others_are_ignored() -> None:
    others = [{"name": "other", "datatype": "BOOL", "shape": [1], "data": [True]}]
    batch = batch_from_tensors([*others, *reversed(tensors())], SCHEMA)
    assert batch.schema == SCHEMA
    assert batch.to_pylist()[0] == {"text": "a", "number": 1.0, "count": 3}


def test_a_column_of_rows_is_taken_too() -> None:
    assert batch_from_tensors(tensors(shape=[2, 1]), SCHEMA).num_rows == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "another"}, "is missing"),
        ({"datatype": "INT64"}, "expected FP32"),
        ({"shape": [3]}, r"expected \[N\]"),
        ({"shape": [1, 2]}, r"expected \[N\]"),
        ({"data": ["a", "b"]}, "does not fit"),
        ({"data": [[1], [2]]}, "does not fit"),
        ({"data": [1.0], "shape": [1]}, "differ in length"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        batch_from_tensors(tensors(**changes), SCHEMA)


def test_integers_that_are_too_large() -> None:
    sent = [{"name": "count", "datatype": "INT64", "shape": [1], "data": [2**63]}]
    with pytest.raises(InvalidInput, match="count"):
        batch_from_tensors(sent, pa.schema([("count", pa.int64())]))


def test_specs() -> None:
    specs = tensor_specs(SCHEMA)
    assert [(spec.name, spec.datatype, spec.shape) for spec in specs] == [
        ("text", "BYTES", (-1,)),
        ("number", "FP32", (-1,)),
        ("count", "INT64", (-1,)),
    ]
    with pytest.raises(InvalidInput, match="flag"):
        tensor_specs(pa.schema([("flag", pa.bool_())]))


BLOCK = pa.schema([("text", pa.string()), ("numbers", pa.list_(pa.float32(), 3))])


def block_tensors(**changes: object) -> list[dict[str, object]]:
    rows = [{"text": "a", "numbers": [1, 2, 3]}, {"text": "b", "numbers": [4, 5, 6]}]
    text, numbers = tensors_from_batch(pa.RecordBatch.from_pylist(rows, schema=BLOCK))
    return [text, numbers | changes]


def test_a_block_of_numbers_is_one_tensor() -> None:
    sent = json.loads(json.dumps(block_tensors()))
    assert sent[1]["shape"] == [2, 3]
    assert sent[1]["data"] == [1, 2, 3, 4, 5, 6]
    batch = batch_from_tensors(sent, BLOCK)
    assert batch.column("numbers").to_pylist() == [[1, 2, 3], [4, 5, 6]]
    assert [spec.shape for spec in tensor_specs(BLOCK)] == [(-1,), (-1, 3)]
    assert tensors_from_batch(batch.slice(1))[1]["data"] == [4, 5, 6]


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": [3, 2]},
        {"shape": [6]},
        {"shape": [2, 3], "data": [1, 2, 3, 4, 5]},
        {"shape": [1, 3], "data": [1, 2, 3, 4]},
    ],
)
def test_a_block_of_another_shape_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match=r"'numbers' has shape .*expected \[N, 3\]"):
        batch_from_tensors(block_tensors(**changes), BLOCK)
