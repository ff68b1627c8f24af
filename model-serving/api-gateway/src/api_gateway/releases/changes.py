"""Changes of serving states: `POST /releases/…`, `GET /changes…`, approvals."""

import asyncio
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, FastAPI, Path, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.auth.authentication import authorize
from api_gateway.auth.keys import AccessRole
from api_gateway.gateway import Gateway
from api_gateway.http.context import context_of
from api_gateway.http.direct_dispatch import DirectRoute
from api_gateway.http.json_response import json_response
from api_gateway.http.openapi import (
    BODY,
    json_body,
    operation,
    optional_header,
    path_parameter,
)
from api_gateway.http.paging import (
    CursorParameter,
    LimitParameter,
    Page,
    Paging,
    page,
    paging,
)
from api_gateway.http.validation import choice_of, environment_named, find_use_case, read_json
from api_gateway.predict.parsing import parse
from api_gateway.releases.change_requests import (
    EXAMPLES,
    IDEMPOTENCY_KEY,
    ChangeBody,
    change_request,
    idempotency_key,
    require_expected,
)
from api_gateway.routing.target import ServingTarget
from platform_core.changes import RecordedChange
from platform_core.contracts.ledger import (
    Change,
    ChangeDecision,
    ChangeRequest,
    ChangeStatus,
    ChangeStep,
)

ChangePath = Annotated[str, Path(description="as returned with the request")]
Reason = Annotated[str, Field(min_length=1, max_length=1000)]
DECISION_EXAMPLES = {"a reason": {"reason": "the comparison says better"}}
USE_CASE = path_parameter("use_case", "an installed use case")
ENVIRONMENT = path_parameter("release_or_environment", "staging or production")
CHANGE_ID = path_parameter("change_id", "as returned with the request")
MAX_READ = 500
"""Changes that are read for one page; a page with a filter may have fewer than its limit."""
OPEN = {ChangeStatus.SUGGESTED, ChangeStatus.REQUESTED}
"""Changes with these statuses have a marker, so that they are found without reading the others."""
ANY_OPEN = "open"
STATUSES = (*ChangeStatus, ANY_OPEN)
"""What a list of changes may be limited to."""
DECISIONS = {"approve": "Approve a suggested change", "reject": "Reject a change"}


class RequestedChange(BaseModel):
    """A change that was recorded; the release controller applies it."""

    change_id: str


class DecisionBody(BaseModel):
    """The reason for a decision."""

    reason: Reason


class ChangeDocument(BaseModel):
    """A change: what was requested, the decisions about it, the steps that were begun, and how it
    ended, if it has.
    """

    request: ChangeRequest
    status: ChangeStatus
    decisions: list[ChangeDecision]
    steps: list[ChangeStep]
    result: Change | None


class ChangePage(BaseModel):
    """Changes, newest first; `cursor` asks for the next page."""

    changes: list[ChangeDocument]
    cursor: str | None


class ChangeParameters(BaseModel):
    """The filters of a list of changes."""

    use_case: str | None = None
    environment: str | None = None
    status: Annotated[
        str | None,
        Field(
            description=f"`{ANY_OPEN}` is {' or '.join(sorted(OPEN, reverse=True))}",
            json_schema_extra={"enum": [*STATUSES, None]},
        ),
    ] = None


def add_change_routes(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes that request, show and decide on changes."""
    _add_request(app.router, gateway)
    _add_list(app.router, gateway)
    for action in DECISIONS:
        _add_decision(app.router, gateway, action)


def _add_request(router: APIRouter, gateway: Gateway) -> None:
    async def change(request: Request) -> Response:
        caller = authorize(context_of(request), AccessRole.ADMIN)
        case = find_use_case(request, request.path_params["use_case"])
        content = await read_json(request)
        environment = environment_named(request, request.path_params["release_or_environment"])
        key = idempotency_key(request, caller)
        body = parse(ChangeBody, content)
        body.check()
        await gateway.admit(caller)
        target = ServingTarget(case.name, environment)
        if body.expected_state is not None:
            require_expected(target, body.expected_state, await gateway.catalog.read_again(target))
        change_id = await asyncio.to_thread(_submit, gateway, target, body, caller.name, key)
        return json_response({"change_id": change_id}, HTTPStatus.ACCEPTED)

    router.add_api_route(
        "/releases/{use_case}/{release_or_environment}",
        change,
        methods=["POST"],
        tags=["releases"],
        status_code=HTTPStatus.ACCEPTED,
        response_model=RequestedChange,
        route_class_override=DirectRoute,
        **operation(
            "Request a change of a serving state",
            AccessRole.ADMIN,
            (*BODY, 404, 409),
            [optional_header(IDEMPOTENCY_KEY, "the same key requests the same change once")],
            [USE_CASE, ENVIRONMENT, json_body(ChangeBody, EXAMPLES)],
        ),
    )


def _add_list(router: APIRouter, gateway: Gateway) -> None:
    @router.get(
        "/changes",
        tags=["releases"],
        **operation("Changes, newest first", AccessRole.VIEWER, [400, 404, 422]),
    )
    async def changes(
        request: Request,
        given: Annotated[ChangeParameters, Query()],
        limit: LimitParameter = "20",
        cursor: CursorParameter = None,
    ) -> ChangePage:
        await gateway.admit(authorize(context_of(request), AccessRole.VIEWER))
        if given.use_case is not None:
            find_use_case(request, given.use_case)
        if given.environment is not None:
            environment_named(request, given.environment)
        if given.status is not None:
            choice_of("status", given.status, STATUSES)
        found = await asyncio.to_thread(_list, gateway, given, paging("changes", limit, cursor))
        return ChangePage(changes=[_document(one) for one in found.items], cursor=found.cursor)

    @router.get(
        "/changes/{change_id}",
        tags=["releases"],
        **operation("Show a change", AccessRole.VIEWER, [404]),
    )
    async def change(request: Request, change_id: ChangePath) -> ChangeDocument:
        await gateway.admit(authorize(context_of(request), AccessRole.VIEWER))
        return _document(await asyncio.to_thread(gateway.releases.changes.get, change_id))


def _add_decision(router: APIRouter, gateway: Gateway, action: str) -> None:
    async def decide(request: Request) -> Response:
        caller = authorize(context_of(request), AccessRole.ADMIN)
        body = parse(DecisionBody, await read_json(request))
        await gateway.admit(caller)
        decided = await asyncio.to_thread(
            gateway.releases.changes.decide,
            request.path_params["change_id"],
            caller.name,
            action == "approve",
            body.reason,
        )
        return json_response(_document(decided).model_dump(mode="json"))

    router.add_api_route(
        f"/changes/{{change_id}}/{action}",
        decide,
        methods=["POST"],
        tags=["releases"],
        response_model=ChangeDocument,
        route_class_override=DirectRoute,
        **operation(
            DECISIONS[action],
            AccessRole.ADMIN,
            (*BODY, 404, 409),
            (),
            [CHANGE_ID, json_body(DecisionBody, DECISION_EXAMPLES)],
        ),
    )


def _submit(
    gateway: Gateway, target: ServingTarget, body: ChangeBody, actor: str, key: str | None
) -> str:
    release_id = body.release_id
    if release_id is not None:
        release_id = gateway.releases.resolve(target.use_case, release_id)
    request = change_request(target, body, release_id, actor, gateway.releases.clock.now())
    return gateway.releases.changes.submit(request, key)


def _list(gateway: Gateway, given: ChangeParameters, asked: Paging) -> Page[RecordedChange]:
    changes = gateway.releases.changes
    ids = changes.open_ids() if given.status in {*OPEN, ANY_OPEN} else changes.ids()
    wanted = [one for one in ids if asked.after is None or one < asked.after]
    recorded = changes.find(wanted[:MAX_READ])
    matching = (one for one in recorded if _matches(one, given))
    found = page(matching, asked, lambda one: one.request.change_id)
    if found.cursor is None and len(wanted) > MAX_READ:
        return Page(found.items, asked.cursor(wanted[MAX_READ - 1]))
    return found


def _matches(recorded: RecordedChange, given: ChangeParameters) -> bool:
    request = recorded.request
    wanted = OPEN if given.status == ANY_OPEN else {given.status}
    return (
        given.use_case in (None, request.use_case)
        and given.environment in (None, request.environment)
        and (given.status is None or recorded.status in wanted)
    )


def _document(recorded: RecordedChange) -> ChangeDocument:
    return ChangeDocument(
        request=recorded.request,
        status=recorded.status,
        decisions=list(recorded.decisions),
        steps=list(recorded.steps),
        result=recorded.result,
    )
