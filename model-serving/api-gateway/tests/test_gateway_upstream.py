"""Outages and unusable responses of the inference service."""

import asyncio

import pytest
from aiohttp import web

from api_gateway.routing.target import RoutedRelease, ServingTarget
from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import UpstreamUnavailable


def fault(response: web.Response | None = None, seconds: float = 0.0):
    async def answer() -> web.Response:
        await asyncio.sleep(seconds)
        return response or web.Response()

    return answer


def well_formed(**changes) -> dict:
    answer = {
        "outputs": [
            {"name": "probabilities", "shape": [1, 2], "datatype": "FP32", "data": [0.4, 0.6]},
            {"name": "prediction", "shape": [1], "datatype": "BYTES", "data": ["spam"]},
        ],
        "parameters": {"release_id": "a" * 32, "model_version": "1", "degraded": True},
    }
    return {**answer, **changes}


def with_output(index: int, **changes) -> dict:
    answer = well_formed()
    answer["outputs"][index].update(changes)
    return answer


@pytest.fixture
async def deployed(running, releases, activate):
    """A gateway that knows a release that should answer."""
    activate(running.store, releases["spam"], Environment.STAGING)
    await running.gateway.catalog.refresh()
    return running


async def test_a_service_that_is_down_is_503_with_retry_after(deployed, v2) -> None:
    running = deployed
    await v2.stop()
    response = await running.predict()
    assert response.status_code == 503
    assert response.json()["code"] == "upstream-unavailable"
    assert int(response.headers["retry-after"]) >= 1
    assert "127.0.0.1" not in response.text


async def test_without_an_active_release_the_service_need_not_run(nothing_served, v2) -> None:
    running = nothing_served
    await running.gateway.catalog.refresh()
    await v2.stop()
    response = await running.predict()
    assert response.status_code == 503
    assert response.json()["code"] == "no-release-served"


async def test_a_service_that_is_too_slow_is_503(serve, v2) -> None:
    running = await serve(upstream_timeout_seconds=0.05)
    v2.server.fault = fault(seconds=5)
    response = await running.predict()
    assert response.status_code == 503
    assert "0.05 s" in response.json()["detail"]


@pytest.mark.parametrize("status", [500, 502, 503, 400, 302])
async def test_a_service_that_fails_is_503(running, v2, status) -> None:
    v2.server.fault = fault(web.json_response({"error": "no memory"}, status=status))
    response = await running.predict()
    assert response.status_code == 503
    assert response.json()["code"] == "upstream-unavailable"


async def test_a_service_without_the_model_is_not_ready(running, v2) -> None:
    v2.server.remove("spam")
    response = await running.predict()
    assert response.status_code == 503
    assert response.json()["code"] == "model-not-ready"
    assert int(response.headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        well_formed(outputs=[]),
        well_formed(parameters={}),
        with_output(0, data=[0.4]),
        with_output(0, shape=[1]),
        with_output(0, shape=[1, 1], data=[1.0]),
        with_output(0, shape=[2, 2], data=[0.1, 0.9, 0.5, 0.5]),
        with_output(1, data=["eggs"]),
        with_output(1, data=[]),
    ],
    ids=str,
)
async def test_a_response_that_does_not_fit_is_503(running, v2, releases, document) -> None:
    if isinstance(document, dict) and document.get("parameters"):
        document["parameters"]["release_id"] = releases["spam"].id
    v2.server.fault = fault(web.json_response(document))
    response = await running.predict()
    assert response.status_code == 503
    assert response.json()["code"] == "upstream-unavailable"
    assert await running.logged() == []


async def test_a_response_that_is_not_json_is_503(running, v2) -> None:
    v2.server.fault = fault(web.Response(text="<html>"))
    assert (await running.predict()).status_code == 503


async def test_an_answer_of_another_release_is_503(running, v2, releases) -> None:
    v2.server.fault = fault(web.json_response(well_formed()))
    response = await running.predict()
    assert response.status_code == 503
    assert response.json()["code"] == "upstream-unavailable"
    assert f"release {'a' * 32} answered instead of" in response.json()["detail"]
    assert await running.logged() == []


async def test_a_degraded_response_is_marked_and_logged(running, v2, releases) -> None:
    document = well_formed()
    document["parameters"]["release_id"] = releases["spam"].id
    v2.server.fault = fault(web.json_response(document))
    answer = (await running.predict()).json()
    assert answer["degraded"] is True
    (row,) = await running.logged()
    assert row["degraded"] is True


async def test_predictions_resume_when_the_service_does(running, v2) -> None:
    v2.server.fault = fault(web.json_response({}, status=500))
    assert (await running.predict()).status_code == 503
    v2.server.fault = None
    assert (await running.predict()).status_code == 200


async def test_a_connection_closed_by_the_service_is_opened_again(running, v2) -> None:
    assert (await running.predict()).status_code == 200
    for connection in v2.connections():
        connection.close()
    assert (await running.predict()).status_code == 200


async def test_an_outage_is_cleared_by_the_next_success(running, v2, releases) -> None:
    stable = RoutedRelease(
        ServingTarget("spam", Environment.STAGING), releases["spam"].id, ServingRole.STABLE
    )
    await v2.stop()
    await running.predict()
    assert isinstance(running.gateway.upstream.outage(stable), UpstreamUnavailable)
