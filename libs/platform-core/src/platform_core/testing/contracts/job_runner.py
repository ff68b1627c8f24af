"""What every job runner does."""

from uuid import uuid4

import pytest

from platform_core.ports.job_runner import JobRunner, RunnerState
from platform_core.testing.processes import wait_until

SETTLE_SECONDS = 180


class JobRunnerContract:
    """Override `runner`, and `settle` where jobs do not move by themselves."""

    @pytest.fixture
    def runner(self) -> JobRunner:
        """Return the runner under test."""
        pytest.fail("override the fixture `runner`")

    @pytest.fixture
    def job_id(self) -> str:
        """Return a unique id."""
        return f"job-{uuid4().hex}"

    def settle(self, runner: JobRunner, job_id: str, expected: RunnerState) -> RunnerState:
        """Wait until the job is in the state `expected`; return the state it is in."""
        wait_until(lambda: runner.state(job_id) is expected, SETTLE_SECONDS)
        return runner.state(job_id)

    def test_success(self, runner: JobRunner, job_id: str) -> None:
        """A command that ends well; submitting or stopping it afterwards changes nothing."""
        runner.submit(job_id, "true", {})
        assert self.settle(runner, job_id, RunnerState.SUCCEEDED) is RunnerState.SUCCEEDED
        runner.submit(job_id, "false", {})
        runner.stop(job_id)
        assert runner.state(job_id) is RunnerState.SUCCEEDED

    def test_failure(self, runner: JobRunner, job_id: str) -> None:
        """A command that ends badly."""
        runner.submit(job_id, "false", {})
        assert self.settle(runner, job_id, RunnerState.FAILED) is RunnerState.FAILED

    def test_stop(self, runner: JobRunner, job_id: str) -> None:
        """A running command is stopped; submitting its id again does not start it."""
        runner.submit(job_id, "sleep 300", {})
        assert self.settle(runner, job_id, RunnerState.RUNNING) is RunnerState.RUNNING
        runner.submit(job_id, "sleep 300", {})
        runner.stop(job_id)
        assert self.settle(runner, job_id, RunnerState.STOPPED) is RunnerState.STOPPED
        runner.submit(job_id, "sleep 300", {})
        assert runner.state(job_id) is RunnerState.STOPPED

    def test_unknown_job(self, runner: JobRunner, job_id: str) -> None:
        """A job that was never submitted is unknown and can be stopped, whatever its name."""
        for name in (job_id, f"{job_id}/../?x=1"):
            runner.stop(name)
            assert runner.state(name) is RunnerState.UNKNOWN
