"""Servers that the tests of releases talk to: a V2 repository peer and a gateway peer."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.contracts.environments import Environment
from platform_core.errors import PlatformError
from platform_core.settings import ServingSettings
from scoring import Scorer, load_release
from use_cases import use_case

Answer = tuple[int, dict[str, str], object]


@contextmanager
def listening(answer: Callable[[str, str, dict, bytes], Answer]) -> Iterator[str]:
    """Serve `answer(method, path, headers, body)` on a free port; yields the URL."""

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, content = answer(self.command, self.path, self.headers, body)
            data = json.dumps(content).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = respond  # noqa: N815

        def log_message(self, *args: object) -> None:
            """Keep the test output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class V2Peer:
    """One environment's server: reads pointers and really loads and verifies releases."""

    store: LocalBlobStore
    folder: Path
    scorers: dict[str, Scorer] = field(default_factory=dict)
    loads: int = 0
    never_ready: bool = False

    def __call__(self, _method: str, path: str, *_: object) -> Answer:
        if path.startswith("/v2/repository/models/"):
            name, action = path.removeprefix("/v2/repository/models/").split("/")
            return self.load(name) if action == "load" else self.unload(name)
        name, _, rest = path.removeprefix("/v2/models/").partition("/")
        if name not in self.scorers:
            return 404, {}, {"error": f"there is no model {name}"}
        if rest == "ready":
            return (503 if self.never_ready else 200), {}, {"ready": not self.never_ready}
        return 200, {}, {"name": name, "versions": [self.scorers[name].release_id]}

    def load(self, name: str) -> Answer:
        self.loads += 1
        pointer = json.loads((self.folder / f"{name}.json").read_bytes())
        try:
            release = load_release(self.store, name, pointer["release_id"])
            self.scorers[name] = Scorer(release, use_case(name))
        except PlatformError as error:
            return 409, {}, {"error": str(error)}
        return 200, {}, {"name": name, "load": True}

    def unload(self, name: str) -> Answer:
        known = self.scorers.pop(name, None)
        return (200 if known else 404), {}, {"name": name}


@dataclass(frozen=True)
class V2Peers:
    """Both environments' servers and the settings that reach them."""

    repository: Path
    settings: ServingSettings
    peers: dict[Environment, V2Peer]


@pytest.fixture
def v2_peers(blob_store: LocalBlobStore, tmp_path: Path) -> Iterator[V2Peers]:
    """Two small servers speaking the V2 repository API."""
    repository = tmp_path / "repository"
    peers = {e: V2Peer(blob_store, repository / e) for e in Environment}
    staging, production = (listening(peers[e]) for e in Environment)
    with staging as staging_url, production as production_url:
        settings = ServingSettings(
            inference_url_staging=staging_url, inference_url_production=production_url
        )
        yield V2Peers(repository, settings, peers)


@pytest.fixture
def serve() -> Callable[..., object]:
    """Return `listening`, for tests that write their own peer."""
    return listening
