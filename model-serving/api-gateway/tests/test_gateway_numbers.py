"""The gateway answers for a regression: a number and its interval."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import rents
from aiohttp import web

from api_gateway.predict.responses import NumberResponse
from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingState, model_name
from use_cases import discover

FLAT = rents.RentsUseCase.examples["central"]
PATH = "/models/rents/predict"
RELEASE = "ab" * 16


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install the regression of the tests."""
    monkeypatch.syspath_prepend(str(Path(rents.__file__).parent / "installed_rents"))
    assert discover()
    yield
    monkeypatch.undo()
    assert discover()


@pytest.fixture
async def serving(installed, serve, set_state):
    """A gateway that serves a release of the regression."""
    running = await serve()
    set_state(running.store, "rents", Environment.STAGING, ServingState(stable=RELEASE))
    await running.gateway.catalog.refresh()
    return running


def answering(v2, prediction, interval):
    """Have the service answer each record with these values."""

    async def answer() -> web.Response:
        rows = v2.server.requests[-1]["inputs"][0]["shape"][0]
        values = {"prediction": [prediction], "interval": interval, "features": [1.0, 2.0]}
        outputs = [_tensor(name, one, rows) for name, one in values.items()]
        parameters = {"release_id": RELEASE, "model_version": "7", "degraded": False}
        return web.json_response({"outputs": outputs, "parameters": parameters})

    v2.server.scorers[model_name("rents", RELEASE)] = next(iter(v2.server.scorers.values()))
    v2.server.fault = answer


def _tensor(name, row, rows):
    shape = [rows] if name == "prediction" else [rows, len(row)]
    return {"name": name, "datatype": "FP32", "shape": shape, "data": row * rows}


async def test_a_number_is_answered_with_its_interval_and_logged(serving, v2) -> None:
    running = serving
    answering(v2, 812.5, [700.0, 950.25])
    response = await running.predict(FLAT, PATH)
    assert response.status_code == 200, response.text
    answer = response.json()
    NumberResponse.model_validate(answer)
    assert (answer["prediction"], answer["interval"]) == (812.5, [700.0, 950.25])
    assert not {"probability", "probabilities"} & set(answer)
    (row,) = await running.logged("rents")
    assert (row["prediction"], row["interval.low"], row["interval.high"]) == (812.5, 700.0, 950.25)
    assert row["prediction_id"] == answer["prediction_id"]


async def test_each_record_of_a_batch_has_its_number(serving, v2) -> None:
    running = serving
    answering(v2, 812.5, [700.0, 950.25])
    records = [FLAT, {**FLAT, "area": "large"}, FLAT]
    body = (await running.predict({"records": records}, f"{PATH}/batch-sync")).json()
    assert (body["count"], body["errors"]) == (3, 1)
    assert [one.get("interval") for one in body["predictions"]] == [
        [700.0, 950.25], None, [700.0, 950.25],
    ]  # fmt: skip


@pytest.mark.parametrize("interval", [[820.0, 950.0], [700.0, 800.0], [700.0, None]])
async def test_an_interval_without_its_number_is_not_passed_on(serving, v2, interval) -> None:
    running = serving
    answering(v2, 812.5, interval)
    response = await running.predict(FLAT, PATH)
    assert response.status_code == 503
    assert response.json()["code"] == "upstream-unavailable"


async def test_wrong_answers_of_a_regression_cannot_be_searched(serving) -> None:
    for wrong, status in (("true", 422), ("false", 200)):
        query = {"use_case": "rents", "wrong": wrong}
        response = await serving.ask("GET", "/predictions", params=query)
        assert response.status_code == status, response.text


async def test_the_answer_is_documented(serving) -> None:
    running = serving
    document = (await running.client.get("/openapi.json")).json()
    responses = document["paths"]["/models/{use_case}/predict"]["post"]["responses"]
    schemas = [
        one["$ref"] for one in responses["200"]["content"]["application/json"]["schema"]["anyOf"]
    ]
    assert "#/components/schemas/NumberResponse" in schemas
    interval = document["components"]["schemas"]["NumberResponse"]["properties"]["interval"]
    assert (interval["minItems"], interval["maxItems"]) == (2, 2)
