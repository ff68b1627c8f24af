"""Batch jobs and their files."""

from datetime import datetime
from typing import Literal

from mlplatform_client.models.common import Document, Environment, JobStatus


class SubmittedJob(Document):
    """A batch job that was accepted."""

    job_id: str
    status: Literal["submitted"]
    submitted_at: datetime


class JobState(Document):
    """The progress of a batch job, in percent and rows."""

    job_id: str
    status: JobStatus
    progress: int
    rows_total: int | None
    rows_done: int
    rows_invalid: int
    rows_truncated: int
    use_case: str
    environment: Environment
    input_path: str
    output_path: str
    release_id: str
    submitted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None


class JobPage(Document):
    """Jobs, newest first; `cursor` asks for the next page.

    `file_limit_bytes` is the size that an uploaded file may have.
    """

    jobs: list[JobState]
    cursor: str | None
    file_limit_bytes: int


class StoredFile(Document):
    """A file that was stored; a batch job takes `path` as its `input_path`."""

    path: str
    size: int


class UploadState(Document):
    """An upload of `size` bytes, of which the first `received` have arrived."""

    path: str
    size: int
    received: int
