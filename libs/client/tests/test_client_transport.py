"""Both clients over real connections to a server that answers as it is told."""

import asyncio
import inspect
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from mlplatform_client import (
    APIConnectionError,
    APITimeoutError,
    AsyncClient,
    BadRequestError,
    Client,
    InvalidResponseError,
    ServerError,
    TransferError,
)

HEALTH = {"status": "ok", "checked_at": "2026-01-05T12:30:00Z", "dependencies": {}}
Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Answering:
    """A server; `answers` are used up in turn, the last one stays."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)
    release: threading.Event = field(default_factory=threading.Event)


def reply(status: int, body: bytes, kind: str = "application/json", **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", headers.pop("length", str(len(body))))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def healthy() -> Answer:
    return reply(200, json.dumps(HEALTH).encode())


@pytest.fixture
def server() -> Iterator[Answering]:
    state = Answering()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            state.connections.add(self.client_address)
            state.requests.append((f"{self.command} {self.path}", dict(self.headers), body))
            chosen = state.answers[0] if len(state.answers) == 1 else state.answers.pop(0)
            chosen(self)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{listening.server_port}"
    yield state
    state.release.set()
    listening.shutdown()
    listening.server_close()
    thread.join()


@pytest.fixture(params=[Client, AsyncClient])
def kind(request) -> type[Client] | type[AsyncClient]:
    return request.param


async def closed(client: Any) -> None:
    await client.aclose() if isinstance(client, AsyncClient) else client.close()


async def done(client: Any, method: Callable[..., Any], *args: Any, **rest: Any) -> Any:
    """Return the result of a method of either client."""
    if isinstance(client, AsyncClient):
        return await method(*args, **rest)
    return await asyncio.to_thread(method, *args, **rest)


async def test_connections_are_reused_by_all_keys(server, kind) -> None:
    server.answers = [healthy()]
    client = kind(server.url, "first-key")
    other = client.with_key("second-key")
    for one in (client, other, client, other):
        assert (await done(one, one.operations.health)).status == "ok"
    await closed(other)  # the connections belong to the first client
    await done(client, client.operations.health)
    await closed(client)
    assert len(server.connections) == 1
    keys = [headers["X-API-Key"] for _, headers, _ in server.requests]
    assert keys == ["first-key", "second-key", "first-key", "second-key", "first-key"]
    assert all(h["User-Agent"].startswith("mlplatform-client/") for _, h, _ in server.requests)


async def test_a_client_of_the_caller_is_not_closed(server, kind) -> None:
    server.answers = [healthy()]
    http = httpx.Client() if kind is Client else httpx.AsyncClient()
    client = kind(server.url, "a-key", http_client=http)
    await done(client, client.operations.health)
    await closed(client)
    assert not http.is_closed
    http.close() if kind is Client else await http.aclose()


async def test_a_gateway_that_does_not_answer_in_time_is_an_error(server, kind) -> None:
    server.answers = [lambda _: server.release.wait(20)]
    client = kind(server.url, "a-key", timeout=0.05, max_retries=0)
    with pytest.raises(APITimeoutError, match="did not answer in time") as raised:
        await done(client, client.operations.health)
    assert raised.value.sent
    await closed(client)


async def test_no_gateway_is_an_error_that_names_the_address(kind) -> None:
    client = kind("http://127.0.0.1:1", "a-key", max_retries=0)
    with pytest.raises(
        APIConnectionError, match=r"at http://127.0.0.1:1 does not answer"
    ) as raised:
        await done(client, client.predict, {})
    assert not raised.value.sent
    assert "a-key" not in str(raised.value)
    await closed(client)


async def test_an_error_of_a_proxy_has_its_text(server, kind) -> None:
    server.answers = [reply(502, b"<h1>Bad Gateway</h1>", "text/html", X_Request_ID="r-7")]
    client = kind(server.url, "a-key", max_retries=0)
    with pytest.raises(ServerError) as raised:
        await done(client, client.releases.states)
    error = raised.value
    assert (error.status, error.code, error.request_id) == (502, "no-problem-document", "r-7")
    assert "<h1>Bad Gateway</h1>" in error.detail
    await closed(client)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"\xff", b'{"status": 1}'])
async def test_a_response_of_something_else_is_an_error(server, kind, body) -> None:
    server.answers = [reply(200, body)]
    client = kind(server.url, "a-key")
    with pytest.raises(InvalidResponseError, match="GET /health"):
        await done(client, client.operations.health)
    await closed(client)


async def test_fields_and_values_of_a_newer_gateway_are_kept(server, kind) -> None:
    newer = {**HEALTH, "status": "resting", "cause": "night"}
    server.answers = [reply(200, json.dumps(newer).encode())]
    client = kind(server.url, "a-key")
    report = await done(client, client.operations.health)
    assert (report.status, report.model_extra) == ("resting", {"cause": "night"})
    await closed(client)


async def test_a_redirect_is_not_followed_so_that_no_key_goes_astray(server, kind) -> None:
    server.answers = [reply(307, b"", Location="http://127.0.0.1:1/elsewhere")]
    client = kind(server.url, "a-key", max_retries=0)
    with pytest.raises(BadRequestError) as raised:
        await done(client, client.operations.health)
    assert raised.value.status == 307
    assert len(server.requests) == 1
    await closed(client)


async def test_a_request_is_made_again_over_a_real_connection(server, kind) -> None:
    server.answers = [reply(503, b"busy", Retry_After="0"), healthy()]
    client = kind(server.url, "a-key")
    assert (await done(client, client.operations.health)).status == "ok"
    assert len(server.requests) == 2
    await closed(client)


async def test_every_change_has_a_key_of_its_own(server, kind) -> None:
    server.answers = [reply(202, b'{"change_id": "c"}')]
    client = kind(server.url, "a-key")
    for given in (None, None, "mine"):
        options = {"reason": "better", "idempotency_key": given}
        await done(client, client.releases.promote, "iris", **options)
    keys = [headers["Idempotency-Key"] for _, headers, _ in server.requests]
    assert len(set(keys)) == 3
    assert keys[2] == "mine"
    assert json.loads(server.requests[0][2]) == {"action": "promote", "reason": "better"}
    await closed(client)


@pytest.mark.parametrize("name", ["", ".", ".."])
async def test_a_name_that_changes_the_path_is_refused(server, kind, name) -> None:
    client = kind(server.url, "a-key")
    with pytest.raises(ValueError, match="cannot be a part of a URL"):
        await done(client, client.releases.list, name)
    with pytest.raises(ValueError, match="cannot be a part of a URL"):
        await done(client, client.batch.delete, f"batch/{name}/file")
    assert server.requests == []
    await closed(client)


async def test_names_are_quoted(server, kind) -> None:
    server.answers = [reply(204, b"")]
    client = kind(server.url, "a-key")
    await done(client, client.batch.delete, "batch/a folder/x?y#z%2F.parquet")
    assert server.requests[0][0] == "DELETE /batch/files/a%20folder/x%3Fy%23z%252F.parquet"
    await closed(client)


async def test_a_number_that_json_cannot_express_is_refused(server, kind) -> None:
    client = kind(server.url, "a-key")
    with pytest.raises(ValueError, match="use None for a missing value"):
        await done(client, client.predict, {"a": float("nan")})
    with pytest.raises(TypeError, match="a set cannot be sent"):
        await done(client, client.predict, {"a": {1}})
    assert server.requests == []
    await closed(client)


async def test_a_download_continues_after_a_broken_connection(server, kind, tmp_path) -> None:
    def broken(handler: BaseHTTPRequestHandler) -> None:
        reply(200, b"0123", "application/octet-stream", length="10", ETag='"e"')(handler)
        handler.close_connection = True

    rest = reply(206, b"456789", "application/octet-stream", ETag='"e"')
    server.answers = [broken, rest]
    client, target = kind(server.url, "a-key"), tmp_path / "out.bin"
    seen: list[tuple[int, int]] = []
    await done(
        client, client.batch.download, "batch/x", target, progress=lambda *at: seen.append(at)
    )
    assert target.read_bytes() == b"0123456789"
    assert (seen[0], seen[-1]) == ((4, 10), (10, 10))
    headers = server.requests[1][1]
    assert (headers["Range"], headers["If-Range"]) == ("bytes=4-", '"e"')
    assert headers["Accept-Encoding"] == "identity"
    await closed(client)


async def test_a_file_that_changes_while_it_is_downloaded_is_not_mixed(
    server, kind, tmp_path
) -> None:
    def broken(handler: BaseHTTPRequestHandler) -> None:
        reply(200, b"0123", "application/octet-stream", length="10", ETag='"e"')(handler)
        handler.close_connection = True

    server.answers = [broken, reply(200, b"other", "application/octet-stream", ETag='"f"')]
    client, target = kind(server.url, "a-key"), tmp_path / "out.bin"
    with pytest.raises(TransferError, match="changed while it was downloaded"):
        await done(client, client.batch.download, "batch/x", target)
    assert list(tmp_path.iterdir()) == []
    await closed(client)


async def test_a_download_without_a_length_is_refused(server, kind, tmp_path) -> None:
    def chunked(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"4\r\n0123\r\n0\r\n\r\n")

    server.answers = [chunked]
    client, target = kind(server.url, "a-key"), tmp_path / "out.bin"
    with pytest.raises(TransferError, match="has no Content-Length"):
        await done(client, client.batch.download, "batch/x", target)
    assert list(tmp_path.iterdir()) == []
    await closed(client)


def test_methods_describe_themselves() -> None:
    client = Client("http://127.0.0.1:1", "a-key")
    signature = inspect.signature(client.releases.promote)
    assert "self" not in signature.parameters
    assert signature.return_annotation.__name__ == "RequestedChange"
    assert inspect.getdoc(client.releases.promote).startswith("Make a release the stable one")
    assert inspect.getdoc(type(client.releases).promote) == inspect.getdoc(client.releases.promote)
