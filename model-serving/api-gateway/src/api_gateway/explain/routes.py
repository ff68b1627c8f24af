"""`/models/{use_case}/explain`: explain a prediction."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.auth.authentication import authorize
from api_gateway.auth.keys import AccessRole
from api_gateway.errors import BodyTooLarge, NoReleaseInRole
from api_gateway.explain.documents import PredictionExplanation
from api_gateway.explain.explainer import explain
from api_gateway.gateway import Gateway
from api_gateway.http.context import context_of
from api_gateway.http.direct_dispatch import DirectRoute
from api_gateway.http.json_response import json_response
from api_gateway.http.openapi import (
    BODY,
    ENVIRONMENT_HEADER,
    RELEASE_ROLE_HEADER,
    json_body,
    operation,
    use_case_path,
)
from api_gateway.http.validation import (
    environment_of,
    find_use_case,
    read_json,
    release_role_of,
)
from api_gateway.predict.bodies import record_body
from api_gateway.predict.parsing import parse, parse_off_loop
from api_gateway.predict.predictor import no_release
from api_gateway.routing.target import RoutedRelease, ServingTarget
from platform_core.contracts.serving_state import ServingRole
from use_cases import use_case, use_case_names

MAX_BYTES = 64 << 10
"""Of a record: a text is sent once for each of its parts."""
SUMMARY = "Explain a prediction: the change of the score when each part of the record is left out"


def add_explain_route(app: FastAPI, gateway: Gateway) -> None:
    """Add the route."""
    cases = [use_case(name) for name in use_case_names()]

    async def endpoint(request: Request) -> Response:
        return await _explain(gateway, request)

    app.router.add_api_route(
        "/models/{use_case}/explain",
        endpoint,
        methods=["POST"],
        tags=["predict"],
        response_model=PredictionExplanation,
        route_class_override=DirectRoute,
        **operation(
            SUMMARY,
            AccessRole.OPERATOR,
            (*BODY, 404, 409),
            [ENVIRONMENT_HEADER, RELEASE_ROLE_HEADER],
            [use_case_path([case.name for case in cases]), json_body(*record_body(cases))],
        ),
    )


async def _explain(gateway: Gateway, request: Request) -> Response:
    context = context_of(request)
    caller = authorize(context, AccessRole.OPERATOR)
    case = find_use_case(request, request.path_params["use_case"])
    body = await read_json(request)
    if len(body) > MAX_BYTES:
        raise BodyTooLarge(f"the record has {len(body)} bytes; at most {MAX_BYTES} are explained")
    target = ServingTarget(case.name, environment_of(request))
    role = release_role_of(request) or ServingRole.STABLE
    record = await parse_off_loop(parse, case.record, body)
    release = _release(gateway, target, role)
    await gateway.admit(caller)
    found = await explain(gateway.upstream, release, case, record, context.request_id)
    return json_response(found.model_dump(mode="json"))


def _release(gateway: Gateway, target: ServingTarget, role: ServingRole) -> RoutedRelease:
    state = gateway.catalog.state(target)
    if state.stable is None:
        raise no_release(gateway.catalog, target)
    release_id = state.releases.get(role)
    if release_id is None:
        raise NoReleaseInRole(
            f"{target} has no {role} release; roles that have one: {', '.join(state.releases)}"
        )
    return RoutedRelease(target, release_id, role)
