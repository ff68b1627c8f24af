"""One file from its upload to the predictions."""

import hashlib
import math
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlplatform_client import Client
from mlplatform_client.models.batch import JobState
from platform_core.adapters.gateway import platform_errors
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
    client: Client,
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
    with platform_errors("the file was not uploaded"):
        report = _percent("uploading", progress)
        uploaded = client.batch.upload(scoring.file, name, progress=report).path
    try:
        job = _follow(client, _submit(client, scoring, uploaded), progress, follow_seconds)
        with platform_errors("the predictions were not downloaded"):
            return _download(client, scoring, job, progress)
    finally:
        # Another job may be reading it: that one's command deletes it.
        with suppress(PlatformError), platform_errors("the upload was not deleted"):
            client.batch.delete(uploaded)


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


def _submit(client: Client, scoring: RemoteScoring, uploaded: str) -> str:
    target = f"{BATCH}/answers/{secrets.token_hex(16)}{PARQUET}"
    with platform_errors("the job was not submitted"):
        job = client.batch.submit(
            uploaded, target, use_case=scoring.use_case, environment=scoring.environment.value
        )
    return job.job_id


def _follow(client: Client, job_id: str, progress: Progress, seconds: float) -> JobState:
    def report(state: JobState) -> None:
        progress(f"job {job_id} {state.status}", state.progress)

    try:
        with platform_errors(f"the job {job_id} goes on, but cannot be followed"):
            job = client.batch.wait(job_id, timeout=math.inf, poll_seconds=seconds, report=report)
    except KeyboardInterrupt as error:
        raise CommandInterrupted(
            f"the job {job_id} goes on; follow it with GET /batch/{job_id}, cancel it with DELETE"
        ) from error
    if job.status != JobStatus.SUCCEEDED:
        reason = job.error or "it was cancelled"
        raise Refused(f"the batch job {job_id} {job.status}: {reason}")
    return job


def _download(
    client: Client, scoring: RemoteScoring, job: JobState, progress: Progress
) -> RemoteResult:
    report, output = _percent("downloading", progress), scoring.output
    client.batch.download(job.output_path, output, progress=report)
    invalid = None
    if job.rows_invalid:
        invalid = output.with_name(f"{output.name.removesuffix(PARQUET)}.invalid{PARQUET}")
        client.batch.download(invalid_path(job.output_path), invalid, progress=report)
    return RemoteResult(output, invalid, job.model_dump(mode="json"))


def _percent(step: str, progress: Progress) -> Callable[[int, int], None]:
    """Return a function that reports bytes as a percentage of a step."""
    return lambda done, total: progress(step, 100 * done // total if total else 100)
