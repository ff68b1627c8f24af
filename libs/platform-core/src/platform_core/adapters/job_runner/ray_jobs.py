"""Jobs on a Ray cluster, through the REST API of its dashboard."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from platform_core.errors import UpstreamUnavailable
from platform_core.ports.job_runner import RunnerState

CONNECT_SECONDS = 2
ANSWER_SECONDS = 30
"""A cluster that has just started answers the first submission slowly."""

_STATES = {
    "PENDING": RunnerState.PENDING,
    "RUNNING": RunnerState.RUNNING,
    "SUCCEEDED": RunnerState.SUCCEEDED,
    "FAILED": RunnerState.FAILED,
    "STOPPED": RunnerState.STOPPED,
}


class RayJobRunner:
    """Submits commands to `dashboard_url`, e.g. `http://127.0.0.1:8265`.

    `token` is the cluster's when it runs with `RAY_AUTH_MODE=token`.
    """

    def __init__(self, dashboard_url: str, token: str | None = None) -> None:
        self._url = dashboard_url.rstrip("/")
        self._client = httpx.Client(
            base_url=f"{self._url}/api/jobs/",
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        )

    def submit(self, job_id: str, command: str, environment: Mapping[str, str]) -> None:
        """Start `command` under `job_id`; submitting the same id again changes nothing."""
        if self.state(job_id) is not RunnerState.UNKNOWN:
            return
        job = {
            "submission_id": job_id,
            "entrypoint": command,
            "runtime_env": {"env_vars": dict(environment)},
        }
        response = self._send("POST", "", job)
        # Another process may have submitted it since; Ray has no status for that.
        if response.is_error and self.state(job_id) is RunnerState.UNKNOWN:
            raise self._refusal(response)

    def state(self, job_id: str) -> RunnerState:
        """Return what the runner knows about the job."""
        response = self._send("GET", quote(job_id, safe=""))
        if response.status_code == HTTPStatus.NOT_FOUND:
            return RunnerState.UNKNOWN
        if response.is_error:
            raise self._refusal(response)
        return _STATES.get(response.json()["status"], RunnerState.UNKNOWN)

    def stop(self, job_id: str) -> None:
        """Ask the job to stop; a job that has ended or is unknown is left alone."""
        response = self._send("POST", f"{quote(job_id, safe='')}/stop")
        if response.is_error and response.status_code != HTTPStatus.NOT_FOUND:
            raise self._refusal(response)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _send(self, method: str, path: str, body: Any = None) -> httpx.Response:
        try:
            response = self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise UpstreamUnavailable(
                f"the Ray dashboard {self._url} cannot be reached: {error!r}; "
                "check RAY_DASHBOARD_URL and that the Ray head runs"
            ) from error
        if response.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise UpstreamUnavailable(
                f"the Ray dashboard {self._url} refused the token ({response.status_code}); "
                "check RAY_AUTH_TOKEN_PATH"
            )
        return response

    def _refusal(self, response: httpx.Response) -> UpstreamUnavailable:
        lines = response.text.strip().splitlines() or ["no reason given"]
        return UpstreamUnavailable(
            f"the Ray dashboard {self._url} answered {response.status_code}: {lines[-1]:.300}"
        )
