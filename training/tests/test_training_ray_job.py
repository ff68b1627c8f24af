"""A step as a job of the Ray cluster: handed over, run, and reported."""

import shlex

import pytest

from platform_core.errors import PlatformError, Refused
from platform_core.ports.job_runner import RunnerState
from training.bootstrap import TrainingServices
from training.parameters import RunParameters
from training.results import DatasetResult
from training.runs import RunRecords
from training.steps import ray_job
from training.steps.context import StepCall, StepContext
from training.steps.execute import execute


class Cluster:
    """Runs the submitted command in this process, as the head would in its own."""

    def __init__(self, monkeypatch) -> None:
        self.monkeypatch = monkeypatch
        self.ended = RunnerState.UNKNOWN

    def submit(self, _, command, environment) -> None:
        python, flag, module, *arguments = shlex.split(command)
        assert (python, flag, module) == ("python", "-m", "training.steps.ray_job")
        with self.monkeypatch.context() as job:
            for name, value in environment.items():
                job.setenv(name, value)
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
def services(blob_store, tmp_path, monkeypatch) -> TrainingServices:
    settings = {
        "PLATFORM_HOME": str(tmp_path),
        "BLOB_STORE_URL": f"file://{tmp_path}/blob",
        "TRAINING_IMAGE": "mlplatform/training:0.1.0",
        "RUN_ID": "run-1",
        "RAY_STEPS": "job",
        "RAY_ADDRESS": "unreachable:1",
        "RAY_DASHBOARD_URL": "http://unreachable:1",
        "FEAST_OFFLINE_PATH": str(tmp_path),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    services = TrainingServices()
    services.jobs = Cluster(monkeypatch)
    return services


def call(**parameters) -> StepCall:
    given = RunParameters(rows=200, **parameters)
    return StepCall(step="prepare-data", use_case="iris", parameters=given, inputs={})


def test_the_job_runs_the_step_and_its_result_comes_back(services, blob_store):
    folder, result = execute(call(), services)
    assert isinstance(result, DatasetResult)
    assert result.rows == 200
    run = RunRecords(blob_store, "iris", "run-1")
    assert run.finished("prepare-data").folder == folder == run.folder("prepare-data")


def test_a_failed_step_gives_its_reason(services, blob_store):
    run = RunRecords(blob_store, "iris", "run-1")
    context = StepContext(services, run, call(data="/absent.csv"))
    with pytest.raises(Refused, match="there is no file"):
        ray_job.run_as_job(context, DatasetResult)
    assert run.failure().step == "prepare-data"


def test_a_job_that_ends_without_a_reason_is_named(services, blob_store):
    run = RunRecords(blob_store, "iris", "run-1")
    services.jobs.submit = lambda *_: setattr(services.jobs, "ended", RunnerState.STOPPED)
    with pytest.raises(PlatformError, match=r"the Ray job run-1-prepare-data-\w+ ended as stopped"):
        ray_job.run_as_job(StepContext(services, run, call()), DatasetResult)
