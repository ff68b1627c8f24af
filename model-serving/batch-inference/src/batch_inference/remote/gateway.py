"""The gateway's API for batch jobs and their files, as a caller uses it."""

import base64
import hashlib
import time
from collections.abc import Callable
from http import HTTPStatus
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from platform_core.contracts.environments import Environment
from platform_core.errors import Refused, UpstreamUnavailable
from platform_core.storage import BATCH

PIECE_BYTES = 8 << 20
"""The most bytes of one request, below the default body limits of proxies."""
WAITS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each further attempt at a request that was not answered."""
TIMEOUT_SECONDS = 120.0
_LATER = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT})
_UNFINISHED = HTTPStatus.PERMANENT_REDIRECT
MAX_REASON = 500

Report = Callable[[int], None]
"""Receives the percentage that is done."""


class BatchGateway:
    """A gateway at a URL, with an API key of the role operator.

    Every method raises `Refused` with the gateway's reason, and `UpstreamUnavailable` when the
    gateway did not answer after several attempts.
    """

    def __init__(self, url: str, api_key: str, waits: tuple[float, ...] = WAITS) -> None:
        self._waits = waits
        headers = {"X-API-Key": api_key}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_SECONDS)

    def upload(self, file: Path, name: str, report: Report) -> str:
        """Store a file as `batch/<name>` and return that path; an earlier upload is continued."""
        with file.open("rb") as source:
            upload = _Upload(f"/batch/files/{name}", source, file.stat().st_size, _digest(source))
            answer, failures = self._request("PUT", upload.url, headers=upload.question), 0
            while answer.status_code == _UNFINISHED:
                start = int(answer.json()["received"])
                report(100 * start // upload.size)
                try:
                    answer, failures = self._piece(upload, start), 0
                except UpstreamUnavailable:
                    self._wait(failures)
                    failures += 1
                    answer = self._request("PUT", upload.url, headers=upload.question)
        report(100)
        return str(answer.json()["path"])

    def submit(
        self, input_path: str, output_path: str, use_case: str, environment: Environment
    ) -> str:
        """Submit a job and return its id. It is not retried, which could submit a second job."""
        body = {"input_path": input_path, "output_path": output_path, "use_case": use_case}
        headers = {"X-Environment": environment.value}
        return str(self._once("POST", "/batch/submit", json=body, headers=headers).json()["job_id"])

    def job(self, job_id: str) -> dict[str, Any]:
        """Return the state of a job."""
        state: dict[str, Any] = self._request("GET", f"/batch/{job_id}").json()
        return state

    def download(self, path: str, target: Path, report: Report) -> None:
        """Write the file at `batch/…` to `target`; a connection that breaks is continued.

        Raises:
            Refused: the file changed while it was read.
        """
        url = f"/batch/files/{_name(path)}"
        partial = target.with_name(f".{target.name}.part")
        try:
            with partial.open("wb") as file:
                self._receive(url, file, report)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def delete(self, path: str) -> None:
        """Delete a file that was uploaded."""
        self._request("DELETE", f"/batch/files/{_name(path)}")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _piece(self, upload: "_Upload", start: int) -> httpx.Response:
        upload.source.seek(start)
        data = upload.source.read(PIECE_BYTES)
        given = f"bytes {start}-{start + len(data) - 1}/{upload.size}"
        headers = {**upload.question, "Content-Range": given}
        return self._once("PUT", upload.url, content=data, headers=headers)

    def _receive(self, url: str, file: BinaryIO, report: Report) -> None:
        etag, failures = "", 0
        while True:
            before = file.tell()
            headers = {"Range": f"bytes={before}-", "If-Range": etag} if before else {}
            try:
                with self._client.stream("GET", url, headers=headers) as answer:
                    _check(answer)
                    if before and answer.status_code != HTTPStatus.PARTIAL_CONTENT:
                        raise Refused(f"{url} changed while it was read; start again")
                    etag = answer.headers["ETag"]
                    size = before + int(answer.headers["Content-Length"])
                    for chunk in answer.iter_bytes():
                        file.write(chunk)
                        report(100 * file.tell() // size)
                    return
            except (httpx.HTTPError, UpstreamUnavailable) as error:
                failures = 0 if file.tell() > before else failures
                self._wait(failures, error)
                failures += 1

    def _request(self, method: str, url: str, **rest: Any) -> httpx.Response:
        """Return the answer to a request that may be repeated."""
        failures = 0
        while True:
            try:
                return self._once(method, url, **rest)
            except UpstreamUnavailable as error:
                self._wait(failures, error)
                failures += 1

    def _once(self, method: str, url: str, **rest: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, url, **rest)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        _check(answer)
        return answer

    def _wait(self, failures: int, error: Exception | None = None) -> None:
        """Wait before the next attempt; raise the error after the last one."""
        if failures < len(self._waits):
            time.sleep(self._waits[failures])
        elif isinstance(error, httpx.HTTPError):
            raise self._unreachable(error) from error
        elif error is not None:
            raise error
        else:
            raise UpstreamUnavailable(
                f"the gateway at {self._client.base_url} received nothing in "
                f"{failures} attempts; run the command again to continue"
            )

    def _unreachable(self, error: httpx.HTTPError) -> UpstreamUnavailable:
        return UpstreamUnavailable(
            f"the gateway at {self._client.base_url} does not answer: "
            f"{str(error) or type(error).__name__}; is it running?"
        )


class _Upload:
    """An upload in progress; `question` are the headers that ask how much has arrived."""

    def __init__(self, url: str, source: BufferedReader, size: int, digest: str) -> None:
        self.url, self.source, self.size = url, source, size
        self.question = {"Content-Range": f"bytes */{size}", "Repr-Digest": digest}


def _name(path: str) -> str:
    return path.removeprefix(f"{BATCH}/")


def _digest(source: BufferedReader) -> str:
    sha256 = hashlib.file_digest(source, "sha256").digest()
    return f"sha-256=:{base64.b64encode(sha256).decode()}:"


def _check(answer: httpx.Response) -> None:
    """Raise if the gateway refused; 308 is an unfinished upload, not a redirect."""
    if answer.is_success or answer.status_code == _UNFINISHED:
        return
    answer.read()
    reason = f"the gateway answered {answer.status_code}: {_detail(answer)}"
    if answer.is_server_error or answer.status_code in _LATER:
        raise UpstreamUnavailable(reason)
    raise Refused(reason)


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:MAX_REASON]
