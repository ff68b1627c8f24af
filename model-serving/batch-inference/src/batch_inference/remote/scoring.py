"""One file from its upload to the predictions."""

import hashlib
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batch_inference.remote.gateway import BatchGateway
from platform_core.batch import JobStatus
from platform_core.contracts.environments import Environment
from platform_core.errors import InvalidData, PlatformError, Refused
from platform_core.programs import CommandInterrupted
from platform_core.storage import BATCH, PARQUET, invalid_path

MAGIC = b"PAR1"
HASH_CHARACTERS = 32
FOLLOW_SECONDS = 1.0

Progress = Callable[[str, int], None]
"""Receives the current step, and the percentage of it that is done."""


@dataclass(frozen=True)
class RemoteResult:
    """The files that were written, and the state of the job; rows are counts."""

    output: Path
    invalid: Path | None
    job: dict[str, Any]


@dataclass(frozen=True)
class RemoteScoring:
    """What to score, by which release, and where to write the predictions."""

    file: Path
    use_case: str
    environment: Environment
    output: Path


def score_file(
    gateway: BatchGateway,
    scoring: RemoteScoring,
    progress: Progress,
    follow_seconds: float = FOLLOW_SECONDS,
) -> RemoteResult:
    """Upload a Parquet file, have it scored, and download predictions and invalid rows.

    The upload is named by its content, so that the same command continues one that broke off, and
    deleted at the end.

    Raises:
        InvalidData: the file is not Parquet, or the output exists already.
        Refused: the gateway refused a step, or the job failed.
        CommandInterrupted: the user pressed Ctrl-C while the job was running.
    """
    name = _upload_name(scoring)
    uploaded = gateway.upload(scoring.file, name, lambda done: progress("uploading", done))
    try:
        target = f"{BATCH}/answers/{secrets.token_hex(16)}{PARQUET}"
        job_id = gateway.submit(uploaded, target, scoring.use_case, scoring.environment)
        job = _follow(gateway, job_id, progress, follow_seconds)
        return _download(gateway, scoring, job, progress)
    finally:
        # Another job may be reading it: that one's command deletes it.
        with suppress(PlatformError):
            gateway.delete(uploaded)


def _upload_name(scoring: RemoteScoring) -> str:
    try:
        with scoring.file.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise InvalidData(f"{scoring.file} is not a Parquet file; convert it first")
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidData(f"{scoring.file} cannot be read: {error.strerror}") from error
    if scoring.output.exists():
        raise InvalidData(f"{scoring.output} exists already; choose another with --output")
    return f"uploads/{digest[:HASH_CHARACTERS]}{PARQUET}"


def _follow(
    gateway: BatchGateway, job_id: str, progress: Progress, seconds: float
) -> dict[str, Any]:
    try:
        while True:
            job = gateway.job(job_id)
            progress(f"job {job_id} {job['status']}", job["progress"])
            status = JobStatus(job["status"])
            if status.final:
                break
            time.sleep(seconds)
    except KeyboardInterrupt as error:
        raise CommandInterrupted(
            f"the job {job_id} goes on; follow it with GET /batch/{job_id}, cancel it with DELETE"
        ) from error
    if status is not JobStatus.SUCCEEDED:
        raise Refused(f"the batch job {job_id} {status}: {job['error'] or 'it was cancelled'}")
    return job


def _download(
    gateway: BatchGateway, scoring: RemoteScoring, job: dict[str, Any], progress: Progress
) -> RemoteResult:
    def report(done: int) -> None:
        progress("downloading", done)

    path, output = str(job["output_path"]), scoring.output
    gateway.download(path, output, report)
    invalid = None
    if job["rows_invalid"]:
        invalid = output.with_name(f"{output.name.removesuffix(PARQUET)}.invalid{PARQUET}")
        gateway.download(invalid_path(path), invalid, report)
    return RemoteResult(output, invalid, job)
