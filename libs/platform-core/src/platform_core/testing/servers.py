"""A pytest plugin: real servers, started once per session on free ports.

A program that is not installed skips the tests that need it, and fails them where `CI=true`.
"""

import secrets
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest
from pydantic import SecretStr

from platform_core.errors import UpstreamUnavailable
from platform_core.ports.job_runner import JobRunner
from platform_core.settings import StorageSettings
from platform_core.storage import CONTAINERS
from platform_core.testing.machine import keep_waiting_threads_idle, silence_telemetry
from platform_core.testing.processes import (
    LOGS,
    answers,
    find_program,
    free_port,
    listens,
    log_tail,
    missing,
    running,
)

# Azurite's well-known development account; it opens nothing else.
AZURITE_ACCOUNT = "devstoreaccount1"
AZURITE_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
OBJECT_STORE_BYTES = 80_000_000


@dataclass(frozen=True)
class Azurite:
    """A running Azurite: `account_url` is path-style, all containers are there."""

    account_url: str
    account_key: str

    @property
    def settings(self) -> StorageSettings:
        """The settings that connect to it."""
        return StorageSettings(
            blob_store_url=self.account_url, azure_storage_key=SecretStr(self.account_key)
        )


@dataclass(frozen=True)
class S3Emulator:
    """A running emulator of S3 with one bucket."""

    url: str
    bucket: str = "mlplatform"

    @property
    def settings(self) -> StorageSettings:
        """The settings that connect to it."""
        return StorageSettings(
            blob_store_url=f"s3://{self.bucket}/installation",
            s3_endpoint_url=self.url,
            s3_access_key_id=SecretStr("key"),
            s3_secret_access_key=SecretStr("secret"),
        )


@dataclass(frozen=True)
class RayHead:
    """A running Ray head: `address` for drivers, `dashboard_url` for the Jobs API."""

    address: str
    dashboard_url: str
    token: str
    token_path: Path
    process: subprocess.Popen[bytes]


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a Redis that keeps nothing on disk; gives `redis://…`."""
    port = free_port()
    with redis_in(tmp_path_factory.mktemp("servers") / "redis", port):
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def redis_in(folder: Path, port: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Redis of its own; without `options` it keeps nothing on disk."""
    program = find_program("redis-server", how="install the package redis-server")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", *options]
    with running(command, partial(listens, port), folder) as process:
        yield process


@pytest.fixture(scope="session")
def azurite(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Azurite]:
    """Start Azurite's blob service with the platform's containers."""
    folder, port = tmp_path_factory.mktemp("servers") / "azurite", free_port()
    with azurite_in(folder, port, pytestconfig.rootpath):
        server = azurite_at(port)
        create_containers(server)
        yield server


@contextmanager
def azurite_in(folder: Path, port: int, root: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run an Azurite of its own with what lies in `folder`; it is installed at or above `root`."""
    folders = [f / ".tools/node_modules/.bin" for f in (root, *root.parents)]
    program = find_program("azurite-blob", folders, "npm install --prefix .tools azurite")
    command = [program, "--skipApiVersionCheck", "--silent", "--disableTelemetry"]
    command += ["--location", str(folder), "--blobHost", "127.0.0.1", "--blobPort", str(port)]
    with running(command, partial(listens, port), folder) as process:
        yield process


def azurite_at(port: int) -> Azurite:
    """Return how to reach an Azurite behind a port of 127.0.0.1."""
    return Azurite(f"http://127.0.0.1:{port}/{AZURITE_ACCOUNT}", AZURITE_KEY)


@pytest.fixture(scope="session")
def s3_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Emulator]:
    """Start moto's emulation of S3, which honours conditional writes, with an empty bucket."""
    folder, port = tmp_path_factory.mktemp("servers") / "s3", free_port()
    with s3_emulator_in(folder, port):
        emulator = S3Emulator(f"http://127.0.0.1:{port}")
        create_bucket(emulator)
        yield emulator


@contextmanager
def s3_emulator_in(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run an emulator of S3; it keeps everything in memory."""
    if find_spec("moto") is None or find_spec("flask") is None:
        missing("moto", "install mlplatform-platform-core[testing]")
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    with running(command, partial(listens, port), folder) as process:
        yield process


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start an MLflow server on SQLite that proxies its artifacts; gives its URI."""
    port = free_port()
    with mlflow_in(tmp_path_factory.mktemp("servers") / "mlflow", port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def mlflow_in(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run an MLflow server of its own with what lies in `folder`."""
    if find_spec("mlflow") is None:
        missing("mlflow", "install mlplatform-platform-core[mlflow]")
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    # Eight idle job processes would take longer to start than the server.
    lean = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with running(command, partial(answers, port, "/health"), folder, lean, seconds=180) as process:
        yield process


@pytest.fixture(scope="session")
def ray_head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayHead]:
    """Start a small Ray head with token authentication switched on."""
    with ray_head_in(tmp_path_factory.mktemp("servers") / "ray", free_port(), free_port()) as head:
        yield head


@contextmanager
def ray_head_in(
    folder: Path, port: int, dashboard: int, settings: Mapping[str, str] | None = None
) -> Iterator[RayHead]:
    """Run a Ray head of its own; its jobs find `settings` in their environment."""
    if find_spec("ray") is None or find_spec("aiohttp_cors") is None:
        missing("Ray with its dashboard", "install ray[default]")
    folder.mkdir(parents=True, exist_ok=True)
    token_path = folder / "token"
    if not token_path.exists():  # a head that follows another has the same
        token_path.write_text(secrets.token_hex(32))
    token = token_path.read_text()
    dashboard_url = f"http://127.0.0.1:{dashboard}"
    environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token_path)}
    environment |= {"RAY_USAGE_STATS_ENABLED": "0", **(settings or {})}
    # Ray's Unix sockets need a short path.
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as home:
        command = _ray_command(port, dashboard, home)
        up = partial(answers, dashboard, "/api/version")
        with running(command, up, folder, environment, seconds=120) as process:
            yield RayHead(f"127.0.0.1:{port}", dashboard_url, token, token_path, process)


def pytest_configure() -> None:
    """Prepare the process before any test module is imported."""
    silence_telemetry()
    keep_waiting_threads_idle()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the servers' logs below a failed test."""
    report = yield
    if report.failed:
        report.sections += [(f"log of {name}", log_tail(log)) for name, log in LOGS.items()]
    return report


def create_containers(server: Azurite) -> None:
    """Create all containers of the platform."""
    from azure.storage.blob import BlobServiceClient

    with closing(BlobServiceClient(server.account_url, server.account_key)) as client:
        for container in CONTAINERS:
            client.create_container(container)


def create_bucket(emulator: S3Emulator) -> None:
    """Create the bucket of an emulator."""
    import boto3

    settings = emulator.settings
    key, secret = settings.s3_access_key_id, settings.s3_secret_access_key
    client = boto3.client(
        "s3",
        endpoint_url=emulator.url,
        region_name=settings.s3_region,
        aws_access_key_id=key.get_secret_value() if key else None,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
    )
    with closing(client):
        client.create_bucket(Bucket=emulator.bucket)


def _ray_command(port: int, dashboard: int, home: str) -> list[str]:
    program = str(Path(sys.executable).parent / "ray")
    own_ports = (
        "dashboard-agent-listen-port",
        "dashboard-agent-grpc-port",
        "metrics-export-port",
        "ray-client-server-port",
    )
    command = [program, "start", "--head", "--block", "--disable-usage-stats", "--num-cpus", "2"]
    command += ["--node-ip-address", "127.0.0.1", "--port", str(port), "--temp-dir", home]
    command += ["--dashboard-host", "127.0.0.1", "--dashboard-port", str(dashboard)]
    command += ["--object-store-memory", str(OBJECT_STORE_BYTES)]
    for name in own_ports:
        command += [f"--{name}", str(free_port())]
    return command


def takes_jobs(runner: JobRunner) -> bool:
    """Return whether Ray's agent, which comes up after the dashboard, runs jobs by now."""
    try:
        runner.submit("first", "true", {})
    except UpstreamUnavailable:
        return False
    return True
