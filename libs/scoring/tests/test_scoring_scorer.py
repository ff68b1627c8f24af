import numpy as np
import onnxruntime
import pyarrow as pa
import pytest

from platform_core.contracts.release import DecisionRule
from scoring import Scorer, build_release
from scoring.triton import triton_config
from use_cases import assemble, model_schema, use_case


def records(name: str, rows: int, seed: int = 5) -> pa.RecordBatch:
    case = use_case(name)
    table = case.training().generate(rows, seed).combine_chunks()
    return table.select(case.record_schema.names).to_batches()[0]


@pytest.mark.parametrize("name", ["iris", "spam"])
def test_scores_are_what_the_graph_says_of_the_features(name, trained):
    case, graph = use_case(name), trained(name)
    batch = records(name, 50)

    scores = Scorer(build_release(case, graph, b"", None), case).score(batch)

    schema, features = model_schema(case), assemble(case, batch)
    assert scores.features.equals(features)
    feed = {name: np.array(features[name].to_pylist(), object)[:, None] for name in schema.texts}
    feed["numbers"] = np.array(features["numbers"].to_pylist(), np.float32)
    (expected,) = onnxruntime.InferenceSession(graph).run(["probabilities"], feed)
    np.testing.assert_allclose(scores.probabilities, expected, atol=1e-6)
    assert scores.probabilities.shape == (50, len(case.classes))


def test_a_model_is_worth_its_name(trained):
    case = use_case("iris")
    table = case.training().generate(300, 9).combine_chunks()
    batch = table.select(case.record_schema.names).to_batches()[0]

    scores = Scorer(build_release(case, trained("iris"), b"", None), case).score(batch)

    hits = np.array(scores.predictions.to_pylist()) == table["species"].to_numpy()
    assert hits.mean() > 0.9


@pytest.mark.parametrize("name", ["iris", "spam"])
def test_rows_do_not_know_of_one_another(name, trained):
    """Any batch size gives the same answer: chunks (512 rows) leave no seam."""
    case = use_case(name)
    scorer = Scorer(build_release(case, trained(name), b"", None), case)
    batch = records(name, 600)

    whole = scorer.score(batch)

    for start, rows in ((0, 1), (511, 2), (599, 1), (100, 37)):
        part = scorer.score(batch.slice(start, rows))
        expected = whole.probabilities[start : start + rows]
        np.testing.assert_allclose(part.probabilities, expected, atol=1e-6)


def test_entity_features_reach_the_graph(trained):
    case = use_case("spam")
    scorer = Scorer(build_release(case, trained("spam"), b"", "v1"), case)
    batch = records("spam", 3)
    entities = pa.record_batch(
        [pa.array([4.0, None, 4.0]), pa.array([1.0, None, None])],
        names=["sender_domain_messages", "sender_domain_spam_rate"],
    )

    features = scorer.score(batch, entities).features

    schema = model_schema(case)
    assert schema.column(features, "sender_domain_messages").to_pylist() == [4.0, 0.0, 4.0]
    assert schema.column(features, "sender_domain_spam_rate").to_pylist() == [1.0, 0.5, 0.5]


def test_the_release_decides_not_the_use_case(trained):
    case = use_case("spam")
    batch = records("spam", 40)
    always = DecisionRule(kind="threshold", positive="spam", negative="ham", threshold=0.0)

    lenient = Scorer(build_release(case, trained("spam"), b"", None, always), case).score(batch)
    usual = Scorer(build_release(case, trained("spam"), b"", None), case).score(batch)

    assert set(lenient.predictions.to_pylist()) == {"spam"}
    assert set(usual.predictions.to_pylist()) == {"ham", "spam"}
    np.testing.assert_array_equal(lenient.probabilities, usual.probabilities)


@pytest.mark.parametrize("name", ["iris", "spam"])
def test_the_triton_configuration_names_every_tensor(name, trained):
    case = use_case(name)
    session = onnxruntime.InferenceSession(trained(name))

    config = triton_config(case)

    assert f'name: "{name}"' in config
    assert config.count("input [") == len(session.get_inputs())
    for tensor in session.get_inputs():
        kind = "TYPE_STRING" if tensor.type == "tensor(string)" else "TYPE_FP32"
        dims = f"dims: [ -1, {tensor.shape[1]} ]"
        assert f'name: "{tensor.name}" data_type: {kind} {dims}' in config
    outputs = f'name: "probabilities" data_type: TYPE_FP32 dims: [ -1, {len(case.classes)} ]'
    assert outputs in config
