"""The contract of V2 over REST, against a running server."""

import json
import struct

import httpx
import numpy as np
import pyarrow as pa
import pytest

from platform_core.contracts.serving_state import model_name
from platform_core.open_inference import tensors_from_batch
from use_cases import number_block, use_case


@pytest.fixture(scope="module")
def releases(stage):
    return {"iris": stage.iris[0], "spam": stage.spam}


@pytest.mark.parametrize("name", ["iris", "spam"])
@pytest.mark.parametrize("rows", [1, 3, 40])
def test_answers_are_those_of_the_release(server, releases, records, offline, outputs, name, rows):
    batch = records(name, rows)
    expected = offline(releases[name], batch)

    answer = server.infer(name, batch, id="request-1").json()

    got = outputs(answer)
    assert list(got) == ["probabilities", "prediction"]
    values = np.array(got["probabilities"], np.float32).reshape(rows, -1)
    np.testing.assert_allclose(values, expected.probabilities, atol=1e-6)
    assert got["prediction"] == expected.predictions.to_pylist()
    classes = len(use_case(name).classes)
    assert [t["shape"] for t in answer["outputs"]] == [[rows, classes], [rows]]
    assert [t["datatype"] for t in answer["outputs"]] == ["FP32", "BYTES"]
    assert (answer["id"], answer["model_name"]) == ("request-1", name)


def test_an_answer_says_how_long_its_release_took(server, records):
    answer = server.infer("spam", records("spam", 1))

    assert 0 < int(answer.headers["x-service-microseconds"]) < 10_000_000


def test_every_answer_names_its_release(server, releases, records):
    spam = server.infer("spam", records("spam", 1)).json()
    iris = server.infer("iris", records("iris", 1)).json()

    assert spam["parameters"] == {
        "release_id": releases["spam"].id,
        "model_version": "3",
        "degraded": False,
    }
    assert spam["model_version"] == "3"
    assert iris["parameters"]["model_version"] == releases["iris"].id


@pytest.mark.parametrize("name", ["iris", "spam"])
def test_features_come_back_when_they_are_asked_for(
    server, releases, records, offline, outputs, name
):
    batch = records(name, 5)
    features = offline(releases[name], batch).features

    got = outputs(server.infer(name, batch, parameters={"return_features": True}).json())

    assert list(got)[2:] == ["features"]
    np.testing.assert_allclose(got["features"], number_block(features).ravel(), atol=1e-6)


def test_tensors_may_be_columns_in_any_order_and_unknown_ones_are_ignored(server, records, outputs):
    batch = records("spam", 2)
    tensors = [
        {**t, "shape": [2, 1], "data": [[v] for v in t["data"]]} for t in tensors_from_batch(batch)
    ]
    tensors.append({"name": "more", "shape": [1], "datatype": "INT8", "data": [1]})

    nested = server.post("/v2/models/spam/infer", {"inputs": tensors[::-1]}).json()

    assert outputs(nested) == outputs(server.infer("spam", batch).json())


def test_only_the_outputs_that_are_asked_for_come_back(server, records, outputs):
    answer = server.infer("iris", records("iris", 2), outputs=[{"name": "prediction"}])

    assert list(outputs(answer.json())) == ["prediction"]
    unknown = server.infer("iris", records("iris", 2), outputs=[{"name": "eggs"}])
    assert unknown.status_code == 400
    assert "eggs" in unknown.json()["error"]


def test_an_empty_batch_has_an_empty_answer(server, records, outputs):
    answer = server.infer("iris", records("iris", 1).slice(0, 0))

    assert outputs(answer.json()) == {"probabilities": [], "prediction": []}


def test_text_of_any_alphabet_survives(server, records, offline, outputs, releases):
    row = {
        "email_id": "1",
        "subject": "Grüße 🎉 \x00",
        "body": '優惠\n\t"',
        "sender": "ä@é.example",
    }
    batch = pa.RecordBatch.from_pylist([row], schema=use_case("spam").record_schema)

    got = outputs(server.infer("spam", batch).json())

    expected = offline(releases["spam"], batch).probabilities.ravel()
    np.testing.assert_allclose(got["probabilities"], expected, atol=1e-6)


def bad_iris(**changes):
    tensors = tensors_from_batch(use_case("iris").golden_records().slice(0, 2))
    tensors[1].update(changes)
    return {"inputs": tensors}


@pytest.mark.parametrize(
    ("request_body", "reason"),
    [
        ({"inputs": []}, "'sepal_length' is missing"),
        (bad_iris(datatype="BYTES"), "'sepal_width' has datatype BYTES, expected FP32"),
        (bad_iris(shape=[3]), r"'sepal_width' has shape [3] for 2 values"),
        (bad_iris(shape=[2, 2]), "'sepal_width' has shape [2, 2]"),
        (bad_iris(data=["a", "b"]), "'sepal_width' does not fit"),
        (bad_iris(data=[1.0, None]), "'sepal_width' has values that are null or not finite"),
        (bad_iris(data=[1.0, 1e39]), "'sepal_width' has values that are null or not finite"),
        (bad_iris(data=[[1.0, 2.0], [1.0]]), "'sepal_width' has shape"),
        (bad_iris(shape=[1], data=[3.0]), "differ in length"),
        ({"inputs": "none"}, "not a V2 inference request: inputs"),
        ({"instances": [[1, 2, 3, 4]]}, "not a V2 inference request: inputs"),
    ],
)
def test_a_request_that_does_not_fit_gets_the_reason(server, request_body, reason):
    answer = server.post("/v2/models/iris/infer", request_body)

    assert answer.status_code == 400
    assert reason in answer.json()["error"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[]", b"null", b'"text"'])
def test_a_body_that_is_not_a_v2_request_is_refused(server, body):
    answer = httpx.post(f"{server.url}/v2/models/iris/infer", content=body)

    assert answer.status_code == 400
    assert "not a V2 inference request" in answer.json()["error"]


def post_binary(server, document, tensors=b""):
    header = json.dumps(document).encode()
    headers = {"Inference-Header-Content-Length": str(len(header))}
    url = f"{server.url}/v2/models/spam/infer"
    return httpx.post(url, content=header + tensors, headers=headers)


def binary_mails(texts: dict[str, bytes]) -> tuple[dict, bytes]:
    """Return a request for one mail with binary tensors, and the tensors."""
    raw = {name: struct.pack("<I", len(text)) + text for name, text in texts.items()}
    inputs = [
        {
            "name": name,
            "shape": [1],
            "datatype": "BYTES",
            "parameters": {"binary_data_size": len(data)},
        }
        for name, data in raw.items()
    ]
    return {"inputs": inputs}, b"".join(raw.values())


MAIL = {"email_id": b"1", "subject": b"Hello", "body": b"Free money", "sender": b"a@b.example"}


def test_binary_tensors_are_answered_like_json(server, outputs):
    row = {name: text.decode() for name, text in MAIL.items()}
    batch = pa.RecordBatch.from_pylist([row], schema=use_case("spam").record_schema)

    answer = post_binary(server, *binary_mails(MAIL))

    assert answer.status_code == 200
    assert outputs(answer.json()) == outputs(server.infer("spam", batch).json())


@pytest.mark.parametrize("length", [11, 2**32 - 1])
def test_a_text_length_beyond_the_buffer_is_refused(server, length):
    document, tensors = binary_mails(MAIL)
    wrong = tensors.replace(struct.pack("<I", 10), struct.pack("<I", length))

    answer = post_binary(server, document, wrong)

    assert answer.status_code == 400
    assert "not a V2 inference request" in answer.json()["error"]


@pytest.mark.parametrize("document", [[], {}, {"inputs": ["text"]}, {"inputs": [{}]}])
def test_a_malformed_request_with_binary_tensors_is_refused(server, document):
    answer = post_binary(server, document)

    assert answer.status_code == 400
    assert "not a V2 inference request" in answer.json()["error"]


def test_a_bad_request_changes_nothing_for_the_next(server, records):
    server.post("/v2/models/iris/infer", bad_iris(data=["a", "b"]))

    assert server.infer("iris", records("iris", 1)).status_code == 200


@pytest.mark.parametrize("path", ["", "/ready", "/infer"])
def test_an_unknown_model_is_not_found(server, records, path):
    body = {"inputs": tensors_from_batch(records("iris", 1))}
    url = f"/v2/models/churn{path}"

    answer = server.post(url, body) if path == "/infer" else server.get(url)

    assert answer.status_code == 404
    assert "churn" in answer.json()["error"]


def test_metadata_say_what_is_served(server, releases):
    metadata = server.get("/v2/models/spam").json()

    assert metadata["versions"] == [releases["spam"].id]
    assert [t["name"] for t in metadata["inputs"]] == ["email_id", "subject", "body", "sender"]
    assert {t["datatype"] for t in metadata["inputs"]} == {"BYTES"}
    assert metadata["outputs"] == [
        {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]},
        {"name": "prediction", "datatype": "BYTES", "shape": [-1]},
    ]
    assert server.get("/v2/models/spam/ready").json() == {"name": "spam", "ready": True}
    names = {model_name(name, release.id) for name, release in releases.items()}
    assert set(server.get("/v2/models").json()["models"]) == {"iris", "spam"} | names
    assert server.get("/v2/health/live").json() == {"live": True}


def test_metrics_count_requests_and_nothing_logs_them(server, records):
    for _ in range(3):
        server.infer("iris", records("iris", 1))

    metrics = server.get("/metrics")

    assert metrics.status_code == 200
    assert 'request_predict_seconds_count{model_name="iris"}' in metrics.text
    assert "/infer" not in server.log.read_text()
