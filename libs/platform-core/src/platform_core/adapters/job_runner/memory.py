"""A job runner in memory: a working fake whose jobs move when the test says so."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from platform_core.ports.job_runner import RunnerState

ENDED = {RunnerState.SUCCEEDED, RunnerState.FAILED, RunnerState.STOPPED}


@dataclass
class MemoryJob:
    """What was submitted, and how far it is."""

    command: str
    environment: Mapping[str, str]
    state: RunnerState = RunnerState.PENDING


@dataclass
class MemoryJobRunner:
    """Keeps `jobs` by id and runs nothing."""

    jobs: dict[str, MemoryJob] = field(default_factory=dict)

    def submit(self, job_id: str, command: str, environment: Mapping[str, str]) -> None:
        """Keep the job as pending; submitting the same id again changes nothing."""
        self.jobs.setdefault(job_id, MemoryJob(command, dict(environment)))

    def state(self, job_id: str) -> RunnerState:
        """Return what the runner knows about the job."""
        job = self.jobs.get(job_id)
        return job.state if job else RunnerState.UNKNOWN

    def stop(self, job_id: str) -> None:
        """Stop the job; one that has ended or is unknown is left alone."""
        if self.state(job_id) not in ENDED | {RunnerState.UNKNOWN}:
            self.jobs[job_id].state = RunnerState.STOPPED

    def move(self, job_id: str, state: RunnerState) -> None:
        """Bring a job to `state`, as the cluster would."""
        self.jobs[job_id].state = state

    def forget(self) -> None:
        """Forget every job, as a restarted cluster does."""
        self.jobs.clear()
