"""Asking the gateway for the use case's examples, as a caller would."""

import math
import time
from http import HTTPStatus
from typing import Any, Protocol

import httpx
from pydantic import SecretStr

from platform_core.contracts.environments import Environment
from platform_core.contracts.inference_record import Purpose
from platform_core.errors import Refused, UpstreamUnavailable
from use_cases import UseCase

DEFAULT_WAIT = 1.0
MAX_REASON = 300


class Smoke(Protocol):
    """Says whether an environment answers with a release."""

    def check(self, use_case: UseCase, environment: Environment, release_id: str) -> None:
        """Return when it does.

        Raises:
            Refused: it answers, but not as it should.
            UpstreamUnavailable: it does not answer.
        """
        ...


class GatewaySmoke:
    """Sends every example through the gateway.

    A 503 is asked again after its `Retry-After`, for at most `patience_seconds` in all.
    """

    def __init__(self, url: str, api_key: SecretStr, patience_seconds: float = 20.0) -> None:
        self._url = url.rstrip("/")
        self._key = api_key
        self._patience = patience_seconds

    def check(self, use_case: UseCase, environment: Environment, release_id: str) -> None:
        """Return when every example is answered by the release with sane probabilities."""
        headers = {
            "X-API-Key": self._key.get_secret_value(),
            "X-Environment": environment,
            "X-Purpose": Purpose.SMOKE,
        }
        deadline = time.monotonic() + self._patience
        url = f"{self._url}/models/{use_case.name}/predict"
        with httpx.Client(headers=headers, timeout=self._patience, trust_env=False) as client:
            for name, record in use_case.examples.items():
                answer = _ask(client, url, record, deadline)
                wrong = _wrong(answer, release_id, use_case)
                if wrong:
                    raise Refused(
                        f"smoke test: {environment} answered the example {name!r} of "
                        f"{use_case.name} wrongly: {wrong}"
                    )


def _ask(client: httpx.Client, url: str, record: dict[str, Any], deadline: float) -> httpx.Response:
    while True:
        try:
            answer = client.post(url, json=record)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise UpstreamUnavailable(
                f"smoke test: the gateway does not answer at {url}: {reason}; is it running?"
            ) from error
        if not answer.is_server_error:
            return answer
        wait = _retry_after(answer)
        if wait is None or time.monotonic() + wait > deadline:
            raise UpstreamUnavailable(
                f"smoke test: the gateway answers {answer.status_code} at {url}: "
                f"{answer.text[:MAX_REASON]}"
            )
        time.sleep(wait)


def _retry_after(answer: httpx.Response) -> float | None:
    """Return the seconds to wait, `None` when asking again would be no use."""
    value = answer.headers.get("Retry-After")
    if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE or value is None:
        return None
    return max(float(value), 0.1) if value.isdecimal() else DEFAULT_WAIT


def _wrong(answer: httpx.Response, release_id: str, use_case: UseCase) -> str | None:
    """Return what is wrong with an answer, `None` when it is as it should be."""
    if answer.status_code != HTTPStatus.OK:
        return f"status {answer.status_code}: {answer.text[:MAX_REASON]}"
    body = _json(answer)
    if body is None:
        return f"not an object in JSON: {answer.text[:MAX_REASON]}"
    if body.get("release_id") != release_id:
        return f"release {body.get('release_id')} answered, expected {release_id}"
    if body.get("prediction") not in use_case.classes:
        return f"the prediction {body.get('prediction')!r} is not a class"
    given = body.get("probabilities")
    values = [body.get("probability"), *(given.values() if isinstance(given, dict) else ())]
    if not all(_is_probability(value) for value in values):
        return f"{values} are not probabilities"
    return None


def _json(answer: httpx.Response) -> dict[str, Any] | None:
    try:
        body = answer.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _is_probability(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and 0 <= value <= 1
