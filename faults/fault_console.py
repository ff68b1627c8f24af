"""Each source behind the console is stopped in turn, with real pages in between."""

import asyncio
import html
import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
from fault_drill import FaultOutcome
from fault_proxy import NO_FAULT, Fault
from fault_testbed import KEYS, Server, Testbed, program
from fault_traffic import USE_CASE

from platform_core.testing.processes import free_port, wait_until

NAME = "console-sources"
CASE = f"/use-cases/{USE_CASE}"
WHERE = "?environment=staging"
PAGES = (
    "/",
    f"{CASE}{WHERE}",
    f"{CASE}/releases",
    f"{CASE}/quality{WHERE}",
    f"{CASE}/comparison{WHERE}",
    f"{CASE}/predictions{WHERE}",
    f"{CASE}/staging/change?action=canary",
    "/changes",
    "/runs",
    "/retraining",
    "/datasets",
    "/batch",
)
SECONDS = 60
PAGE_SECONDS = 10
"""The console waits five seconds for the gateway, once a page."""
CSRF = re.compile(r'name="csrf" value="([^"]+)"')
TAGS = re.compile(r"<[^>]+>")
SPACES = re.compile(r"\s+")


@dataclass(frozen=True)
class Source:
    """What the console depends on: how it stops and comes back, and what the overview says then."""

    name: str
    stop: Callable[[], object]
    start: Callable[[], object]
    says: str


async def sources(testbed: Testbed) -> FaultOutcome:
    """Stop the gateway, the blob store and the release controller in turn: every page loads, the
    overview says what is missing, and it recovers without a restart of the console.
    """
    return await asyncio.to_thread(_run, testbed)


def _run(testbed: Testbed) -> FaultOutcome:
    outcome = FaultOutcome(NAME)
    controller = testbed.controller("console-controller")
    console, url = _console(testbed)
    gateway = testbed.servers["gateway"]
    with ExitStack() as stack:
        for server in (controller, console):
            server.start()
            stack.callback(server.stop)
        browser = stack.enter_context(
            httpx.Client(base_url=url, timeout=PAGE_SECONDS, follow_redirects=True)
        )
        _sign_in(browser)
        for source in (
            Source("gateway", gateway.kill, gateway.restart, "The gateway does not answer since"),
            Source(
                "blob store",
                lambda: testbed.blobs.inject(Fault(status=503)),
                lambda: testbed.blobs.inject(NO_FAULT),
                "blob-store is unavailable",
            ),
            Source(
                "release controller",
                controller.kill,
                controller.restart,
                "release-controller is unavailable",
            ),
        ):
            _stop_and_start(browser, source, outcome)
    return outcome


def _console(testbed: Testbed) -> tuple[Server, str]:
    port = free_port()
    settings = {
        "GATEWAY_URL": f"http://127.0.0.1:{testbed.port}",
        "CONSOLE_PORT": str(port),
        "CONSOLE_GENERATE_SECRET": "true",
    }
    folder = testbed.home / "console"
    return program("console", port, "/health/live", folder, settings), f"http://127.0.0.1:{port}"


def _sign_in(browser: httpx.Client) -> None:
    token = CSRF.search(browser.get("/sign-in").text)
    if token is None:
        raise ValueError("the page of the sign-in has no form")
    form = {"csrf": token[1], "key": KEYS["admin"]}
    browser.post("/sign-in", data=form).raise_for_status()


def _stop_and_start(browser: httpx.Client, source: Source, outcome: FaultOutcome) -> None:
    whole = wait_until(lambda: source.says not in _shown(browser, "/"), SECONDS)
    outcome.require(whole, f"before it stops, the overview says: {source.says}")
    _read_pages(browser, outcome, f"before the {source.name} stops")
    source.stop()
    try:
        said = wait_until(lambda: source.says in _shown(browser, "/"), SECONDS)
        outcome.require(said, f"the overview does not say: {source.says}")
        slowest = _read_pages(browser, outcome, f"without the {source.name}")
    finally:
        source.start()
    begun = time.monotonic()
    recovered = wait_until(lambda: source.says not in _shown(browser, "/"), SECONDS)
    outcome.require(recovered, f"the overview still says: {source.says}")
    _read_pages(browser, outcome, f"after the {source.name} came back")
    outcome.notes.append(
        f"{source.name}: slowest page {slowest:.1f} s, recovered {time.monotonic() - begun:.0f} s"
    )


def _read_pages(browser: httpx.Client, outcome: FaultOutcome, when: str) -> float:
    """Read every page; return how long the slowest one took, in seconds."""
    slowest = 0.0
    for path in PAGES:
        page = browser.get(path)
        slowest = max(slowest, page.elapsed.total_seconds())
        outcome.require(page.is_success, f"{path} is answered with {page.status_code} {when}")
        outcome.answered += page.is_success
    return slowest


def _shown(browser: httpx.Client, path: str) -> str:
    return html.unescape(SPACES.sub(" ", TAGS.sub(" ", browser.get(path).text)))
