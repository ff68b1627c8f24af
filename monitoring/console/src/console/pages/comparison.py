"""The live comparison of a canary or shadow with the stable release."""

import asyncio
from datetime import timedelta

from fastapi import APIRouter
from starlette.responses import Response

from console.attention import change_url
from console.gateway.value_cache import CachedValue
from console.pages.platform import (
    applied_changes,
    of_target,
    open_changes_of,
    read_comparison,
)
from console.reports.evidence import by_criterion, criteria, evidence_points, is_present
from console.web.visit import SignedIn, Visit
from mlplatform_client.models.changes import ChangeDocument
from mlplatform_client.models.comparisons import Comparison, DisagreementList

router = APIRouter()
ROWS = 20
HISTORY_AGE = timedelta(seconds=5)


@router.get("/use-cases/{use_case}/comparison")
async def comparison(
    visit: SignedIn,
    use_case: str,
    environment: str = "production",
    cursor: str | None = None,
) -> Response:
    """Show the evidence over time, and the records on which the two releases disagree."""
    await visit.check(use_case, environment)
    place = (use_case, environment)
    states, latest, history, changes, differing = await asyncio.gather(
        visit.read("states", visit.api.releases.states),
        read_comparison(visit, *place),
        visit.read(
            f"evidence {use_case} {environment}",
            lambda: visit.api.comparisons.history(*place),
            HISTORY_AGE,
        ),
        visit.read(f"open-changes {use_case}", lambda: open_changes_of(visit, use_case)),
        _disagreements(visit, use_case, environment, cursor),
    )
    found, state = latest.value, of_target(states, use_case, environment)
    present = is_present(found, state) if found else None
    end = await _end(visit, found) if found and present is False else None
    waiting = [one for one in changes.value or [] if one.request.environment == environment]
    points = evidence_points(found, history.value) if found else []
    return await visit.use_case_page(
        "comparison.html",
        "Live comparison",
        use_case,
        environment=environment,
        live=True,
        states=states,
        state=state,
        latest=latest,
        comparison=found,
        present=present,
        end=end,
        criteria=criteria(found, points) if found else [],
        points=len(points),
        newest=[(one, by_criterion(one)) for one in reversed(points[-ROWS:])],
        waiting=waiting,
        differing=differing,
        first=cursor is None,
        change_url=change_url,
    )


async def _end(visit: Visit, comparison: Comparison) -> ChangeDocument | None:
    """Return the change that ended a trial, `None` where the newest changes do not have it."""
    changes = await applied_changes(visit, comparison.use_case, comparison.environment)
    ends = (one for one in changes.value or [] if _ends(one, comparison))
    return min(ends, key=lambda one: one.request.created_at, default=None)


def _ends(one: ChangeDocument, comparison: Comparison) -> bool:
    """Return whether a change took its role from the candidate of a comparison."""
    change, role = one.result, comparison.role
    if change is None:
        return False
    before, after = (getattr(state, role) for state in (change.from_state, change.to_state))
    had = before is not None and before.change_id == comparison.change_id
    return had and (after is None or after.change_id != comparison.change_id)


async def _disagreements(
    visit: Visit, use_case: str, environment: str, cursor: str | None
) -> CachedValue[DisagreementList] | None:
    """Return a page of records, `None` for a role that may not see records."""
    if not visit.session.may("operator"):
        return None
    listed = visit.api.comparisons.disagreements(use_case, environment, page_size=ROWS)
    name = f"disagreements {use_case} {environment} {cursor}"
    return await visit.read(name, lambda: listed.page(cursor), keep=cursor is None)
