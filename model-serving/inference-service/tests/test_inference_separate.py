"""The transformer as its own process in front of the inference service."""

import numpy as np
import pyarrow as pa
import pytest

from platform_core.storage import release_path
from use_cases import model_schema, number_block, use_case


@pytest.fixture(scope="module")
def home(own_stage):
    return own_stage.home


@pytest.fixture(scope="module")
def iris(own_stage):
    return own_stage.iris


@pytest.fixture(scope="module")
def view(home, sender_view):
    view = sender_view(home)
    view.publish()
    return view


@pytest.fixture(scope="module")
def spam(home, make_release, view):
    """A release that reads the view."""
    release = make_release(home.store, "spam", feature_view_version="v1")
    home.point("spam", release.id, model_version="3")
    return release


@pytest.fixture(scope="module")
def whole(home, spam, view):
    with home.serve("inference_service", "INFERENCE", **view.settings) as server:
        yield server


@pytest.fixture(scope="module")
def predictor(home, spam):
    with home.serve("inference_service", "INFERENCE", TRANSFORMER="separate") as server:
        yield server


@pytest.fixture(scope="module")
def transformer(home, predictor, view):
    settings = {"PREDICTOR_URL": predictor.url, **view.settings}
    with home.serve("feature_transformer", "TRANSFORMER", **settings) as server:
        yield server


@pytest.fixture
def first(home, iris, whole, transformer):
    """The first release of iris everywhere."""
    home.point("iris", iris[0].id)
    for server in (whole, transformer):
        assert server.load("iris").status_code == 200
    return iris[0]


@pytest.mark.parametrize("name", ["iris", "spam"])
@pytest.mark.parametrize("rows", [1, 20])
@pytest.mark.parametrize("with_features", [True, False])
def test_answers_are_byte_for_byte_those_of_one_process(
    whole, transformer, first, records, name, rows, with_features
):
    request = {"id": "same", "parameters": {"return_features": with_features}}
    batch = records(name, rows)

    separate = transformer.infer(name, batch, **request)

    assert separate.status_code == 200
    assert separate.content == whole.infer(name, batch, **request).content


def test_entity_features_come_from_the_online_store(
    whole, transformer, spam, view, mails, offline, outputs
):
    entities = view.entities(mails)
    assert [column.null_count for column in entities.columns] == [2, 2]
    expected = offline(spam, mails, entities)
    ask = {"id": "same", "parameters": {"return_features": True}}

    answer = transformer.infer("spam", mails, **ask)

    assert answer.json()["parameters"]["degraded"] is False
    got = outputs(answer.json())
    np.testing.assert_allclose(got["probabilities"], expected.probabilities.ravel(), atol=1e-6)
    numbers = number_block(expected.features)
    np.testing.assert_allclose(got["features"], numbers.ravel(), atol=1e-6)
    assert answer.content == whole.infer("spam", mails, **ask).content


def test_feast_leaves_the_metrics_alone(whole, mails):
    whole.infer("spam", mails)

    assert 'request_predict_seconds_count{model_name="spam"}' in whole.get("/metrics").text


def test_the_transformer_says_the_same_of_itself(whole, transformer, first):
    for path in ("/v2/models/iris", "/v2/models/spam", "/v2/models/spam/ready"):
        assert transformer.get(path).json() == whole.get(path).json()


def test_the_predictor_takes_features_and_answers_probabilities(predictor, spam, outputs):
    metadata = predictor.get("/v2/models/spam").json()

    schema = model_schema(use_case("spam"))
    assert schema.spec == spam.manifest.features
    assert [(t["name"], t["shape"]) for t in metadata["inputs"]] == [
        ("text", [-1]),
        ("numbers", [-1, len(schema.numbers)]),
    ]
    assert [t["name"] for t in metadata["outputs"]] == ["probabilities"]
    rows = spam.manifest.golden.features
    numbers = np.array([[row[name] for name in schema.numbers] for row in rows], np.float32)
    features = schema.batch([pa.array([row["text"] for row in rows])], numbers)
    answer = predictor.infer("spam", features).json()
    assert list(outputs(answer)) == ["probabilities"]
    assert answer["parameters"] == {"release_id": spam.id, "model_version": "3"}


def test_bad_records_are_refused_before_the_predictor_sees_them(transformer, records):
    answer = transformer.infer("iris", records("iris", 1).select(["sepal_length"]))

    assert answer.status_code == 400
    assert "'sepal_width' is missing" in answer.json()["error"]


def test_a_deployment_through_the_transformer_reaches_both(
    home, transformer, predictor, first, iris
):
    home.point("iris", iris[1].id)

    assert transformer.load("iris").status_code == 200

    assert transformer.serves("iris") == predictor.serves("iris") == iris[1].id


def test_what_the_predictor_refuses_changes_nothing(
    home, transformer, predictor, first, make_release
):
    damaged = make_release(home.store, "iris", 2)
    home.store.write(f"{release_path('iris', damaged.id)}/model/iris/1/model.onnx", b"")
    home.point("iris", damaged.id)

    answer = transformer.load("iris")

    assert answer.status_code == 409
    assert "does not hash" in answer.json()["error"]
    assert transformer.serves("iris") == predictor.serves("iris") == first.id


def test_the_transformer_follows_a_predictor_that_was_swapped(
    home, whole, transformer, predictor, first, iris, records
):
    home.point("iris", iris[1].id)
    for server in (whole, predictor):
        assert server.load("iris").status_code == 200

    answer = transformer.infer("iris", records("iris", 2), id="same")

    assert answer.json()["parameters"]["release_id"] == iris[1].id
    assert answer.content == whole.infer("iris", records("iris", 2), id="same").content
    assert transformer.serves("iris") == iris[1].id


def test_a_release_name_never_gets_the_answer_of_another_release(
    home, whole, transformer, predictor, first, iris, records
):
    names = [home.pin("iris", release.id) for release in iris]
    for name in names:
        assert whole.load(name).status_code == transformer.load(name).status_code == 200
    home.point("iris", iris[1].id)
    assert predictor.load("iris").status_code == 200  # behind the transformer's back
    batch = records("iris", 2)
    for name in (*names, "iris", *names):
        expected = iris[1].id if name == "iris" else iris[names.index(name)].id
        answer = transformer.infer(name, batch, id="same")
        assert answer.json()["parameters"]["release_id"] == expected
        if name != "iris":
            assert transformer.serves(name) == expected
            assert answer.content == whole.infer(name, batch, id="same").content

    for name in names:
        home.pointer(name).unlink()
        assert transformer.unload(name).status_code == 200
    assert transformer.infer(names[0], batch).status_code == 503  # the predictor has it no more


def test_a_predictor_without_the_model_is_unavailable(predictor, transformer, first, records):
    assert predictor.post("/v2/repository/models/iris/unload").status_code == 200

    answer = transformer.infer("iris", records("iris", 1))

    assert answer.status_code == 503
    assert "answered 404" in answer.json()["error"]


def test_a_withdrawal_through_the_transformer_reaches_both(predictor, transformer, first):
    assert transformer.post("/v2/repository/models/iris/unload").status_code == 200

    assert predictor.get("/v2/models/iris").status_code == 404
    assert transformer.get("/v2/models/iris").status_code == 404


def test_every_use_case_has_the_same_tensors_in_both_modes(whole, transformer):
    inputs = transformer.get("/v2/models/spam").json()["inputs"]

    assert [t["name"] for t in inputs] == use_case("spam").record_schema.names
