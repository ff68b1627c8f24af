"""The gateway, or a source behind it, does not answer: pages load, say since when a value is
unknown, show what was known last as old, and recover.
"""

import html
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from console_world import NOON

from platform_core.testing.processes import PLAIN_HTTP

PAGES = ("/", "/changes", "/use-cases/spam", "/use-cases/spam/releases")
PROBLEM = (
    b'{"type": "about:blank", "title": "Service Unavailable", "status": 503, "instance": "/", '
    b'"detail": "the blob store is down", "code": "upstream-unavailable", "request_id": "r"}'
)


def text(page: str) -> str:
    """Return the visible text of a page, roughly."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


class Switch:
    """A proxy in front of a gateway: it closes connections while `broken`, and answers paths that
    begin with one of `unavailable` with 503, and no path while `hangs` is not set.
    """

    def __init__(self, gateway_url: str) -> None:
        self.gateway_url = gateway_url
        self.broken = False
        self.unavailable: tuple[str, ...] = ()
        self.url = ""
        self.asked: list[str] = []
        self.hangs = threading.Event()
        self.hangs.set()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        self.hangs.wait()
        if self.broken:
            request.close_connection = True
            return
        if self.unavailable and request.path.startswith(self.unavailable):
            self._send(request, 503, PROBLEM)
            return
        names = ("X-API-Key", "Content-Type", "Idempotency-Key")
        headers = {name: request.headers[name] for name in names if name in request.headers}
        content = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        url = self.gateway_url + request.path
        found = httpx.request(
            request.command,
            url,
            headers=headers,
            content=content,
            timeout=20,
            verify=PLAIN_HTTP,
        )
        self._send(request, found.status_code, found.content)

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, status: int, content: bytes) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)


@contextmanager
def switched(gateway_url: str) -> Iterator[Switch]:
    switch = Switch(gateway_url)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            switch.answer(self)

        def do_POST(self) -> None:
            switch.answer(self)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    switch.url = f"http://127.0.0.1:{server.server_port}"
    yield switch
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def switch(gateway_url) -> Iterator[Switch]:
    with switched(gateway_url) as switch:
        yield switch


@pytest.fixture
def one(browser, start_console, switch):
    """A browser at a console whose gateway can be switched off."""
    with start_console(switch.url) as url:
        yield browser("admin", url)


@pytest.fixture
def later(world) -> Iterator[object]:
    """Return a function that moves the clock; it is set back afterwards."""
    yield lambda seconds: world.clock.advance(timedelta(seconds=seconds))
    world.clock.time = NOON


def test_what_was_known_is_shown_as_old_and_since_when_it_is_unknown(one, switch, world, later):
    first = world.releases["spam"][0].id[:8]
    assert "The gateway does not answer" not in one.page("/")
    later(20)
    switch.broken = True
    one.page("/")
    later(30)
    shown = text(one.page("/"))
    assert f"stable {first}" in shown
    assert "The gateway does not answer since 30 s ago" in shown
    assert "old: last known 50 s ago , unknown since 30 s ago" in shown
    assert "Nothing needs attention" not in shown
    switch.broken = False
    shown = text(one.page("/"))
    assert "The gateway does not answer" not in shown
    assert "old: last known" not in shown


@pytest.mark.parametrize("path", PAGES)
def test_a_page_that_was_never_read_loads_and_says_unknown(one, switch, path):
    switch.broken = True
    shown = text(one.page(path))
    assert "The gateway does not answer" in shown
    assert "unknown" in shown
    assert "as good as required" not in shown
    switch.broken = False
    assert "The gateway does not answer" not in text(one.page(path))


def test_a_source_behind_the_gateway_makes_its_own_values_old_alone(one, switch, world):
    one.page("/")
    switch.unavailable = ("/changes", "/metrics/quality")
    shown = text(one.page("/"))
    assert "The gateway cannot read some of its data" in shown
    assert "the blob store is down" in shown
    assert f"stable {world.releases['spam'][0].id[:8]}" in shown
    assert "quality old: last known" in shown
    assert "Drift read" in shown


def test_a_form_whose_answer_was_lost_can_be_sent_again(one, switch, world):
    path = "/use-cases/spam/production/change"
    page = one.page(f"{path}?action=abort")
    form = page[page.index('<form method="post" action="/use-cases') :]
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form)
    fields = {name: html.unescape(value) for name, value in hidden} | {"reason": "too slow"}
    switch.broken = True
    lost = one.client.post(path, data=fields)
    assert lost.status_code == 503
    assert "It is not known whether the change was recorded" in lost.text
    assert f'name="idempotency_key" value="{fields["idempotency_key"]}"' in lost.text
    switch.broken = False
    done = [one.client.post(path, data=fields).headers["location"] for _ in range(2)]
    assert done[0] == done[1]


def test_signing_in_says_when_the_gateway_does_not_answer(browser, start_console, switch):
    switch.broken = True
    with start_console(switch.url) as url:
        refused = browser(None, url).sign_in("any-key")
        assert refused.status_code == 503
        assert "The gateway does not answer" in refused.text


def test_a_key_that_was_revoked_ends_the_session(browser, start_console, switch, gateway_url):
    with start_console(switch.url) as url:
        one = browser("viewer", url)
        assert one.get("/").status_code == 200
        original, switch.answer = switch.answer, lambda r: switch._send(r, 401, UNKNOWN)
        ended = one.get("/")
        assert (ended.status_code, ended.headers["location"]) == (303, "/sign-in")
        switch.answer = original
        assert one.get("/").status_code == 303


UNKNOWN = PROBLEM.replace(b"503", b"401").replace(b"upstream-unavailable", b"unauthenticated")


def test_a_page_waits_for_a_gateway_that_hangs_once(browser, start_console, switch):
    with start_console(switch.url, console_timeout_seconds=1) as url:
        one = browser("admin", url)
        switch.asked.clear()
        switch.hangs.clear()
        try:
            shown = text(one.page("/use-cases/spam/production/change?action=rollback"))
        finally:
            switch.hangs.set()
    assert "The gateway does not answer" in shown
    # The first round of requests goes out together; nothing is asked after it has timed out.
    assert set(switch.asked) == {"/use-cases"}
