"""What the overview and the page of a use case read of the gateway."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from console.gateway.value_cache import CachedValue
from console.pages.windows import below_gate_since, harmful_since
from console.web.visit import Visit
from mlplatform_client.models.changes import ChangeDocument
from mlplatform_client.models.comparisons import Comparison
from mlplatform_client.models.drift import DriftInfo
from mlplatform_client.models.history import PipelineRun
from mlplatform_client.models.operations import HealthReport, TrafficInfo
from mlplatform_client.models.quality import QualityInfo
from mlplatform_client.models.releases import EnvironmentState, ReleaseCard
from platform_core.contracts.environments import Environment

ENVIRONMENTS = tuple(reversed(Environment))
"""Production first."""
States = dict[str, dict[str, EnvironmentState]]
Traffic = dict[str, dict[str, TrafficInfo]]
DriftReports = dict[str, dict[str, DriftInfo]]
QualityReports = dict[str, dict[str, QualityInfo]]
T = TypeVar("T")
RECENT = 50
CHANGES_AGE = timedelta(seconds=5)
SLOW = timedelta(seconds=10)
"""What costs the gateway most is read again after this time; pages show when it was read."""
TRAFFIC_MINUTES = 60


@dataclass(frozen=True)
class Platform:
    """The state of all use cases; each value may be an old one or unknown."""

    states: CachedValue[States]
    traffic: CachedValue[Traffic]
    drift: CachedValue[DriftReports]
    quality: CachedValue[QualityReports]
    open_changes: CachedValue[list[ChangeDocument]]
    newest_runs: CachedValue[list[PipelineRun]]
    """The newest run of each use case."""
    comparisons: Mapping[tuple[str, str], CachedValue[Comparison | None]]
    health: CachedValue[HealthReport]
    down: Mapping[str, datetime] = field(default_factory=dict)
    """Since when each dependency that is unavailable has been seen so."""
    alarms: Mapping[tuple[str, str, str], datetime | None] = field(default_factory=dict)
    """When each current alarm began, by `harm` or `quality`, use case and environment."""

    def state(self, use_case: str, environment: str) -> EnvironmentState | None:
        """Return what an environment serves, `None` where that is unknown."""
        return of_target(self.states, use_case, environment)


def of_target(
    known: CachedValue[dict[str, dict[str, T]]], use_case: str, environment: str
) -> T | None:
    """Return the value of one use case and environment, `None` where it is unknown."""
    return (known.value or {}).get(use_case, {}).get(environment)


async def read_platform(visit: Visit) -> Platform:
    """Read everything that the overview shows."""
    # First and alone: a key that is not known any more ends the page here.
    states = await visit.read("states", visit.api.releases.states)
    reports = asyncio.gather(
        read_traffic(visit),
        visit.read("drift", visit.api.metrics.drift),
        visit.read("quality", visit.api.metrics.quality),
        visit.read("health", visit.api.operations.health),
    )
    history = asyncio.gather(
        visit.read("open-changes", lambda: open_changes_of(visit)),
        visit.read("newest-runs", lambda: newest_runs(visit), SLOW),
    )
    found = await asyncio.gather(reports, history, read_comparisons(visit, candidates(states)))
    (traffic, drift, quality, health), (open_changes, runs), comparisons = found
    alarms = await _alarms(visit, drift, quality)
    return Platform(
        states, traffic, drift, quality, open_changes, runs, comparisons, health,
        _down(visit, health), alarms,
    )  # fmt: skip


async def _alarms(
    visit: Visit, drift: CachedValue[DriftReports], quality: CachedValue[QualityReports]
) -> Mapping[tuple[str, str, str], datetime | None]:
    """Return when each alarm of the newest reports began."""
    begun = {
        ("harm", *place): harmful_since(visit, *place, one.end)
        for place, one in _by_target(drift)
        if one.harmful
    }
    begun |= {
        ("quality", *place): below_gate_since(visit, *place, one.end)
        for place, one in _by_target(quality)
        if one.status == "below-gate"
    }
    return dict(zip(begun, await asyncio.gather(*begun.values()), strict=True))


def _by_target(known: CachedValue[dict[str, dict[str, T]]]) -> Iterator[tuple[tuple[str, str], T]]:
    for use_case, by_environment in (known.value or {}).items():
        for environment, one in by_environment.items():
            yield (use_case, environment), one


def _down(visit: Visit, health: CachedValue[HealthReport]) -> Mapping[str, datetime]:
    """Return since when this console has seen dependencies unavailable, for this API key."""
    owner, name = visit.session.owner, "down"
    before: CachedValue[Mapping[str, datetime]] | None = visit.console.known.get(owner, name)
    known = (before.value if before else None) or {}
    report = health.value
    if report is None:
        return known
    names = [one for one, part in report.dependencies.items() if part["status"] == "unavailable"]
    found = {one: known.get(one, report.checked_at) for one in names}
    visit.console.known.keep(owner, name, CachedValue(found, health.at))
    return found


async def applied_changes(
    visit: Visit, use_case: str, environment: str
) -> CachedValue[list[ChangeDocument]]:
    """Return the newest changes of the serving state of an environment."""

    async def read() -> list[ChangeDocument]:
        listed = visit.api.changes.list(
            use_case=use_case, environment=environment, status="applied", page_size=RECENT
        )
        return (await listed.page()).changes

    return await visit.read(f"applied {use_case} {environment}", read, CHANGES_AGE)


async def open_changes_of(visit: Visit, use_case: str | None = None) -> list[ChangeDocument]:
    """Return the changes that wait for a person, or for the release controller."""
    listed = visit.api.changes.list(use_case=use_case, status="open", page_size=RECENT)
    return (await listed.page()).changes


async def newest_runs(visit: Visit) -> list[PipelineRun]:
    """Return the newest run of each use case."""
    return (await visit.api.runs.list(newest=True).page()).runs


async def read_comparisons(
    visit: Visit, targets: Iterable[tuple[str, str]]
) -> Mapping[tuple[str, str], CachedValue[Comparison | None]]:
    """Return the evidence about the candidates of these use cases and environments."""
    wanted = list(targets)
    found = await asyncio.gather(*(read_comparison(visit, *target) for target in wanted))
    return dict(zip(wanted, found, strict=True))


async def read_comparison(
    visit: Visit, use_case: str, environment: str
) -> CachedValue[Comparison | None]:
    """Return the evidence about the canary or shadow of an environment."""
    name = f"comparison {use_case} {environment}"
    return await visit.read(name, lambda: visit.api.comparisons.get(use_case, environment))


async def read_traffic(visit: Visit) -> CachedValue[Traffic]:
    """Return what was answered in the last hour."""
    return await visit.read(
        "traffic", lambda: visit.api.operations.traffic(minutes=TRAFFIC_MINUTES), SLOW
    )


async def read_release(
    visit: Visit,
    use_case: str,
    release_id: str,
    compare: str | None = None,
    max_age: timedelta = timedelta(0),
) -> CachedValue[ReleaseCard]:
    """Return what is stored about a release, compared with another one if that is named."""
    return await visit.read(
        f"release {use_case} {release_id} {compare or ''}",
        lambda: visit.api.releases.get(use_case, release_id, compare=compare),
        max_age,
    )


def candidates(states: CachedValue[States]) -> list[tuple[str, str]]:
    """Return the use cases and environments with a canary or shadow."""
    return [
        (use_case, environment)
        for use_case, by_environment in (states.value or {}).items()
        for environment, one in by_environment.items()
        if one.state.canary or one.state.shadow
    ]
