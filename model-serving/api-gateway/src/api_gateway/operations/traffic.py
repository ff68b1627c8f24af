"""`GET /traffic`: the live answers of the last minutes, by use case, environment and role."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, FastAPI, Query
from pydantic import BaseModel
from starlette.requests import Request

from api_gateway.auth.authentication import authorize
from api_gateway.auth.keys import AccessRole
from api_gateway.gateway import Gateway
from api_gateway.http.context import context_of
from api_gateway.http.openapi import operation
from api_gateway.http.paging import whole_number
from api_gateway.http.validation import find_use_case
from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingRole
from records.index import MinuteTraffic, minute_traffic
from use_cases import use_case_names

MAX_MINUTES = 24 * 60
MINUTE = timedelta(minutes=1)


class TrafficInfo(BaseModel):
    """The live answers with `start <= time < end`, as far as they are in the record index.

    A record gets there when its segment is uploaded, about a minute after the answer. `per_minute`
    counts the answers from `start` on. `shadowed` counts the copies that a shadow got,
    `canary_failures` the requests that the stable release answered because a canary could not.
    While `complete` is false the index is being built, and there are more.
    """

    start: datetime
    end: datetime
    complete: bool
    answers: int
    by_role: dict[ServingRole, int]
    shadowed: int
    canary_failures: int
    newest: datetime | None
    per_minute: list[int]


def add_traffic_route(app: FastAPI, gateway: Gateway) -> None:
    """Add the route."""
    _add_traffic(app.router, gateway)


def _add_traffic(router: APIRouter, gateway: Gateway) -> None:
    summary = "Live answers of the last minutes, by use case and environment"

    @router.get(
        "/traffic", tags=["operations"], **operation(summary, AccessRole.VIEWER, [404, 422])
    )
    async def traffic(
        request: Request,
        use_case: Annotated[str | None, Query(description="without it all of them")] = None,
        minutes: Annotated[str, Query(description=f"1 to {MAX_MINUTES}")] = "60",
    ) -> dict[str, dict[Environment, TrafficInfo]]:
        await gateway.admit(authorize(context_of(request), AccessRole.VIEWER))
        found = find_use_case(request, use_case).name if use_case is not None else None
        names = use_case_names() if found is None else (found,)
        count = whole_number("minutes", minutes, MAX_MINUTES)
        index = await gateway.records.current()
        now = gateway.releases.clock.now().astimezone(UTC)
        end = now.replace(second=0, microsecond=0) + MINUTE
        start = end - count * MINUTE

        def read() -> dict[str, dict[Environment, TrafficInfo]]:
            complete = index.complete
            return {
                name: _by_environment(minute_traffic(index, name, start, end), start, end, complete)
                for name in names
            }

        return await asyncio.to_thread(read)


def _by_environment(
    rows: Sequence[MinuteTraffic], start: datetime, end: datetime, complete: bool
) -> dict[Environment, TrafficInfo]:
    return {
        environment: _info([r for r in rows if r.environment == environment], start, end, complete)
        for environment in Environment
    }


def _info(
    rows: Sequence[MinuteTraffic], start: datetime, end: datetime, complete: bool
) -> TrafficInfo:
    per_minute = [0] * ((end - start) // MINUTE)
    by_role: dict[ServingRole, int] = {}
    for row in rows:
        if row.role != ServingRole.SHADOW:
            role = ServingRole(row.role)
            by_role[role] = by_role.get(role, 0) + row.answers
            per_minute[(row.minute - start) // MINUTE] += row.answers
    return TrafficInfo(
        start=start,
        end=end,
        complete=complete,
        answers=sum(by_role.values()),
        by_role=by_role,
        shadowed=sum(row.others for row in rows if row.role == ServingRole.SHADOW),
        canary_failures=sum(row.others for row in rows if row.role == ServingRole.CANARY),
        newest=max((row.newest for row in rows), default=None),
        per_minute=per_minute,
    )
