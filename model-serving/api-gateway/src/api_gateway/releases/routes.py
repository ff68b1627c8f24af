"""`GET /releases…`: serving states, history and release cards."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, FastAPI, Path, Query
from starlette.requests import Request

from api_gateway.auth.authentication import authorize
from api_gateway.auth.keys import AccessRole
from api_gateway.gateway import Gateway
from api_gateway.http.context import context_of
from api_gateway.http.openapi import operation
from api_gateway.http.paging import CursorParameter, LimitParameter, Paging, paging
from api_gateway.http.validation import find_use_case, time_of
from api_gateway.operations.documents import ServedRelease, served_release
from api_gateway.releases.documents import (
    EnvironmentState,
    ReleaseCard,
    TriedChange,
    UseCaseReleases,
)
from api_gateway.releases.ledger_history import Ledgers
from api_gateway.routing.serving import Serving
from api_gateway.routing.target import ServingTarget
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import LedgerEntry
from platform_core.contracts.serving_state import ServingRole
from platform_core.ledger import role_entries, stable_at
from use_cases import use_case_names

UseCasePath = Annotated[str, Path(description="an installed use case")]
ReleasePath = Annotated[str, Path(description="a release id, or its first digits")]
AtTime = dict[Environment, ServedRelease | None]
ROLLBACK_TARGETS = 20
"""So many of the releases that a rollback can return to are named."""


def add_release_routes(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes that show releases."""
    _add_states(app.router, gateway)
    _add_history(app.router, gateway)
    _add_card(app.router, gateway)


def _add_states(router: APIRouter, gateway: Gateway) -> None:
    summary = "The serving state of each use case in each environment"

    @router.get("/releases", tags=["releases"], **operation(summary, AccessRole.VIEWER))
    async def states(request: Request) -> dict[str, dict[Environment, EnvironmentState]]:
        await gateway.admit(authorize(context_of(request), AccessRole.VIEWER))
        return {name: _states(gateway, name) for name in use_case_names()}


def _add_history(router: APIRouter, gateway: Gateway) -> None:
    summary = "Serving states, releases and history of a use case, or what served at a time"

    @router.get(
        "/releases/{use_case}",
        tags=["releases"],
        **operation(summary, AccessRole.VIEWER, [404, 409, 422]),
    )
    async def releases(
        request: Request,
        use_case: UseCasePath,
        at: Annotated[
            str | None, Query(description="a time with a time zone: what served then, and no more")
        ] = None,
        limit: LimitParameter = "20",
        cursor: CursorParameter = None,
        releases_limit: LimitParameter = "100",
        releases_cursor: CursorParameter = None,
    ) -> UseCaseReleases | AtTime:
        await gateway.admit(authorize(context_of(request), AccessRole.VIEWER))
        name = find_use_case(request, use_case).name
        time = time_of("at", at)
        if time is not None:
            return _served(await asyncio.to_thread(gateway.releases.history.ledgers, name), time)
        asked = (
            paging("history", limit, cursor),
            paging("releases", releases_limit, releases_cursor),
        )
        return await asyncio.to_thread(_history, gateway, name, *asked)


def _add_card(router: APIRouter, gateway: Gateway) -> None:
    summary = "Show a release: lineage, metrics, gates; or compare it with another one"

    @router.get(
        "/releases/{use_case}/{release_or_environment}",
        tags=["releases"],
        **operation(summary, AccessRole.VIEWER, [404, 422]),
    )
    async def card(
        request: Request,
        use_case: UseCasePath,
        release_or_environment: ReleasePath,
        compare: Annotated[str | None, Query(description="the id of another release")] = None,
    ) -> ReleaseCard:
        await gateway.admit(authorize(context_of(request), AccessRole.VIEWER))
        name = find_use_case(request, use_case).name
        return await asyncio.to_thread(gateway.releases.card, name, release_or_environment, compare)


def _states(gateway: Gateway, name: str) -> dict[Environment, EnvironmentState]:
    found = {e: gateway.catalog.serving(ServingTarget(name, e)) for e in Environment}
    return {environment: _environment_state(serving) for environment, serving in found.items()}


def _environment_state(serving: Serving) -> EnvironmentState:
    since = ((role, served_release(entry, role)) for role, entry in serving.since.items())
    roles = {role: served for role, served in since if served is not None}
    return EnvironmentState(
        state=serving.state,
        sequence=serving.sequence,
        roles=roles,
        rollback_targets=list(serving.rollback_targets[:ROLLBACK_TARGETS]),
        last_change=_tried(serving.last) if serving.last else None,
    )


def _tried(entry: LedgerEntry) -> TriedChange:
    change = entry.change
    return TriedChange(
        change_id=change.change_id,
        time=entry.time,
        action=change.action,
        actor=change.actor,
        status=change.status,
        detail=change.detail,
    )


def _served(ledgers: Ledgers, at: datetime) -> AtTime:
    return {where: served_release(stable_at(entries, at)) for where, entries in ledgers.items()}


def _history(gateway: Gateway, name: str, asked: Paging, releases_asked: Paging) -> UseCaseReleases:
    ledgers = gateway.releases.history.ledgers(name)
    found = gateway.releases.history.page(name, ledgers, asked)
    releases = gateway.releases.summaries(name, releases_asked)
    return UseCaseReleases(
        use_case=name,
        states=_states(gateway, name),
        stable={where: _stable(entries) for where, entries in ledgers.items()},
        releases=releases.items,
        releases_cursor=releases.cursor,
        history=found.items,
        cursor=found.cursor,
    )


def _stable(entries: Sequence[LedgerEntry]) -> ServedRelease | None:
    return served_release(role_entries(entries).get(ServingRole.STABLE))
