"""Predictions of one record and of batches."""

from datetime import datetime
from typing import Any

import pytest

from api_gateway.predict.responses import BatchPredictionResponse, PredictionResponse
from use_cases import use_case


def known(name: str, answer: dict[str, Any], scorers: Any, record: dict[str, Any]) -> None:
    """Check an answer against the release's own scores."""
    case = use_case(name)
    batch = case.columns([case.record.model_validate(record)])
    scores = scorers[name].score(batch)
    probabilities = dict(zip(case.classes, scores.probabilities[0].tolist(), strict=True))
    assert answer["prediction"] == scores.predictions[0].as_py()
    assert answer["probabilities"] == pytest.approx(probabilities)
    assert answer["probability"] == pytest.approx(probabilities[answer["prediction"]])
    assert answer["release_id"] == scorers[name].release_id


async def test_an_email_is_answered_with_every_field_of_the_contract(
    running, scorers, spam
) -> None:
    response = await running.predict()
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    assert list(answer) == [
        "prediction_id", "email_id", "prediction", "spam_probability", "confidence",
        "probability", "probabilities", "model_version", "environment", "release_id", "role",
        "degraded", "latency_ms", "timestamp",
    ]  # fmt: skip
    known("spam", answer, scorers, spam)
    assert answer["email_id"] == "1"
    assert answer["spam_probability"] == answer["probabilities"]["spam"]
    assert answer["confidence"] in {"low", "medium", "high"}
    assert answer["model_version"] == "7"
    assert (answer["environment"], answer["role"]) == ("staging", "stable")
    assert answer["degraded"] is False
    assert answer["latency_ms"] > 0
    assert datetime.fromisoformat(answer["timestamp"]) == running.clock.now()
    PredictionResponse.model_validate(answer)


async def test_a_flower_is_predicted_by_the_same_route(running, scorers, iris) -> None:
    response = await running.predict(iris, "/models/iris/predict")
    assert response.status_code == 200
    answer = response.json()
    known("iris", answer, scorers, iris)
    assert set(answer["probabilities"]) == {"setosa", "versicolor", "virginica"}
    assert "spam_probability" not in answer
    PredictionResponse.model_validate(answer)


async def test_the_default_use_case_has_its_own_path_too(running, spam) -> None:
    response = await running.predict(spam, "/models/spam/predict")
    assert response.json()["email_id"] == "1"


async def test_another_use_case_can_be_the_default(serve, iris) -> None:
    running = await serve(default_use_case="iris")
    assert (await running.predict(iris)).json()["prediction"] == "setosa"


async def test_an_email_with_empty_texts_is_valid(running) -> None:
    empty = {"email_id": "e", "subject": "", "body": "", "sender": ""}
    assert (await running.predict(empty)).status_code == 200


async def test_the_environment_chooses_the_service(serve, v2) -> None:
    running = await serve()
    for environment in ("staging", "production"):
        headers = {"X-Environment": environment}
        answer = (await running.predict(headers=headers)).json()
        assert answer["environment"] == environment
    assert len(v2.server.requests) == 2


async def test_the_service_gets_one_tensor_per_field(running, v2) -> None:
    await running.predict(headers={"X-Request-ID": "abc"})
    request = v2.server.requests[0]
    assert request["id"] == "abc"
    assert request["parameters"] == {"return_features": True}
    assert request["inputs"][1] == {
        "name": "subject",
        "shape": [1],
        "datatype": "BYTES",
        "data": ["Win $1000!"],
    }


async def test_connections_to_the_service_are_kept(running, v2) -> None:
    for _ in range(5):
        await running.predict()
    assert len(v2.server.connections) == 1


@pytest.mark.parametrize("name", ["emails", "records"])
@pytest.mark.parametrize("path", ["/predict/batch-sync", "/models/spam/predict/batch-sync"])
async def test_a_batch_is_one_call_and_keeps_its_order(running, v2, spam, name, path) -> None:
    mails = [{**spam, "email_id": str(number)} for number in range(100)]
    response = await running.predict({name: mails}, path)
    assert response.status_code == 200
    body = response.json()
    assert [entry["email_id"] for entry in body["predictions"]] == [m["email_id"] for m in mails]
    assert len({entry["prediction_id"] for entry in body["predictions"]}) == 100
    assert (body["count"], body["errors"]) == (100, 0)
    assert len(v2.server.requests) == 1
    BatchPredictionResponse.model_validate(body)


async def test_an_invalid_email_fails_alone_in_its_place(running, spam) -> None:
    bad = [{**spam, "email_id": "bad", "subject": 5}, {"email_id": 7}, "text", None]
    mails = [{**spam, "email_id": "first"}, *bad, {**spam, "email_id": "last"}]
    response = await running.predict({"emails": mails}, "/predict/batch-sync")
    assert response.status_code == 200
    body = response.json()
    assert (body["count"], body["errors"]) == (6, 4)
    entries = body["predictions"]
    assert entries[0]["email_id"] == "first"
    assert entries[5]["email_id"] == "last"
    assert set(entries[1]) == {"email_id", "error"}
    assert entries[1]["email_id"] == "bad"
    assert entries[1]["error"]["code"] == "invalid-record"
    assert entries[1]["error"]["detail"].startswith("subject: ")
    assert [entry["email_id"] for entry in entries[2:5]] == [None, None, None]
    assert len(await running.logged()) == 2


async def test_a_bad_flower_is_named_by_its_index(running, iris) -> None:
    records = {"records": [iris, {"features": [1.0]}]}
    body = (await running.predict(records, "/models/iris/predict/batch-sync")).json()
    assert body["predictions"][0]["prediction"] == "setosa"
    assert body["predictions"][1]["index"] == 1
    assert body["predictions"][1]["error"]["detail"].startswith("features")


async def test_a_batch_of_only_invalid_emails_makes_no_call(running, v2) -> None:
    body = (await running.predict({"emails": [{}, {}]}, "/predict/batch-sync")).json()
    assert (body["count"], body["errors"]) == (2, 2)
    assert v2.server.requests == []


async def test_numbers_that_no_number_type_holds_are_a_bad_item(running) -> None:
    huge = b'{"records":[{"features":[1e999,1,1,1]},{"features":[' + b"9" * 400 + b",1,1,1]}]}"
    headers = {"content-type": "application/json"}
    path = "/models/iris/predict/batch-sync"
    response = await running.ask("POST", path, content=huge, headers=headers)
    assert response.json()["errors"] == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"emails": []}, "emails"),
        ({"emails": [{}] * 101}, "emails"),
        ({"emails": {}}, "emails"),
        ({"records": "x"}, "records"),
        ({}, "emails"),
        ({"emails": [{}], "records": [{}]}, "emails"),
        ({"emails": [{}], "more": 1}, "more"),
        ([], ""),
    ],
)
async def test_an_invalid_batch_is_refused_as_a_whole(running, body, field) -> None:
    response = await running.predict(body, "/predict/batch-sync")
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == field


async def test_the_name_of_the_list_depends_on_the_use_case(running, iris) -> None:
    response = await running.predict({"emails": [iris]}, "/models/iris/predict/batch-sync")
    assert response.status_code == 422


async def test_an_iris_record_may_ask_for_the_latest_model_and_gets_its_class_number(
    running, iris
) -> None:
    asked = await running.predict({**iris, "model_version": "latest"}, "/models/iris/predict")
    assert (asked.status_code, asked.json()["class_number"]) == (200, 0)
    other = await running.predict({**iris, "model_version": "3"}, "/models/iris/predict")
    assert other.status_code == 422
    assert "the only one" in other.text
