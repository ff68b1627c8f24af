"""`/predict`, `/models/{use_case}/predict` and their batches."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.auth.keys import Caller, Role
from api_gateway.errors import RateLimited
from api_gateway.gateway import Gateway
from api_gateway.http.checks import (
    authorize,
    environment_of,
    find_use_case,
    purpose_of,
    read_json,
)
from api_gateway.http.documentation import batch_operation, predict_operation
from api_gateway.http.replies import json_reply
from api_gateway.predict.answers import PredictionRequest
from api_gateway.predict.records import BadItem, Item, parse, parse_batch, parse_off_loop
from api_gateway.routing.upstream import Place
from platform_core.contracts.environments import Environment
from platform_core.errors import ModelNotReady
from platform_core.open_inference.client import ServiceUnreachable
from use_cases import UseCase, use_case, use_case_names


def predict_routes(gateway: Gateway) -> APIRouter:
    """Return the endpoints that answer records."""
    router = APIRouter(tags=["predict"])
    default = [gateway.default_use_case]
    every = [use_case(name) for name in use_case_names()]

    @router.post("/predict", **predict_operation(default, "default"))
    async def predict(request: Request) -> Response:
        return await _single(gateway, request, gateway.settings.default_use_case)

    @router.post("/predict/batch-sync", **batch_operation(default, "default"))
    async def batch(request: Request) -> Response:
        return await _batch(gateway, request, gateway.settings.default_use_case)

    @router.post("/models/{use_case}/predict", **predict_operation(every, "any"))
    async def predict_any(request: Request) -> Response:
        return await _single(gateway, request, request.path_params["use_case"])

    @router.post("/models/{use_case}/predict/batch-sync", **batch_operation(every, "any"))
    async def batch_any(request: Request) -> Response:
        return await _batch(gateway, request, request.path_params["use_case"])

    return router


async def _single(gateway: Gateway, request: Request, name: str) -> Response:
    caller, case, body, asked = await _checked(gateway, request, name)
    record = await parse_off_loop(parse, case.record, body)
    await _admit(gateway, caller, case, asked.environment)
    answers = await _answers(gateway, asked, [record])
    return json_reply(answers[0])


async def _batch(gateway: Gateway, request: Request, name: str) -> Response:
    caller, case, body, asked = await _checked(gateway, request, name)
    items = await parse_off_loop(parse_batch, case, body)
    await _admit(gateway, caller, case, asked.environment)
    records = [item for item in items if not isinstance(item, BadItem)]
    answers = iter(await _answers(gateway, asked, records) if records else ())
    entries = [
        _bad_entry(case, index, item) if isinstance(item, BadItem) else next(answers)
        for index, item in enumerate(items)
    ]
    return json_reply(
        {"predictions": entries, "count": len(items), "errors": len(items) - len(records)}
    )


async def _answers(
    gateway: Gateway, asked: PredictionRequest, records: Sequence[BaseModel]
) -> list[dict[str, Any]]:
    """Answer; where the ledger names no release, nobody listens and that is no outage."""
    try:
        return await gateway.predictor.predict(asked, records)
    except ServiceUnreachable as error:
        place = (asked.case.name, asked.environment)
        raise (_no_release(gateway, place) or error) from error


async def _checked(
    gateway: Gateway, request: Request, name: str
) -> tuple[Caller, UseCase, bytes, PredictionRequest]:
    caller = authorize(request, gateway.keys, Role.OPERATOR)
    case = find_use_case(request, name)
    body = await read_json(request)
    environment, purpose = environment_of(request), purpose_of(request)
    state = request.state
    asked = PredictionRequest(
        case, environment, purpose, state.request_id, state.started, len(body)
    )
    return caller, case, body, asked


async def _admit(gateway: Gateway, caller: Caller, case: UseCase, environment: Environment) -> None:
    """Count the request. An outage that is known comes before the limit: who is told to wait
    for a new window would find the service down.
    """
    try:
        await gateway.admit(caller)
    except RateLimited as error:
        place = (case.name, environment)
        outage = gateway.upstream.outage(place) or gateway.log.outage
        raise (_no_release(gateway, place) or outage or error) from None


def _no_release(gateway: Gateway, place: Place) -> ModelNotReady | None:
    """Return the error for a place where the ledger is known to name no release."""
    if not gateway.catalog.loaded or gateway.catalog.active(place) is not None:
        return None
    return ModelNotReady(f"no release of {place[0]} is active in {place[1]}; deploy one first")


def _bad_entry(case: UseCase, index: int, item: Item) -> dict[str, Any]:
    error = {"code": item.error.code, "detail": str(item.error)}
    if case.id_column is None:
        return {"index": index, "error": error}
    return {case.id_column: item.name, "error": error}
