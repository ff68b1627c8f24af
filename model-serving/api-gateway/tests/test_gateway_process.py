"""The gateway as a process: start, kill and shutdown."""

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psutil
import pytest

from api_gateway.auth.keys import DEVELOPMENT_KEYS, hash_key
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.contracts.environments import Environment
from platform_core.testing.machine import child_environment
from platform_core.testing.processes import PLAIN_HTTP, free_port
from records import read_log

CLIENTS = 8
DEADLINE_SECONDS = 30
HEAVY = ("mlflow", "feast", "ray", "onnxruntime", "pandas", "sklearn", "azure")


@dataclass
class Program:
    """How `python -m api_gateway` is started here."""

    home: Path
    v2_url: str
    key: str
    port: int = field(default_factory=free_port)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "BLOB_STORE_URL": f"file://{self.home}/blob",
            "SPOOL_FOLDER": str(self.home / "spool"),
            "RECORD_INDEX_FILE": str(self.home / "records.db"),
            "API_KEYS_FILE": str(self.home / "keys.json"),
            "GATEWAY_PORT": str(self.port),
            "INFERENCE_URL_STAGING": self.v2_url,
            "INFERENCE_URL_PRODUCTION": self.v2_url,
            "RAY_ADDRESS": "127.0.0.1:1",
            "RAY_DASHBOARD_URL": "http://127.0.0.1:1",
            "RATE_LIMIT": "1000000/minute",
            "SPOOL_SEGMENT_RECORDS": "50",
        }

    @property
    def store(self) -> LocalBlobStore:
        return LocalBlobStore(self.home / "blob")

    @property
    def segments(self) -> list[Path]:
        return list((self.home / "spool").glob("*.log"))

    def write_key(self) -> None:
        entry = f'[{{"name": "t", "role": "admin", "sha256": "{hash_key(self.key)}"}}]'
        (self.home / "keys.json").write_text(entry)

    def start(self, **changes: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "api_gateway"],
            env=child_environment({**self.environment, **changes}),
            stderr=subprocess.PIPE,
            text=True,
        )

    @asynccontextmanager
    async def running(
        self, **changes: str
    ) -> AsyncIterator[tuple[subprocess.Popen, httpx.AsyncClient]]:
        process = self.start(**changes)
        url, headers = f"http://127.0.0.1:{self.port}", {"X-API-Key": self.key}
        try:
            async with httpx.AsyncClient(
                base_url=url, headers=headers, timeout=20, verify=PLAIN_HTTP
            ) as client:
                await self._wait(process, client)
                yield process, client
        finally:
            process.kill()
            process.communicate()

    async def _wait(self, process: subprocess.Popen, client: httpx.AsyncClient) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                assert process.poll() is None, process.communicate()[1]
                try:
                    await client.get("/health/live")
                except httpx.TransportError:
                    await asyncio.sleep(0.02)
                else:
                    return

    def logged(self) -> Counter[str]:
        """Return how many records each prediction has."""
        now = datetime.now(UTC)
        window = now - timedelta(hours=1), now + timedelta(hours=1)
        batches = read_log(self.store, "spam", "staging", *window, ["prediction_id"])
        return Counter(i for batch in batches for i in batch.column(0).to_pylist())


@pytest.fixture
def program(tmp_path, v2, releases, activate) -> Program:
    program = Program(tmp_path, v2.url, "a-secret-of-this-test")
    program.write_key()
    activate(program.store, releases["spam"], Environment.STAGING)
    return program


async def load(client, spam, answered: list[str], wanted: asyncio.Event, enough: int) -> None:
    """Ask until the gateway is gone; note every answer."""
    try:
        while True:
            response = await client.post("/predict", json=spam)
            assert response.status_code == 200, response.text
            answered.append(response.json()["prediction_id"])
            if len(answered) >= enough:
                wanted.set()
    except httpx.TransportError:
        return


async def end_under_load(process, client, spam, number) -> list[str]:
    """Send a signal in the middle of a load; return the answered predictions."""
    answered: list[str] = []
    wanted = asyncio.Event()
    callers = [
        asyncio.create_task(load(client, spam, answered, wanted, 120)) for _ in range(CLIENTS)
    ]
    async with asyncio.timeout(DEADLINE_SECONDS):
        await wanted.wait()
        process.send_signal(number)
        await asyncio.gather(*callers)
    return answered


async def test_after_kill_9_every_answer_has_exactly_one_record(program, spam) -> None:
    async with program.running() as (process, client):
        answered = await end_under_load(process, client, spam, signal.SIGKILL)
    assert program.segments
    async with program.running() as (_, client):
        flushed = await client.post("/admin/inference-log/flush")
        assert flushed.status_code == 200
    logged = program.logged()
    assert len(set(answered)) == len(answered) >= 120
    assert {logged[prediction] for prediction in answered} == {1}
    assert set(logged.values()) == {1}
    assert len(logged) - len(answered) <= CLIENTS
    assert program.segments == []


async def test_sigterm_completes_requests_in_flight_and_uploads_the_log(program, spam) -> None:
    async with program.running() as (process, client):
        answered = await end_under_load(process, client, spam, signal.SIGTERM)
        status = await asyncio.to_thread(process.wait, DEADLINE_SECONDS)
    assert status == 0
    logged = program.logged()
    assert {logged[prediction] for prediction in answered} == {1}
    assert len(logged) - len(answered) <= CLIENTS
    assert program.segments == []


async def test_a_waiting_request_is_answered_after_sigterm(program, v2, spam) -> None:
    async with program.running() as (process, client), asyncio.timeout(DEADLINE_SECONDS):
        v2.server.gate.clear()
        waiting = asyncio.create_task(client.post("/predict", json=spam))
        while not v2.server.requests:
            await asyncio.sleep(0.01)
        process.terminate()
        while await accepts(program.port):
            await asyncio.sleep(0.02)
        v2.server.gate.set()
        assert (await waiting).status_code == 200
        assert await asyncio.to_thread(process.wait, DEADLINE_SECONDS) == 0
    assert len(program.logged()) == 1


async def test_an_upgrade_to_a_websocket_is_a_request_like_any_other(program) -> None:
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version": "13",
        "X-Request-ID": "upgrade",
    }
    async with program.running() as (_, client):
        response = await client.get("/predict", headers=headers)
    assert response.status_code == 405
    assert response.headers["x-request-id"] == "upgrade"
    assert response.headers["content-type"] == "application/problem+json"


async def accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def test_a_second_gateway_on_the_same_spool_does_not_start(program) -> None:
    async with program.running():
        second = program.start(GATEWAY_PORT=str(free_port()))
        _, errors = await asyncio.to_thread(second.communicate, None, DEADLINE_SECONDS)
    assert second.returncode == 1
    assert "in use by another gateway" in errors.splitlines()[-1]


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"API_KEYS_FILE": "{development}"}, 2, "ALLOW_DEVELOPMENT_KEYS"),
        ({"DEFAULT_USE_CASE": "none"}, 2, "no use case 'none'"),
        ({"SPOOL_FOLDER": ""}, 2, "SPOOL_FOLDER"),
    ],
)
def test_wrong_settings_prevent_the_start_with_the_reason(
    tmp_path, program, changes, status, reason
) -> None:
    development = tmp_path / "development.json"
    key = hash_key(DEVELOPMENT_KEYS[0])
    development.write_text(f'[{{"name": "dev", "role": "viewer", "sha256": "{key}"}}]')
    given = {name: value.format(development=development) for name, value in changes.items()}
    process = program.start(**given)
    _, errors = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == status, errors
    assert reason in errors
    assert "Traceback" not in errors


async def test_the_first_requests_import_nothing_heavy(program, spam) -> None:
    async with program.running() as (process, client):
        assert (await client.post("/predict", json=spam)).status_code == 200
        assert (await client.post("/admin/inference-log/flush")).status_code == 200
        mapped = {Path(m.path).parts for m in psutil.Process(process.pid).memory_maps()}
    assert {name for name in HEAVY for parts in mapped if name in parts} == set()
    assert any("pyarrow" in parts for parts in mapped)


def test_starting_imports_nothing_heavy() -> None:
    code = (
        "import sys, api_gateway.__main__, platform_core.adapters.job_runner.ray_jobs\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


async def test_the_last_answer_of_an_idle_connection_closes_it(program) -> None:
    request = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    async with program.running() as (process, _), asyncio.timeout(DEADLINE_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", program.port)
        writer.write(request)
        first = await reader.readuntil(b'"ok"}')
        assert b"connection: close" not in first
        process.terminate()
        while await accepts(program.port):
            await asyncio.sleep(0.02)
        writer.write(request)
        last = await reader.read()
        writer.close()
        assert last.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in last
        assert await asyncio.to_thread(process.wait, DEADLINE_SECONDS) == 0


async def test_a_process_of_its_own_indexes_the_log_and_ends_with_the_gateway(
    program, spam
) -> None:
    index = {"RECORD_INDEX_SECONDS": "0.05", "RECORD_SEARCH_TEXT": "true"}
    async with program.running(**index) as (process, client):
        answered = (await client.post("/predict", json=spam)).json()["prediction_id"]
        await client.post("/admin/inference-log/flush")
        query = {"use_case": "spam", "q": "win"}
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                page = (await client.get("/predictions", params=query)).json()
                if page["predictions"]:
                    break
                await asyncio.sleep(0.02)
        assert [one["prediction_id"] for one in page["predictions"]] == [answered]
        (indexer,) = psutil.Process(process.pid).children()
        process.kill()
        await asyncio.to_thread(process.wait, DEADLINE_SECONDS)
        await asyncio.to_thread(indexer.wait, DEADLINE_SECONDS)
