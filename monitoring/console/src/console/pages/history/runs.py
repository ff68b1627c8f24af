"""Pipeline runs with their steps, and the requests to retrain."""

import asyncio

from fastapi import APIRouter
from starlette.responses import Response

from console.gateway.value_cache import CachedValue
from console.pages.history.lists import PAGE_SIZE, list_page
from console.pages.platform import States
from console.web.errors import PageNotFound
from console.web.visit import SignedIn, Visit
from mlplatform_client.models.history import RetrainingOutcome
from platform_core.contracts.drift_report import RETRAIN_RUN

router = APIRouter()
STEPS = ("prepare-data", "features", "train", "evaluate", "release", "stage")
"""The steps of the pipeline in their order."""


@router.get("/runs")
async def runs(visit: SignedIn, use_case: str = "", cursor: str | None = None) -> Response:
    """Show pipeline runs, newest first."""
    pages = visit.api.runs.list(use_case or None, page_size=PAGE_SIZE)
    live = cursor is None
    return await list_page(
        visit, "runs.html", "Pipeline runs", pages, use_case, cursor, live=live, steps=STEPS
    )


@router.get("/runs/{use_case}/{run_id}")
async def run(visit: SignedIn, use_case: str, run_id: str) -> Response:
    """Show one run, and why it was started if a retraining request did so.

    Raises:
        PageNotFound: there is none.
    """
    pages = visit.api.runs.list(use_case, run_id=run_id)
    known, reason, states = await asyncio.gather(
        visit.read(f"run {use_case} {run_id}", pages.page),
        _reason(visit, use_case, run_id),
        visit.read("states", visit.api.releases.states),
    )
    found = known.value.runs if known.value else []
    if known.value and not found:
        raise PageNotFound(f"There is no run {run_id!r:.80} of {use_case}.")
    return await visit.page(
        "run.html",
        f"Run {run_id}",
        use_case=use_case,
        live=True,
        known=known,
        run=found[0] if found else None,
        name=use_case,
        run_id=run_id,
        reason=reason,
        serves=_served_roles(states, use_case, found[0].release_id if found else None),
        steps=STEPS,
    )


@router.get("/retraining")
async def retraining(visit: SignedIn, use_case: str = "", cursor: str | None = None) -> Response:
    """Show retraining requests with their reasons and outcomes, newest first."""
    pages = visit.api.retraining.list(use_case or None, page_size=PAGE_SIZE)
    live = cursor is None
    return await list_page(
        visit, "retraining.html", "Retraining requests", pages, use_case, cursor, live=live
    )


def _served_roles(
    states: CachedValue[States], use_case: str, release_id: str | None
) -> list[str] | None:
    """Return what a release does now: `stable in production`; `None` where that is unknown."""
    if states.value is None:
        return None
    return [
        f"{role} in {environment}"
        for environment, state in states.value.get(use_case, {}).items()
        for role, one in state.roles.items()
        if one.release_id == release_id
    ]


async def _reason(
    visit: Visit, use_case: str, run_id: str
) -> CachedValue[RetrainingOutcome | None] | None:
    """Return the request that started a run, `None` for a run that a person started."""
    if not run_id.startswith(RETRAIN_RUN):
        return None
    request_id = run_id.removeprefix(RETRAIN_RUN)

    async def read() -> RetrainingOutcome | None:
        pages = visit.api.retraining.list(use_case, request_id=request_id)
        return next(iter((await pages.page()).retraining), None)

    return await visit.read(f"retraining request {use_case} {request_id}", read)
