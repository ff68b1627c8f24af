"""`pages`: server time and CPU of each page of the console over a long history."""

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
from bench_report import median, note, say, table
from serving.ours import KEY, START_SECONDS, StackHome
from serving.processes import cpu_seconds, memory

from pages.history import USE_CASE, Size, Written, write_history
from pages.ledger import measure_ledger
from pages.requests import Requests, timed
from platform_core.clock import SystemClock
from platform_core.errors import Unavailable
from platform_core.testing.processes import answers, free_port, running, wait_until

FULL = Size(releases=1_000, records=100_000, reports=720, runs=200)
QUICK = Size(releases=100, records=10_000, reports=72, runs=20)
ROUNDS, QUICK_ROUNDS = 40, 8
INDEX_SECONDS = 600
TIMEOUT_SECONDS = 60
TARGET_MS = 50.0
CSRF = re.compile(r'name="csrf" value="([^"]+)"')


def run(options: argparse.Namespace) -> bool:
    """Write the history, start both programs, and measure each page in interleaved rounds."""
    size = QUICK if options.quick else FULL
    with tempfile.TemporaryDirectory(prefix="bench-pages-") as folder:
        home = StackHome(Path(folder) / "home")
        home.prepare()
        written = write_history(home.store, SystemClock().now(), size)
        with _programs(home) as (processes, browser):
            _indexed(home, size)
            rounds = QUICK_ROUNDS if options.quick else ROUNDS
            idle = memory(processes["console"])[0]
            _tables(size, _measure(browser, processes, written, rounds))
            measure_ledger(home, processes["gateway"], rounds)
            note(f"memory of the console before the first page (PSS): {idle:.0f} MiB")
            used = ", ".join(f"{n} {memory(pid)[0]:.0f} MiB" for n, pid in processes.items())
            note(f"memory afterwards (PSS): {used}")
    return True


def _pages(written: Written) -> Mapping[str, str]:
    """Return the path of each page by its name."""
    base = f"/use-cases/{USE_CASE}"
    return {
        "overview": "/",
        "use case": base,
        "use case, staging": f"{base}?environment=staging",
        "releases": f"{base}/releases",
        "release": f"{base}/releases/{written.stable}",
        "two releases": f"{base}/releases/compare?this={written.candidate}&other={written.stable}",
        "quality and drift": f"{base}/quality",
        "live comparison": f"{base}/comparison",
        "confirmation": f"{base}/production/change?action=promote",
        "predictions": f"{base}/predictions",
        "search by words": f"{base}/predictions?q=meeting",
        "a prediction": f"/predictions/{written.prediction_id}",
        "try it": f"{base}/try",
        "changes": "/changes",
        "changes, suggested": "/changes?status=suggested",
        "changes of staging": f"/changes?use_case={USE_CASE}&status=applied",
        "a change": f"/changes/{written.change_id}",
        "a suggestion": f"/changes/{written.suggestion}",
        "runs": "/runs",
        "data": "/datasets",
        "batch": "/batch",
    }


@contextmanager
def _programs(home: StackHome) -> Iterator[tuple[dict[str, int], httpx.Client]]:
    """Run the gateway and the console; yield their processes, and a browser that has signed in."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {
        **home.settings,
        "GATEWAY_URL": f"http://127.0.0.1:{home.gateway_port}",
        "CONSOLE_PORT": str(port),
        "CONSOLE_URL": url,
        "CONSOLE_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
    }
    start = partial(running, environment=settings, seconds=START_SECONDS)
    alive = "/health/live"
    gateway = [sys.executable, "-m", "api_gateway"]
    console = [sys.executable, "-m", "console"]
    with (
        start(
            gateway, partial(answers, home.gateway_port, alive), home.folder / "run-gateway"
        ) as one,
        start(console, partial(answers, port, alive), home.folder / "run-console") as two,
        httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, trust_env=False) as browser,
    ):
        token = CSRF.search(browser.get("/sign-in").text)
        data = {"csrf": token[1] if token else "", "key": KEY}
        if not browser.post("/sign-in", data=data).is_redirect:
            raise Unavailable("the console did not let the benchmark sign in")
        yield {"gateway": one.pid, "console": two.pid}, browser


def _indexed(home: StackHome, size: Size) -> None:
    """Wait until the record index has the last day."""
    url = f"http://127.0.0.1:{home.gateway_port}/traffic?use_case={USE_CASE}&minutes=1440"

    def complete() -> bool:
        answer = httpx.get(url, headers={"X-API-Key": KEY}, timeout=TIMEOUT_SECONDS)
        if not answer.is_success:
            return False
        traffic = answer.json()[USE_CASE]["production"]
        return bool(traffic["complete"]) and traffic["answers"] > size.records / 2

    if not wait_until(complete, INDEX_SECONDS):
        raise Unavailable(f"the records were not indexed within {INDEX_SECONDS} s")


def _measure(
    browser: httpx.Client, processes: dict[str, int], written: Written, rounds: int
) -> dict[str, Requests]:
    pages = _pages(written)
    found = {name: Requests() for name in pages}
    for name, path in pages.items():
        found[name].first = timed(browser, path)[0]
    for _ in range(rounds):
        for name, path in pages.items():
            before = cpu_seconds(processes)
            wall, answer = timed(browser, path)
            after = cpu_seconds(processes)
            one = found[name]
            one.wall.append(wall)
            one.kilobytes = len(answer.content) / 1000
            one.console.append(1000 * (after["console"] - before["console"]))
            one.gateway.append(1000 * (after["gateway"] - before["gateway"]))
    return found


def _tables(size: Size, found: Mapping[str, Requests]) -> None:
    rows = [
        [
            name, one.first, median(one.wall), one.p95, median(one.console), median(one.gateway),
            one.kilobytes, "held" if one.p95 <= TARGET_MS else "missed",
        ]
        for name, one in found.items()
    ]  # fmt: skip
    title = (
        f"pages of the console: {size.releases:,} releases of one use case, {size.records:,} "
        f"records, {size.reports:,} hours of reports, {size.runs:,} runs"
    )
    header = [
        "page", "first ms", "p50 ms", "p95 ms", "CPU ms console", "CPU ms gateway", "kB",
        f"p95 <= {TARGET_MS:g} ms",
    ]  # fmt: skip
    table(title, header, rows)
    missed = [name for name, one in found.items() if one.p95 > TARGET_MS]
    say(f"missed: {', '.join(missed) or 'none'}")
