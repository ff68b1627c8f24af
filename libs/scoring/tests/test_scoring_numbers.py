"""Releases that predict a number with its interval."""

import numpy as np
import onnx
import pyarrow as pa
import pytest
from onnx import helper, numpy_helper
from rents import RentsUseCase

from platform_core.contracts.release import DecisionRule, IntervalRule
from platform_core.errors import ReleaseRefused
from scoring import Scorer, build_release
from scoring.triton import triton_config
from use_cases import assemble, model_schema
from use_cases.signature import FEATURE_SCHEMA_KEY, feature_schema_hash

RENTS = RentsUseCase()
RULE = IntervalRule(coverage=0.9, below=50.0, above=125.0)
WEIGHTS = np.array([[12.0], [15.0], [0.0], [250.0]], np.float32)


def graph(weights=WEIGHTS, width=1):
    """A line as ONNX: `numbers` [N, 4] times weights [4, 1]."""
    schema = model_schema(RENTS)
    inputs = [helper.make_tensor_value_info("numbers", onnx.TensorProto.FLOAT, [None, 4])]
    outputs = [helper.make_tensor_value_info("prediction", onnx.TensorProto.FLOAT, [None, width])]
    node = helper.make_node("MatMul", ["numbers", "weights"], ["prediction"])
    made = helper.make_graph(
        [node], "line", inputs, outputs, [numpy_helper.from_array(weights, "weights")]
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {FEATURE_SCHEMA_KEY: feature_schema_hash(schema)})
    return model.SerializeToString()


def records(rows=700):
    table = RENTS.training().generate(rows, 3).combine_chunks()
    return table.select(RENTS.record_schema.names).to_batches()[0]


def test_a_number_comes_with_its_interval():
    release = build_release(RENTS, graph(), b"", None, RULE)
    assert (release.manifest.task, release.manifest.classes) == ("regression", ())
    assert [(o.name, o.datatype, o.shape) for o in release.manifest.outputs] == [
        ("prediction", "FP32", (-1,)),
        ("interval", "FP32", (-1, 2)),
    ]
    batch = records()
    scores = Scorer(release, RENTS).score(batch)
    expected = assemble(RENTS, batch)["numbers"].flatten().to_numpy().reshape(-1, 4) @ WEIGHTS[:, 0]
    np.testing.assert_allclose(scores.decided, expected, rtol=1e-6)
    assert scores.predictions.type == pa.float32()
    assert scores.probabilities.shape == (700, 0)
    np.testing.assert_allclose(
        scores.intervals - np.array(scores.decided)[:, None], [[-50, 125]] * 700, atol=1e-3
    )


def test_an_empty_batch_has_no_answers():
    scores = Scorer(build_release(RENTS, graph(), b"", None, RULE), RENTS).score(
        records().slice(0, 0)
    )
    assert (len(scores.predictions), scores.intervals.shape) == (0, (0, 2))


@pytest.mark.parametrize(
    ("rule", "model"),
    [
        (DecisionRule(), graph()),
        (IntervalRule(coverage=1.0, below=1, above=1), graph()),
        (IntervalRule(coverage=0.9, below=-1, above=1), graph()),
        (RULE, graph(np.full((4, 1), np.nan, np.float32))),
        (RULE, graph(np.zeros((4, 2), np.float32), width=2)),
    ],
    ids=["decision", "coverage", "negative", "nan", "two numbers"],
)
def test_a_release_that_does_not_predict_numbers_is_refused(rule, model):
    with pytest.raises(ReleaseRefused):
        Scorer(build_release(RENTS, model, b"", None, rule), RENTS)


def test_the_widths_are_part_of_the_release():
    wider = RULE.model_copy(update={"above": 200.0})
    assert (
        build_release(RENTS, graph(), b"", None, RULE).id
        != build_release(RENTS, graph(), b"", None, wider).id
    )


def test_the_triton_configuration_has_the_output_of_the_graph():
    assert 'name: "prediction" data_type: TYPE_FP32 dims: [ -1, 1 ]' in triton_config(RENTS)
