"""The job runners against their contract; Ray with token authentication switched on."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from platform_core.adapters import connect
from platform_core.adapters.job_runner.memory import MemoryJobRunner
from platform_core.adapters.job_runner.ray_jobs import RayJobRunner
from platform_core.errors import ConfigurationError, UpstreamUnavailable
from platform_core.ports.job_runner import RunnerState
from platform_core.settings import RaySettings
from platform_core.testing.contracts import JobRunnerContract
from platform_core.testing.processes import free_port, wait_until
from platform_core.testing.servers import RayHead, takes_jobs

AGENT_SECONDS = 120


class TestMemoryJobRunner(JobRunnerContract):
    @pytest.fixture
    def runner(self) -> MemoryJobRunner:
        return MemoryJobRunner()

    def settle(self, runner: MemoryJobRunner, job_id: str, expected: RunnerState) -> RunnerState:
        if expected is not RunnerState.STOPPED:
            runner.move(job_id, expected)
        return runner.state(job_id)

    def test_restart_forgets(self, runner: MemoryJobRunner) -> None:
        runner.submit("a", "true", {"WORD": "x"})
        assert runner.jobs["a"].environment == {"WORD": "x"}
        runner.forget()
        assert runner.state("a") is RunnerState.UNKNOWN


class TestRayJobRunner(JobRunnerContract):
    @pytest.fixture
    def runner(self, ray_head: RayHead) -> Iterator[RayJobRunner]:
        runner = connect.job_runner(
            RaySettings(
                ray_address=ray_head.address,
                ray_dashboard_url=ray_head.dashboard_url,
                ray_auth_token_path=ray_head.token_path,
            )
        )
        assert isinstance(runner, RayJobRunner)
        assert wait_until(lambda: takes_jobs(runner), AGENT_SECONDS)
        yield runner
        runner.close()

    def test_a_job_runs_once_in_its_environment(
        self, runner: RayJobRunner, job_id: str, tmp_path: Path
    ) -> None:
        target = tmp_path / "lines"
        command = f"sh -c 'echo \"$WORD\" >> {target}'"
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda _: runner.submit(job_id, command, {"WORD": "a b"}), range(3)))
        assert self.settle(runner, job_id, RunnerState.SUCCEEDED) is RunnerState.SUCCEEDED
        assert target.read_text() == "a b\n"

    @pytest.mark.parametrize("token", [None, "0" * 64])
    def test_token_is_needed(self, ray_head: RayHead, token: str | None) -> None:
        with (
            closing(RayJobRunner(ray_head.dashboard_url, token)) as runner,
            pytest.raises(UpstreamUnavailable, match="RAY_AUTH_TOKEN_PATH"),
        ):
            runner.state("a")


def test_no_dashboard() -> None:
    runner = RayJobRunner(f"http://127.0.0.1:{free_port()}")
    for call in (runner.state, runner.stop, lambda job: runner.submit(job, "true", {})):
        with pytest.raises(UpstreamUnavailable, match="RAY_DASHBOARD_URL"):
            call("a")


def test_unreadable_token(tmp_path: Path) -> None:
    settings = RaySettings(
        ray_address="auto", ray_dashboard_url="http://ray", ray_auth_token_path=tmp_path / "none"
    )
    with pytest.raises(ConfigurationError, match="RAY_AUTH_TOKEN_PATH"):
        connect.job_runner(settings)
