"""The text of `make releases`: releases, where they serve, and the history of each environment."""

from collections.abc import Iterator
from textwrap import wrap

from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import ChangeStatus, LedgerEntry
from platform_core.contracts.release import Lineage
from platform_core.contracts.serving_state import ServingState
from platform_core.errors import PlatformError, Unavailable
from platform_core.ledger import Ledger
from platform_core.ports.blob_store import BlobStore
from platform_core.ports.registry import ModelRegistry
from releases.catalogue.lookup import SHORT_ID, refused_releases, release_ids, resolve_release
from scoring import load_lineage
from use_cases import use_case as installed

WIDTH = 100
HISTORY = 10
INDENT = " " * 20
TIME = "%Y-%m-%d %H:%M"
NO_DATA = "no data"
HEAD = ("release", "created (UTC)", "metric", "gates", "version", "serves")
ROW = "{:<12}  {:<16}  {:<25}  {:<7}  {:>7}  {}"


class ReleaseListing:
    """Lines of at most 100 columns."""

    def __init__(self, store: BlobStore, registry: ModelRegistry, ledger: Ledger) -> None:
        self._store = store
        self._registry = registry
        self._ledger = ledger

    def lines(self, use_case: str) -> Iterator[str]:
        """Yield the releases of a use case, newest first, then each environment's history."""
        metric = installed(use_case).training().metric
        admitted = release_ids(self._store, use_case)
        refused = list(refused_releases(self._store, use_case))
        if not admitted and not refused:
            yield f"{use_case}: no releases yet; `make run-pipeline USE_CASE={use_case}` trains one"
            return
        try:
            versions = {v.release_id: v.version for v in self._registry.versions(use_case)}
        except Unavailable as error:  # the history is needed most when servers are down
            versions = {}
            yield from wrap(f"no versions: {error}", WIDTH)
        states = {e: self._ledger.state(use_case, e) for e in Environment}
        rows = [_refused_row(lineage, metric) for lineage in refused]
        for release in admitted:
            found = (_role(e, state, release) for e, state in states.items())
            where = ", ".join(filter(None, found)) or "-"
            lineage = self._lineage(use_case, release)
            rows.append(_row(release, lineage, metric, versions.get(release, "-"), where))
        yield f"{use_case}: {len(admitted)} admitted, {len(refused)} refused"
        yield ROW.format(*HEAD)
        yield from (_fit(text) for _, text in sorted(rows, reverse=True))
        for environment in Environment:
            yield from self._history(use_case, environment)

    def lineage(self, use_case: str, release: str) -> Lineage:
        """Return the lineage of a release, given by its id or the first digits of it."""
        return load_lineage(self._store, use_case, resolve_release(self._store, use_case, release))

    def _lineage(self, use_case: str, release: str) -> Lineage | None:
        try:
            return load_lineage(self._store, use_case, release)
        except PlatformError:
            return None

    def _history(self, use_case: str, environment: Environment) -> Iterator[str]:
        entries = self._ledger.entries(use_case, environment)
        if not entries:
            yield f"{environment}: nothing served yet"
            return
        older = f", the last {HISTORY} of {len(entries)}" if len(entries) > HISTORY else ""
        yield f"{environment}, newest change first{older}:"
        for entry in reversed(entries[-HISTORY:]):
            yield from _entry(entry)


def _row(
    release: str, lineage: Lineage | None, metric: str, version: str, where: str
) -> tuple[str, str]:
    """Return a sort key and the line; `where` is the last column."""
    short = release[:SHORT_ID]
    if lineage is None:
        return "", ROW.format(short, NO_DATA, NO_DATA, NO_DATA, version, where)
    value = lineage.metrics.get(metric)
    measured = f"{metric} {NO_DATA if value is None else f'{value:.4f}'}"
    gates = "passed" if lineage.gates and all(c.passed for c in lineage.gates) else "refused"
    created = lineage.created_at.strftime(TIME)
    line = ROW.format(short, created, measured, gates, version, where)
    return lineage.created_at.isoformat(), line


def _refused_row(lineage: Lineage, metric: str) -> tuple[str, str]:
    failed = ", ".join(check.name for check in lineage.gates if not check.passed)
    return _row(lineage.release_id, lineage, metric, "-", f"refused: {failed or 'not judged'}")


def _entry(entry: LedgerEntry) -> Iterator[str]:
    change = entry.change
    moved = _moved(change.from_state, change.to_state)
    text = (
        f"  {entry.time.strftime(TIME)}  {change.action:<8}  {change.status:<7}  {moved}  "
        f"{change.actor}: {change.reason}"
    )
    yield from wrap(text, WIDTH, subsequent_indent=INDENT, max_lines=2, placeholder=" …")
    if change.status is not ChangeStatus.APPLIED:
        yield from wrap(change.detail, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)


def _role(environment: Environment, state: ServingState, release: str) -> str:
    """Return what a release does in an environment, "" if nothing."""
    canary, shadow = state.canary, state.shadow
    if canary and canary.release_id == release:
        return f"{environment} canary {canary.percent} %"
    if shadow and shadow.release_id == release:
        return f"{environment} shadow {shadow.sample_percent} %"
    return environment if state.stable == release else ""


def _moved(before: ServingState, after: ServingState) -> str:
    """Return what a change moved: the stable release, else canary and shadow."""
    parts = []
    if before.canary != after.canary:
        canary = after.canary
        parts.append(
            f"canary {canary.release_id[:SHORT_ID]} {canary.percent} %" if canary else "no canary"
        )
    if before.shadow != after.shadow:
        shadow = after.shadow
        parts.append(
            f"shadow {shadow.release_id[:SHORT_ID]} {shadow.sample_percent} %"
            if shadow
            else "no shadow"
        )
    if before.stable == after.stable and parts:
        return ", ".join(parts)
    return f"{(before.stable or 'nothing')[:SHORT_ID]} → {(after.stable or '-')[:SHORT_ID]}"


def _fit(text: str) -> str:
    line = " ".join(text.splitlines())
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"
