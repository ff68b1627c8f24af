"""V2 requests as record batches: which values may be missing."""

import pyarrow as pa
import pytest
from kserve import InferInput, InferRequest

from model_server import read_tensors
from platform_core.errors import InvalidInput
from platform_core.open_inference import TensorReader

SCHEMA = pa.schema([("age", pa.float32()), ("plan", pa.string())])


def request(ages: list, plans: list) -> InferRequest:
    return InferRequest(
        "churn",
        [
            InferInput("age", [len(ages)], "FP32", data=ages),
            InferInput("plan", [len(plans)], "BYTES", data=plans),
        ],
    )


def test_a_nullable_column_may_have_null_and_nan_which_are_the_same():
    batch = read_tensors(
        request([1.0, None, float("nan")], ["a", None, ""]), TensorReader(SCHEMA), SCHEMA.names
    )
    assert batch.to_pydict() == {"age": [1.0, None, None], "plan": ["a", None, ""]}


@pytest.mark.parametrize(
    ("ages", "nullable"),
    [
        ([1.0, None], []),
        ([1.0, float("nan")], ["plan"]),
        ([1.0, float("inf")], ["age"]),
        ([None, float("-inf")], ["age"]),
    ],
)
def test_other_values_must_be_finite(ages, nullable):
    with pytest.raises(InvalidInput, match="'age' has values that are null or not finite"):
        read_tensors(request(ages, ["a", "b"]), TensorReader(SCHEMA), nullable)


def test_a_tensor_that_is_there_twice_is_refused():
    twice = request([1.0], ["a"])
    twice.inputs.append(InferInput("age", [1], "FP32", data=[2.0]))
    with pytest.raises(InvalidInput, match="'age' appears twice"):
        read_tensors(twice, TensorReader(SCHEMA))


def test_true_is_not_a_number():
    with pytest.raises(InvalidInput, match="'age' cannot be read: true and false are not numbers"):
        read_tensors(request([1.0, True], ["a", "b"]), TensorReader(SCHEMA))
