"""A job as the gateway submits it, and the services of a job in this process."""

import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from batch_inference.executors import Executor, LocalExecutor
from batch_inference.job import run_job
from batch_inference.services import Services
from batch_inference.settings import BatchSettings
from platform_core.batch import BatchJob, BatchProgress, run_command
from platform_core.clock import ManualClock
from platform_core.contracts.environments import Environment
from platform_core.errors import UpstreamUnavailable
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import job_path
from platform_core.testing.machine import child_environment
from scoring import Release
from use_cases import use_case

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


class NoOnlineStore:
    """What a job meets when the feature store is down."""

    def read(self, *arguments):
        del arguments
        raise UpstreamUnavailable("the online store is down")


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands."""
    return ManualClock(NOW)


@pytest.fixture
def submit() -> Callable[..., str]:
    """Return a function that writes a job's request: store, release, input, output → job id."""

    def write(
        store: BlobStore,
        release: Release,
        input_path: str = "batch/in.parquet",
        output_path: str = "batch/out.parquet",
        job_id: str = "job-1",
    ) -> str:
        job = BatchJob(
            job_id=job_id,
            use_case=release.manifest.use_case,
            environment=Environment.STAGING,
            input_path=input_path,
            output_path=output_path,
            release_id=release.id,
            submitted_at=NOW,
        )
        store.write(job_path(job_id), job.model_dump_json().encode())
        return job_id

    return write


@pytest.fixture
def run() -> Callable[..., BatchProgress]:
    """Return a function that runs a job in this process: store, job id, settings → progress."""

    def start(
        store: BlobStore,
        job_id: str = "job-1",
        online_store: object = None,
        executor: Executor | None = None,
        clock: ManualClock | None = None,
        attempt: int | None = None,
        **settings,
    ) -> BatchProgress:
        local = executor or LocalExecutor()
        services = Services(
            store=store,
            clock=clock or ManualClock(NOW),
            settings=BatchSettings(**settings),
            online_store=lambda: online_store or NoOnlineStore(),
            small=local,
            large=local,
        )
        return run_job(job_id, services, attempt=attempt)

    return start


@pytest.fixture
def records() -> Callable[..., pa.Table]:
    """Return a function that generates records of a use case: name, rows, seed → table."""

    def generate(name: str, rows: int, seed: int = 7) -> pa.Table:
        case = use_case(name)
        return case.training().generate(rows, seed).select(case.record_schema.names)

    return generate


@pytest.fixture
def start(blob_store, tmp_path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Return a function that starts the program: job id, attempt, environment → process."""
    processes = []

    def begin(job_id, attempt=None, **environment):
        settings = {
            "BLOB_STORE_URL": blob_store.uri("batch/_").removesuffix("/batch/_"),
            "FEAST_REPOSITORY": str(tmp_path),
            "FEAST_ONLINE_PATH": str(tmp_path / "online.db"),
            "RAY_ADDRESS": "127.0.0.1:1",
            "RAY_DASHBOARD_URL": "http://127.0.0.1:1",
            **{name.upper(): str(value) for name, value in environment.items()},
        }
        python, *arguments = shlex.split(run_command(job_id, attempt or 1))
        assert python == "python"
        command = [sys.executable, *(arguments if attempt else arguments[:3])]
        process = subprocess.Popen(
            command,
            env=child_environment(settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def ray_environment(ray_head) -> dict[str, object]:
    """What a job needs to run on the Ray of the tests."""
    return {
        "ray_address": ray_head.address,
        "ray_dashboard_url": ray_head.dashboard_url,
        "ray_auth_mode": "token",
        "ray_auth_token_path": ray_head.token_path,
        "batch_small_rows": 0,
    }
