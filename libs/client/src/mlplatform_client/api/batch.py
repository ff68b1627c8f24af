"""Batch jobs and their files."""

import time
from collections.abc import Callable
from pathlib import Path

from mlplatform_client.downloads import download_file
from mlplatform_client.endpoints import PAGE_SIZE, Listing, Resource, TransportT, endpoint, pages
from mlplatform_client.errors import WaitTimeoutError
from mlplatform_client.flows import Flow, Pause, Request, get, parsed, post, segment
from mlplatform_client.models.batch import JobPage, JobState, StoredFile, SubmittedJob
from mlplatform_client.models.common import Environment, JobStatus
from mlplatform_client.streams import streaming
from mlplatform_client.uploads import Content, Progress, upload_file

FINAL = frozenset({"succeeded", "failed", "cancelled"})
CONTAINER = "batch"


class BatchResource(Resource[TransportT]):
    """Jobs that score large files, and the files.

    Paths of files are those that `upload` returns and `submit` takes: `batch/<name>`.
    """

    @endpoint
    def submit(
        self,
        input_path: str,
        output_path: str,
        *,
        use_case: str | None = None,
        environment: Environment | None = None,
    ) -> Flow[SubmittedJob]:
        """Score a file, a folder or a pattern of files, and write the predictions.

        An output that ends in `.parquet` becomes one file, any other a folder. Without `use_case`
        the gateway's default one is used, without `environment` staging.
        """
        body = {"input_path": input_path, "output_path": output_path, "use_case": use_case}
        given = {name: value for name, value in body.items() if value is not None}
        headers = {} if environment is None else {"X-Environment": environment}
        return post("/batch/submit", SubmittedJob, given, headers, repeatable=False)

    @endpoint
    def get(self, job_id: str) -> Flow[JobState]:
        """Return the state of a job."""
        return get(f"/batch/{segment(job_id)}", JobState)

    @pages
    def list(
        self,
        *,
        use_case: str | None = None,
        status: JobStatus | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Listing[JobPage, JobState]:
        """List jobs, newest first."""
        wanted: dict[str, object] = {"use_case": use_case, "status": status, "limit": page_size}
        return Listing(
            lambda cursor: get("/batch", JobPage, **wanted, cursor=cursor), lambda page: page.jobs
        )

    @endpoint
    def cancel(self, job_id: str) -> Flow[JobState]:
        """Cancel a job and return its state; `ConflictError` if it has ended."""
        response = yield Request("DELETE", f"/batch/{segment(job_id)}", repeatable=False)
        return parsed(response, JobState)

    @endpoint
    def wait(
        self,
        job_id: str,
        *,
        timeout: float = 3600.0,
        poll_seconds: float = 2.0,
        report: Callable[[JobState], None] | None = None,
    ) -> Flow[JobState]:
        """Wait until a job has ended, and return its state; look at `status` and `error`.

        `report` is called with each state on the way.

        Raises:
            WaitTimeoutError: it has not ended after `timeout` seconds; it goes on.
        """
        end = time.monotonic() + timeout
        while True:
            state = yield from get(f"/batch/{segment(job_id)}", JobState)
            if report:
                report(state)
            if state.status in FINAL:
                return state
            if time.monotonic() >= end:
                raise WaitTimeoutError(
                    f"the batch job {job_id} is {state.status} at {state.progress} % after "
                    f"{timeout:g} s"
                )
            yield Pause(min(poll_seconds, max(end - time.monotonic(), 0)))

    @endpoint
    def upload(
        self,
        content: Content,
        name: str,
        *,
        size: int | None = None,
        progress: Progress | None = None,
    ) -> Flow[StoredFile]:
        """Upload a file, bytes or a stream as `batch/<name>`, in pieces of 8 MiB.

        A file or bytes that were interrupted, in this process or an earlier one, continue where
        they stopped, and are verified by their SHA-256. A stream needs its `size` in bytes.
        `progress` is called with the bytes that have arrived and their total.

        Raises:
            ConflictError: something else is at this path.
            TransferError: a stream has not `size` bytes, or a file is at its path already.
        """
        return upload_file(content, _url(name), size, progress, self._retries)

    @endpoint
    def download(self, path: str, target: Path, *, progress: Progress | None = None) -> Flow[Path]:
        """Write a file to `target` once all of it has arrived; a broken connection is continued.

        Raises:
            TransferError: the file changed meanwhile.
        """
        return download_file(_url(path), target, progress, self._retries)

    @streaming
    def stream(self, path: str, *, byte_range: str | None = None) -> Request:
        """Open a file for reading: a context manager, whose value is iterated over by chunks.

        `byte_range` is a `Range` such as `bytes=0-1023`.
        """
        headers = {} if byte_range is None else {"Range": byte_range}
        return Request("GET", _url(path), headers=headers)

    @endpoint
    def delete(self, path: str) -> Flow[None]:
        """Delete a file that was uploaded, complete or not."""
        yield Request("DELETE", _url(path), repeatable=False)

    @property
    def _retries(self) -> int:
        return self._transport.options.max_retries


def _url(path: str) -> str:
    """Return the URL path of a file, whose path may begin with its container."""
    segments = path.split("/")
    if segments[0] == CONTAINER:
        del segments[0]
    return "/".join(["/batch/files", *map(segment, segments)])
