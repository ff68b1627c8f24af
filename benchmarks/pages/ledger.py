"""`GET /releases/{use_case}` over long ledgers: as they are, and right after another entry."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import httpx
from bench_report import median, table
from serving.ours import KEY, StackHome
from serving.processes import cpu_seconds

from pages.history import STAGING, USE_CASE
from pages.requests import Requests, timed
from platform_core.changes import new_change_id
from platform_core.clock import SystemClock
from platform_core.contracts.ledger import Action, Change, ChangeStatus
from platform_core.errors import Unavailable
from platform_core.ledger import Ledger

PATH = f"/releases/{USE_CASE}"
TIMEOUT_SECONDS = 60


def measure_ledger(home: StackHome, gateway: int, rounds: int) -> None:
    """Measure the endpoint, `gateway` being the process, and print the table."""
    ledger, clock = Ledger(home.store, SystemClock()), SystemClock()
    state = ledger.state(USE_CASE, STAGING)

    def append() -> str:
        """Add a refused change, which leaves the state as it is, and return its id."""
        change = Change(
            change_id=new_change_id(clock.now()),
            use_case=USE_CASE,
            environment=STAGING,
            action=Action.PROMOTE,
            actor="ada",
            reason="a benchmark",
            from_state=state,
            to_state=state,
            status=ChangeStatus.REFUSED,
        )
        return ledger.append(change).change.change_id

    before = {
        "20 entries, 100 releases": (PATH, None),
        "1 entry, 1 release": (f"{PATH}?limit=1&releases_limit=1", None),
        "20 entries, 100 releases, after a new entry": (PATH, append),
    }
    with _gateway(home) as browser:
        found = {name: Requests() for name in before}
        for name, (path, _) in before.items():
            found[name].first = timed(browser, path)[0]
        for _ in range(rounds):
            for name, (path, change) in before.items():
                _ask(browser, gateway, found[name], path, change)
    _table(found)


@contextmanager
def _gateway(home: StackHome) -> Iterator[httpx.Client]:
    url, headers = f"http://127.0.0.1:{home.gateway_port}", {"X-API-Key": KEY}
    with httpx.Client(
        base_url=url, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False
    ) as browser:
        yield browser


def _ask(
    browser: httpx.Client,
    gateway: int,
    requests: Requests,
    path: str,
    change: Callable[[], str] | None,
) -> None:
    """Add one request; the entry that `change` appends must be in its answer."""
    appended = change() if change else None
    before = cpu_seconds({"gateway": gateway})["gateway"]
    wall, answer = timed(browser, path)
    requests.gateway.append(1000 * (cpu_seconds({"gateway": gateway})["gateway"] - before))
    requests.wall.append(wall)
    requests.kilobytes = len(answer.content) / 1000
    newest = answer.json()["history"][0]["change"]["change_id"]
    if appended not in {None, newest}:
        raise Unavailable(f"the entry {appended} is not the newest of {path}")


def _table(found: Mapping[str, Requests]) -> None:
    rows = [
        [name, one.first, median(one.wall), one.p95, median(one.gateway), one.kilobytes]
        for name, one in found.items()
    ]
    header = [PATH, "first ms", "p50 ms", "p95 ms", "CPU ms gateway", "kB"]
    table("requests to the gateway over the same history", header, rows)
