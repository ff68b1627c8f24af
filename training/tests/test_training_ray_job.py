"""A step as a job of the Ray cluster: handed over, run, and told how it ended."""

import shlex

import pytest

from platform_core.errors import PlatformError, Refused
from platform_core.ports.job_runner import RunnerState
from training.bootstrap import Platform
from training.run_folder import FAILURE, RunFolder
from training.steps import ray_job
from training.steps.execute import timing_file

SOURCE = {"data": "", "columns": "", "rows": 200, "seed": 7}


class Cluster:
    """Runs the submitted command in this process, as the head would in its own."""

    def __init__(self, monkeypatch) -> None:
        self.monkeypatch = monkeypatch
        self.ended = RunnerState.UNKNOWN

    def submit(self, _, command, environment) -> None:
        python, flag, module, *arguments = shlex.split(command)
        assert (python, flag, module) == ("python", "-m", "training.steps.ray_job")
        for name, value in environment.items():
            self.monkeypatch.setenv(name, value)
        try:
            ray_job.main(*arguments)
            self.ended = RunnerState.SUCCEEDED
        except SystemExit:
            self.ended = RunnerState.FAILED

    def state(self, _) -> RunnerState:
        return self.ended

    def stop(self, _) -> None:
        """Nothing runs."""


@pytest.fixture
def platform(blob_store, tmp_path, monkeypatch) -> Platform:
    settings = {
        "PLATFORM_HOME": str(tmp_path),
        "BLOB_STORE_URL": f"file://{tmp_path}/blob",
        "TRAINING_IMAGE": "mlplatform/training:0.1.0",
        "RAY_STEPS": "job",
        "RAY_ADDRESS": "nobody:1",
        "RAY_DASHBOARD_URL": "http://nobody:1",
        "FEAST_OFFLINE_PATH": str(tmp_path),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    platform = Platform()
    platform.jobs = Cluster(monkeypatch)
    return platform


def test_the_job_runs_the_step_and_its_result_comes_back(platform, blob_store):
    run = RunFolder(blob_store, "iris", "run-1")
    assert ray_job.run(platform, run, "ingest", SOURCE) == 200
    assert run.has(timing_file("ingest"))


def test_a_failed_step_gives_its_reason(platform, blob_store):
    run = RunFolder(blob_store, "iris", "run-1")
    with pytest.raises(Refused, match="there is no file"):
        ray_job.run(platform, run, "ingest", {**SOURCE, "data": "/absent.csv"})
    assert run.read_json(FAILURE)["step"] == "ingest"


def test_a_job_that_ends_without_a_reason_is_named(platform, blob_store, monkeypatch):
    run = RunFolder(blob_store, "iris", "run-1")
    platform.jobs.submit = lambda *_: setattr(platform.jobs, "ended", RunnerState.STOPPED)
    with pytest.raises(PlatformError, match=r"the Ray job run-1-ingest-\w+ ended as stopped"):
        ray_job.run(platform, run, "ingest", SOURCE)
