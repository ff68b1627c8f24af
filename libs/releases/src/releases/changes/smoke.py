"""Smoke test: sends the use case's examples to the gateway, as a caller would."""

import math
import time
from http import HTTPStatus
from typing import Any, Protocol, TypeGuard

import httpx
from pydantic import SecretStr

from platform_core.contracts.environments import Environment
from platform_core.contracts.inference_record import Purpose
from platform_core.errors import Refused, UpstreamUnavailable
from use_cases import UseCase

DEFAULT_RETRY_SECONDS = 1.0
MAX_REASON = 300


class SmokeTest(Protocol):
    """Checks that an environment answers with a release."""

    def check(self, use_case: UseCase, environment: Environment, release_id: str) -> None:
        """Return if it does.

        Raises:
            Refused: a response is wrong.
            UpstreamUnavailable: there is no response.
        """
        ...


class GatewaySmokeTest:
    """Sends every example to the gateway.

    After a 503, the request is retried as `Retry-After` says, for at most `retry_seconds` in all.
    """

    def __init__(self, url: str, api_key: SecretStr, retry_seconds: float = 20.0) -> None:
        self._url = url.rstrip("/")
        self._key = api_key
        self._retry_seconds = retry_seconds

    def check(self, use_case: UseCase, environment: Environment, release_id: str) -> None:
        """Return if the release answers every example with valid probabilities, or with a
        number inside its interval.
        """
        headers = {
            "X-API-Key": self._key.get_secret_value(),
            "X-Environment": environment,
            "X-Purpose": Purpose.SMOKE,
        }
        deadline = time.monotonic() + self._retry_seconds
        url = f"{self._url}/models/{use_case.name}/predict"
        with httpx.Client(headers=headers, timeout=self._retry_seconds, trust_env=False) as client:
            for name, record in use_case.examples.items():
                problem = _problem(_post(client, url, record, deadline), release_id, use_case)
                if problem:
                    raise Refused(
                        f"smoke test: wrong response of {environment} to the example {name!r} of "
                        f"{use_case.name}: {problem}"
                    )


def _post(
    client: httpx.Client, url: str, record: dict[str, Any], deadline: float
) -> httpx.Response:
    while True:
        try:
            response = client.post(url, json=record)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise UpstreamUnavailable(
                f"smoke test: the gateway does not answer at {url}: {reason}; is it running?"
            ) from error
        if not response.is_server_error:
            return response
        wait = _retry_after(response)
        if wait is None or time.monotonic() + wait > deadline:
            raise UpstreamUnavailable(
                f"smoke test: the gateway answers {response.status_code} at {url}: "
                f"{response.text[:MAX_REASON]}"
            )
        time.sleep(wait)


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds until the next attempt, `None` if the response is final."""
    value = response.headers.get("Retry-After")
    if response.status_code != HTTPStatus.SERVICE_UNAVAILABLE or value is None:
        return None
    return max(float(value), 0.1) if value.isdecimal() else DEFAULT_RETRY_SECONDS


def _problem(response: httpx.Response, release_id: str, use_case: UseCase) -> str | None:
    """Return what is wrong with a response, `None` if it is correct."""
    if response.status_code != HTTPStatus.OK:
        return f"status {response.status_code}: {response.text[:MAX_REASON]}"
    body = _json(response)
    if body is None:
        return f"not a JSON object: {response.text[:MAX_REASON]}"
    if body.get("release_id") != release_id:
        return f"release {body.get('release_id')} answered, expected {release_id}"
    return (
        _number_problem(body) if use_case.task == "regression" else _class_problem(body, use_case)
    )


def _class_problem(body: dict[str, Any], use_case: UseCase) -> str | None:
    if body.get("prediction") not in use_case.classes:
        return f"the prediction {body.get('prediction')!r} is not a class"
    by_class = body.get("probabilities")
    values = [body.get("probability"), *(by_class.values() if isinstance(by_class, dict) else ())]
    if not all(_is_probability(value) for value in values):
        return f"{values} are not probabilities"
    return None


def _number_problem(body: dict[str, Any]) -> str | None:
    prediction, interval = body.get("prediction"), body.get("interval")
    values = [prediction, *(interval if isinstance(interval, list) else ())]
    if len(values) != 3 or not all(_is_finite(value) for value in values):  # noqa: PLR2004
        return f"{prediction!r} with the interval {interval!r} is not a number with its interval"
    _, low, high = values
    if not low <= values[0] <= high:
        return f"the interval [{low}, {high}] does not contain the prediction {prediction}"
    return None


def _json(response: httpx.Response) -> dict[str, Any] | None:
    try:
        body = response.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _is_probability(value: object) -> bool:
    return _is_finite(value) and 0 <= value <= 1


def _is_finite(value: object) -> TypeGuard[int | float]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value)
