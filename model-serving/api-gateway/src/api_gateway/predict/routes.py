"""`/predict`, `/models/{use_case}/predict` and their batches."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.auth.authentication import authorize
from api_gateway.auth.keys import AccessRole, Caller
from api_gateway.errors import RateLimited
from api_gateway.gateway import Gateway
from api_gateway.http.context import RequestContext, context_of
from api_gateway.http.direct_dispatch import DirectRoute
from api_gateway.http.json_response import json_response
from api_gateway.http.openapi import (
    BODY,
    ENVIRONMENT_HEADER,
    PURPOSE_HEADER,
    RELEASE_ROLE_HEADER,
    ROUTING_KEY_HEADER,
    json_body,
    operation,
    use_case_path,
)
from api_gateway.http.validation import (
    environment_of,
    find_use_case,
    purpose_of,
    read_json,
    release_role_of,
    routing_key_of,
)
from api_gateway.predict.bodies import batch_body, record_body
from api_gateway.predict.parsing import MAX_RECORDS, InvalidItem, parse, parse_batch, parse_off_loop
from api_gateway.predict.predictor import no_release
from api_gateway.predict.requests import PredictionRequest
from api_gateway.predict.responses import (
    BatchPredictionResponse,
    NumberResponse,
    PredictionResponse,
)
from api_gateway.routing.target import RoutedRelease, ServingTarget
from platform_core.contracts.inference_record import Purpose
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import Unavailable
from use_cases import UseCase, use_case, use_case_names

Handler = Callable[[Gateway, Request, str], Awaitable[Response]]


def add_predict_routes(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes that predict records."""
    default = gateway.default_use_case
    installed = [use_case(name) for name in use_case_names()]
    _add_routes(app, gateway, "", [default], f"the default use case ({default.name})")
    _add_routes(app, gateway, "/models/{use_case}", installed, "a use case")


def _add_routes(
    app: FastAPI, gateway: Gateway, prefix: str, cases: list[UseCase], whose: str
) -> None:
    """Add the route of one record and that of a batch."""
    for path, handler, response, body, summary in (
        (
            "/predict",
            _predict,
            _response_model(cases),
            record_body(cases),
            "Predict one record of {}",
        ),
        (
            "/predict/batch-sync",
            _predict_batch,
            BatchPredictionResponse,
            batch_body(cases),
            f"Predict 1 to {MAX_RECORDS} records of {{}}; an invalid one does not fail the others",
        ),
    ):
        in_path = [use_case_path([case.name for case in cases])] if prefix else []
        app.router.add_api_route(
            f"{prefix}{path}",
            _endpoint(gateway, handler),
            methods=["POST"],
            tags=["predict"],
            response_model=response,
            route_class_override=DirectRoute,
            **operation(
                summary.format(whose),
                AccessRole.OPERATOR,
                (*BODY, 404, 409) if prefix else (*BODY, 409),
                [ENVIRONMENT_HEADER, PURPOSE_HEADER, ROUTING_KEY_HEADER, RELEASE_ROLE_HEADER],
                [*in_path, json_body(*body)],
            ),
        )


def _response_model(cases: list[UseCase]) -> Any:
    """Return the type of the response to one record of any of `cases`."""
    if len(cases) > 1:
        return PredictionResponse | NumberResponse
    return NumberResponse if cases[0].task == "regression" else PredictionResponse


def _endpoint(gateway: Gateway, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        name = request.path_params.get("use_case", gateway.settings.default_use_case)
        return await handler(gateway, request, name)

    return endpoint


async def _predict(gateway: Gateway, request: Request, name: str) -> Response:
    caller, case, body = await _check(request, name)
    headers = _headers(request, case)
    record = await parse_off_loop(parse, case.record, body)
    await _admit(gateway, caller, headers.target)
    responses = await gateway.predictor.predict(headers.request((record,), len(body)))
    return json_response(responses[0])


async def _predict_batch(gateway: Gateway, request: Request, name: str) -> Response:
    caller, case, body = await _check(request, name)
    headers = _headers(request, case)
    items = await parse_off_loop(parse_batch, case, body)
    await _admit(gateway, caller, headers.target)
    records = [item for item in items if not isinstance(item, InvalidItem)]
    valid = headers.request(records, len(body))
    responses = iter(await gateway.predictor.predict(valid) if records else ())
    entries = [
        _error_entry(case, index, item) if isinstance(item, InvalidItem) else next(responses)
        for index, item in enumerate(items)
    ]
    return json_response(
        {"predictions": entries, "count": len(items), "errors": len(items) - len(records)}
    )


@dataclass(frozen=True, slots=True)
class _Headers:
    """What the headers of a request say about its records."""

    context: RequestContext
    case: UseCase
    target: ServingTarget
    purpose: Purpose
    routing_key: str | None
    role: ServingRole | None

    def request(self, records: Sequence[BaseModel], size: int) -> PredictionRequest:
        """Return the request to predict `records`."""
        given = self.context, self.case, self.target, self.purpose, records, size
        return PredictionRequest(*given, self.routing_key, self.role)


def _headers(request: Request, case: UseCase) -> _Headers:
    """Check the headers. A request for one role is a trial, whatever its `X-Purpose`."""
    target = ServingTarget(case.name, environment_of(request))
    purpose, role = purpose_of(request), release_role_of(request)
    purpose = purpose if role is None else Purpose.TRY
    return _Headers(context_of(request), case, target, purpose, routing_key_of(request), role)


async def _check(request: Request, name: str) -> tuple[Caller, UseCase, bytes]:
    """Check key, role, use case, media type and size, in the contract's order."""
    caller = authorize(context_of(request), AccessRole.OPERATOR)
    case = find_use_case(request, name)
    return caller, case, await read_json(request)


async def _admit(gateway: Gateway, caller: Caller, target: ServingTarget) -> None:
    """Count the request.

    A known outage comes before the rate limit: a caller told to wait for the next window would
    then find the service down.
    """
    try:
        await gateway.admit(caller)
    except RateLimited as error:
        raise _outage(gateway, target) or gateway.log.outage or error from None


def _outage(gateway: Gateway, target: ServingTarget) -> Unavailable | None:
    """Return why the stable release cannot answer, `None` as long as nothing is known."""
    stable = gateway.catalog.state(target).stable
    if stable is None:
        return no_release(gateway.catalog, target)
    return gateway.upstream.outage(RoutedRelease(target, stable, ServingRole.STABLE))


def _error_entry(case: UseCase, index: int, item: InvalidItem) -> dict[str, Any]:
    error = {"code": item.error.code, "detail": str(item.error)}
    if case.id_column is None:
        return {"index": index, "error": error}
    return {case.id_column: item.record_id, "error": error}
