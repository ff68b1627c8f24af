"""Deploying to the laptop's inference services by the V2 model repository API.

`<repository>/<environment>/<use_case>.json` points at the release that a server loads when it
starts; `POST /v2/repository/models/<use_case>/load` makes a running server read it again.
"""

import contextlib
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from platform_core.contracts.environments import Environment
from platform_core.errors import PlatformError, ReleaseRefused, UpstreamUnavailable
from platform_core.hashing import canonical_json
from platform_core.settings import ServingSettings

POLL_SECONDS = 0.1
ANSWER_SECONDS = 5.0
MAX_REASON = 500
# Unknown, or known but refused when the server started.
NOT_SERVED = (HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE)


class EmbeddedDeployer:
    """Writes pointers below `repository` and talks to the servers of `serving`.

    `timeout_seconds` bounds a deployment from the pointer to the answer with the new release.
    """

    def __init__(
        self, repository: Path, serving: ServingSettings, timeout_seconds: float = 60.0
    ) -> None:
        self._repository = repository
        self._serving = serving
        self._timeout = timeout_seconds

    def deploy(
        self,
        use_case: str,
        environment: Environment,
        release_id: str,
        release_uri: str,
        model_version: str,
    ) -> None:
        """Point at the release, load it, and wait until it answers; else put the old one back."""
        pointer = self._pointer(use_case, environment)
        before = pointer.read_bytes() if pointer.exists() else None
        content = {
            "use_case": use_case,
            "release_id": release_id,
            "release_uri": release_uri,
            "model_version": model_version,
        }
        try:
            _replace(pointer, canonical_json(content))
            self._load_and_wait(use_case, environment, release_id)
        except BaseException:
            self._put_back(use_case, environment, before)
            raise

    def served(self, use_case: str, environment: Environment) -> str | None:
        """Return the release that the server's metadata names, `None` when none answers."""
        answer = self._call("GET", use_case, environment, f"/v2/models/{use_case}", ANSWER_SECONDS)
        if answer.status_code in NOT_SERVED:
            return None
        _raise_for(answer, f"{use_case} in {environment}")
        versions = _json(answer).get("versions") or [None]
        return versions[0]

    def withdraw(self, use_case: str, environment: Environment) -> None:
        """Remove the pointer and unload the model."""
        self._pointer(use_case, environment).unlink(missing_ok=True)
        path = f"/v2/repository/models/{use_case}/unload"
        answer = self._call("POST", use_case, environment, path, ANSWER_SECONDS)
        if answer.status_code != HTTPStatus.NOT_FOUND:
            _raise_for(answer, f"{use_case} in {environment}")

    def _load_and_wait(self, use_case: str, environment: Environment, release_id: str) -> None:
        deadline = time.monotonic() + self._timeout
        path = f"/v2/repository/models/{use_case}/load"
        answer = self._call("POST", use_case, environment, path, self._timeout)
        _raise_for(answer, f"release {release_id:.12} of {use_case} in {environment}")
        while not self._answers_with(use_case, environment, release_id):
            if time.monotonic() > deadline:
                raise UpstreamUnavailable(
                    f"{use_case} in {environment} did not answer with release {release_id:.12} "
                    f"within {self._timeout:g} s; look at the log of the inference service"
                )
            time.sleep(POLL_SECONDS)

    def _answers_with(self, use_case: str, environment: Environment, release_id: str) -> bool:
        if self.served(use_case, environment) != release_id:
            return False
        path = f"/v2/models/{use_case}/ready"
        answer = self._call("GET", use_case, environment, path, ANSWER_SECONDS)
        return answer.status_code == HTTPStatus.OK

    def _put_back(self, use_case: str, environment: Environment, before: bytes | None) -> None:
        """Restore the pointer. A server that is down reads it when it starts again."""
        with contextlib.suppress(PlatformError):
            if before is None:
                self.withdraw(use_case, environment)
                return
            _replace(self._pointer(use_case, environment), before)
            path = f"/v2/repository/models/{use_case}/load"
            self._call("POST", use_case, environment, path, self._timeout)

    def _pointer(self, use_case: str, environment: Environment) -> Path:
        return self._repository / environment / f"{use_case}.json"

    def _call(
        self, method: str, use_case: str, environment: Environment, path: str, seconds: float
    ) -> httpx.Response:
        url = self._serving.inference_url(environment, use_case) + path
        try:
            return httpx.request(method, url, timeout=seconds, trust_env=False)
        except httpx.HTTPError as error:
            raise UpstreamUnavailable(
                f"the inference service of {environment} does not answer at {url}: "
                f"{error or type(error).__name__}; start it with `make up`"
            ) from error


def _raise_for(answer: httpx.Response, what: str) -> None:
    if answer.is_success:
        return
    body = _json(answer)
    reason = str(body.get("error") or body.get("detail") or answer.text)[:MAX_REASON]
    message = f"{what}: the inference service says {answer.status_code}: {reason}"
    if answer.is_client_error:
        raise ReleaseRefused(message)
    raise UpstreamUnavailable(message)


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _replace(file: Path, data: bytes) -> None:
    """Write in one step: a server that starts meanwhile reads the old pointer or the new."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_bytes(data)
    partial.replace(file)
