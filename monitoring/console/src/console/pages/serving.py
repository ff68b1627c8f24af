"""The page of a use case: its serving states, their history and their actions."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.responses import Response

from console.gateway.value_cache import CachedValue
from console.pages.platform import SLOW, of_target, open_changes_of, read_comparison
from console.web.problems import gateway_problem
from console.web.visit import SignedIn, Visit
from mlplatform_client.errors import APIStatusError
from mlplatform_client.models.changes import LedgerEntry, UseCaseReleases
from mlplatform_client.models.releases import EnvironmentState

router = APIRouter()
HISTORY = 20
RELEASES = 50
PRODUCTION = "production"


@dataclass(frozen=True)
class Period:
    """A time in which one release was stable; `until` is `None` for the current one."""

    release_id: str
    since: datetime
    until: datetime | None
    entry: LedgerEntry


@dataclass(frozen=True)
class PastRoles:
    """What a release did before in an environment: its last time as the stable release, and the
    change that ended its last trial.
    """

    stable: Period | None
    withdrawn: LedgerEntry | None


@router.get("/use-cases/{use_case}")
async def serving(
    visit: SignedIn,
    use_case: str,
    environment: str = PRODUCTION,
    cursor: str | None = None,
    at: str = "",
) -> Response:
    """Show one environment of a use case; with `at` what was live then."""
    await visit.check(use_case, environment)
    api = visit.api
    described, drift, quality, traffic, changes, comparison = await asyncio.gather(
        describe(visit, use_case, cursor, releases=1),
        visit.read(f"drift {use_case}", lambda: api.metrics.drift(use_case)),
        visit.read(f"quality {use_case}", lambda: api.metrics.quality(use_case)),
        visit.read(f"traffic {use_case}", lambda: api.operations.traffic(use_case), SLOW),
        visit.read(f"open-changes {use_case}", lambda: open_changes_of(visit, use_case)),
        read_comparison(visit, use_case, environment),
    )
    found = described.value
    state = found.states.get(environment) if found else None
    served, problem = await _served_at(visit, use_case, at)
    return await visit.use_case_page(
        "serving_page.html",
        await visit.title(use_case),
        use_case,
        environment=environment,
        live=True,
        described=described,
        state=state,
        rollback_past=_past_of_target(found, state, environment),
        periods=list(_periods(found.history if found else [], environment)),
        drift=drift,
        quality=quality,
        traffic=traffic,
        of_target=of_target,
        comparison=comparison,
        changes=changes,
        first=cursor is None,
        at=at,
        served=served,
        problem=problem,
    )


async def describe(
    visit: Visit,
    use_case: str,
    cursor: str | None = None,
    releases_cursor: str | None = None,
    *,
    history: int = HISTORY,
    releases: int = RELEASES,
) -> CachedValue[UseCaseReleases]:
    """Return states, a page of the releases and a page of the history of a use case, with as many
    of them as are asked for.
    """
    name = f"releases {use_case} {history} {cursor or ''} {releases} {releases_cursor or ''}"
    return await visit.read(
        name,
        lambda: visit.api.releases.describe(
            use_case,
            page_size=history,
            cursor=cursor,
            releases_page_size=releases,
            releases_cursor=releases_cursor,
        ),
    )


async def _served_at(visit: Visit, use_case: str, at: str) -> tuple[object, object]:
    """Return what served at a time, in UTC where it has no zone, or why that cannot be said."""
    if not at:
        return None, None
    text = at
    try:
        time = datetime.fromisoformat(at)
        text = (time if time.tzinfo else time.replace(tzinfo=UTC)).isoformat()
    except ValueError:
        pass  # the gateway says what is wrong with it
    try:
        return await visit.api.releases.served_at(use_case, text), None
    except APIStatusError as error:
        return None, gateway_problem(error)


def past_roles(history: Sequence[LedgerEntry], environment: str, release_id: str) -> PastRoles:
    """Return the past roles of a release, as far as `history` (newest entry first) goes."""
    periods = (one for one in _periods(history, environment) if one.release_id == release_id)
    return PastRoles(
        stable=next(periods, None),
        withdrawn=next((one for one in history if _withdraws(one, environment, release_id)), None),
    )


def _past_of_target(
    found: UseCaseReleases | None, state: EnvironmentState | None, environment: str
) -> Period | None:
    """Return when the release that a rollback would take was stable, as far as that is known."""
    if found is None or state is None or not state.rollback_targets:
        return None
    return past_roles(found.history, environment, state.rollback_targets[0]).stable


def _withdraws(entry: LedgerEntry, environment: str, release_id: str) -> bool:
    """Return whether a change ended the canary or shadow of a release without promoting it."""
    change = entry.change
    before = {one.release_id for one in (change.from_state.canary, change.from_state.shadow) if one}
    after = change.to_state
    kept = {after.stable, *(one.release_id for one in (after.canary, after.shadow) if one)}
    applied = change.environment == environment and change.status == "applied"
    return applied and release_id in before - kept


def _periods(history: Sequence[LedgerEntry], environment: str) -> Iterator[Period]:
    """Yield when each release was stable, newest first, as far as `history` goes."""
    until: datetime | None = None
    mine = [
        one
        for one in history
        if one.change.environment == environment and one.change.status == "applied"
    ]
    for entry in mine:
        change = entry.change
        release = change.to_state.stable
        if release is not None and release != change.from_state.stable:
            yield Period(release, entry.time, until, entry)
            until = entry.time
