"""Starting work that outlives a request."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol


class RunnerState(StrEnum):
    """What the runner knows about a job; `unknown` after it was restarted or never saw the job."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


class JobRunner(Protocol):
    """Runs one command per job. All methods raise `UpstreamUnavailable` when it is down."""

    def submit(self, job_id: str, command: str, environment: Mapping[str, str]) -> None:
        """Start `command` under `job_id`; submitting the same id again changes nothing."""
        ...

    def state(self, job_id: str) -> RunnerState:
        """Return what the runner knows about the job."""
        ...

    def stop(self, job_id: str) -> None:
        """Ask the job to stop; a job that has ended or is unknown is left alone."""
        ...
