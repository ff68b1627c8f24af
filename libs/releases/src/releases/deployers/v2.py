"""What every deployer asks an inference service by the Open Inference Protocol (V2)."""

from http import HTTPStatus
from typing import Any

import httpx

from platform_core.contracts.environments import Environment
from platform_core.errors import ReleaseRefused, UpstreamUnavailable
from platform_core.settings import ServingSettings

ANSWER_SECONDS = 5.0
MAX_REASON = 500
# Unknown, or known but refused when the server started.
NOT_SERVED = (HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE)


class V2Services:
    """The inference services of all environments; `hint` says what to do when one is silent."""

    def __init__(self, serving: ServingSettings, hint: str) -> None:
        self._serving = serving
        self._hint = hint

    def served(self, use_case: str, environment: Environment) -> str | None:
        """Return the release that the model's metadata names, `None` when none answers."""
        answer = self.call("GET", use_case, environment, f"/v2/models/{use_case}")
        if answer.status_code in NOT_SERVED:
            return None
        raise_for(answer, f"{use_case} in {environment}")
        versions = _json(answer).get("versions") or [None]
        return versions[0]

    def answers_with(self, use_case: str, environment: Environment, release_id: str) -> bool:
        """Say whether the release is what answers, and is ready."""
        if self.served(use_case, environment) != release_id:
            return False
        answer = self.call("GET", use_case, environment, f"/v2/models/{use_case}/ready")
        return answer.status_code == HTTPStatus.OK

    def call(
        self,
        method: str,
        use_case: str,
        environment: Environment,
        path: str,
        seconds: float = ANSWER_SECONDS,
    ) -> httpx.Response:
        """Send one request and return the answer, whatever its status.

        Raises:
            UpstreamUnavailable: there was none.
        """
        url = self._serving.inference_url(environment, use_case) + path
        try:
            return httpx.request(method, url, timeout=seconds, trust_env=False)
        except httpx.HTTPError as error:
            raise UpstreamUnavailable(
                f"the inference service of {environment} does not answer at {url}: "
                f"{error or type(error).__name__}; {self._hint}"
            ) from error


def raise_for(answer: httpx.Response, what: str) -> None:
    """Raise `ReleaseRefused` for a client error, `UpstreamUnavailable` for a server's."""
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
