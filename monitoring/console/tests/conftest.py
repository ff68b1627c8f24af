"""A real gateway with releases, reports and changes, and the console as its client, both on
sockets; started once per session.
"""

import asyncio
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from console_world import KEYS, World, build_world
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, sync_playwright
from starlette.types import ASGIApp
from v2_service import V2Service

from api_gateway.http.app import create_app as create_gateway
from console.app import create_app
from console.bootstrap import assemble
from console.settings import ConsoleSettings
from mlplatform_client import Client
from platform_core.testing.processes import PLAIN_HTTP, missing


@dataclass(frozen=True)
class AnsweringWorld:
    """A world whose gateway predicts; the URLs of the gateway and of its console."""

    world: World
    gateway_url: str
    url: str

    def client(self, role: str = "operator") -> Client:
        return Client(self.gateway_url, KEYS[role])

    def erase(self, prediction_id: str) -> None:
        """Erase a prediction from the index."""
        # In a thread of its own: the loop of the browser tests runs in this one.
        with ThreadPoolExecutor(1) as apart:
            index = apart.submit(asyncio.run, self.world.gateway.records.current()).result()
        index.erase([prediction_id])


SIGN_IN_ATTEMPTS = 3
CSRF = re.compile(r'name="csrf" value="([^"]+)"')


@contextmanager
def listening(app: ASGIApp, port: int = 0) -> Iterator[str]:
    """Serve an application from a thread; yield its URL."""
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, ws="none")
    server = uvicorn.Server(config)
    ready, ended = threading.Event(), threading.Event()

    async def run() -> None:
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup()
        ready.set()
        await asyncio.to_thread(ended.wait)
        server.should_exit = True
        for connection in list(server.server_state.connections):
            connection.shutdown()
        await server.shutdown()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        assert ready.wait(30), "the server did not start"
        found = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{found}"
    finally:
        ended.set()
        thread.join(30)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return what is stored: releases, ledgers, reports, changes; and the gateway over it."""
    return build_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def gateway_url(world: World) -> Iterator[str]:
    with listening(create_gateway(world.gateway)) as url:
        yield url


@pytest.fixture(scope="session")
def answering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnsweringWorld]:
    """Return the same world with an inference service that answers with its releases."""
    service = V2Service()
    with listening(service.app) as service_url:
        world = build_world(tmp_path_factory.mktemp("answering"), service_url)
        service.add(*chain.from_iterable(world.releases.values()))
        with listening(create_gateway(world.gateway)) as url, console_at(world, url) as console:
            yield AnsweringWorld(world, url, console)


@pytest.fixture(scope="session")
def console_url(world: World, gateway_url: str) -> Iterator[str]:
    with console_at(world, gateway_url) as url:
        yield url


@contextmanager
def console_at(world: World, gateway_url: str, **settings: Any) -> Iterator[str]:
    """Run a console in front of a gateway; yield its URL."""
    given = {"console_generate_secret": True, "console_timeout_seconds": 20, **settings}
    with listening(
        create_app(assemble(ConsoleSettings(gateway_url=gateway_url, **given), world.clock))
    ) as url:
        yield url


@pytest.fixture(scope="session")
def start_console(world: World) -> Callable[..., Any]:
    """Return a context manager that runs one more console: gateway URL, settings."""
    return lambda gateway_url, **settings: console_at(world, gateway_url, **settings)


@dataclass
class Browser:
    """A browser without JavaScript: it keeps cookies, and sends forms with their hidden fields."""

    url: str
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(
            base_url=self.url, timeout=60, trust_env=False, verify=PLAIN_HTTP
        )

    def get(self, path: str, **rest: Any) -> httpx.Response:
        return self.client.get(path, **rest)

    def page(self, path: str) -> str:
        response = self.get(path)
        assert response.status_code == 200, response.text
        return response.text

    def sign_in(self, key: str, **rest: str) -> httpx.Response:
        token = CSRF.search(self.page("/sign-in"))
        assert token
        return self.client.post("/sign-in", data={"csrf": token[1], "key": key, **rest})

    def csrf(self, path: str = "/") -> str:
        found = CSRF.search(self.page(path))
        assert found
        return found[1]

    def post(self, path: str, data: dict[str, str], **rest: Any) -> httpx.Response:
        return self.client.post(path, data={"csrf": self.csrf(), **data}, **rest)


@pytest.fixture(scope="session")
def browser(console_url: str) -> Iterator[Callable[..., Browser]]:
    """Return a function that opens a browser which has signed in with a role, or not (`None`)."""
    opened: list[Browser] = []

    def open_browser(role: str | None = "admin", url: str = console_url) -> Browser:
        one = Browser(url)
        opened.append(one)
        if role is not None:
            response = one.sign_in(KEYS[role])
            assert response.status_code == 303, response.text
        return one

    yield open_browser
    for one in opened:
        one.client.close()


@pytest.fixture
def keys() -> dict[str, str]:
    return dict(KEYS)


ROOT = Path(__file__).parent.parent.parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
AXE = ROOT / ".tools" / "axe" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    """Return the system's Chromium; without it tests are skipped, and fail in CI.

    While it runs, Playwright's event loop occupies the thread: tests of other modules need their
    own.
    """
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    program = found or missing("chromium", "Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        options = {"executable_path": program, "args": ["--no-sandbox"]}
        started = playwright.chromium.launch(**options)
        yield started
        started.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the source of axe."""
    return AXE.read_text() if AXE.exists() else missing("axe", "make setup-servers")


@pytest.fixture(scope="module")
def signed_in_state(chromium: Chromium, console_url: str) -> dict[str, Any]:
    """Return the cookies of a Chromium that signed in as admin, by the form."""
    context = chromium.new_context()
    page = context.new_page()
    # On a busy machine the gateway may answer later than the console waits: sign in again.
    for _ in range(SIGN_IN_ATTEMPTS):
        page.goto(f"{console_url}/sign-in")
        page.fill("#key", KEYS["admin"])
        with page.expect_navigation():
            page.keyboard.press("Enter")
        if page.url == f"{console_url}/":
            break
    assert page.url == f"{console_url}/"
    state = context.storage_state()
    context.close()
    return dict(state)


@pytest.fixture
def open_page(
    chromium: Chromium, console_url: str, signed_in_state: dict[str, Any]
) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a page as admin; what its console says fails the test."""
    contexts, said = [], []

    def opened(path: str, **options: Any) -> Page:
        context = chromium.new_context(
            base_url=console_url, storage_state=signed_in_state, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


@pytest.fixture(scope="session")
def start_gateway() -> Callable[..., Any]:
    """Return a context manager that runs the gateway of a world; it gives the URL."""
    return lambda world: listening(create_gateway(world.gateway))
