"""Which requests are made again, when, and how responses become errors."""

import random
from collections.abc import Generator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx
from pydantic import ValidationError

from mlplatform_client.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    MlplatformError,
    RateLimitError,
    ServerError,
    UnavailableError,
    status_error,
)
from mlplatform_client.flows import Pause, Request
from mlplatform_client.models.operations import Problem

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
"""Seconds before the second attempt, which double with each further one."""
LONGEST_RETRY_AFTER = 60.0
"""A gateway that asks for a longer wait than these seconds is not waited for."""
MAX_TEXT = 500


@dataclass(frozen=True)
class Exchange:
    """One exchange with the gateway; the result is its response, whatever the status."""

    request: Request


def attempts(
    request: Request, max_retries: int
) -> Generator[Exchange | Pause, Any, httpx.Response]:
    """Make a request, and again where that is safe.

    Raises:
        APIConnectionError: there was no response.
        APIStatusError: the gateway refused.
    """
    failures = 0
    while True:
        try:
            return checked((yield Exchange(request)))
        except MlplatformError as error:
            failures = yield from pause_after(error, request, failures, max_retries)


def checked(response: httpx.Response) -> httpx.Response:
    """Return a response with a status of success; 308 is an upload that is not complete.

    Raises:
        APIStatusError: the status is an error.
    """
    if response.is_success or response.status_code == HTTPStatus.PERMANENT_REDIRECT:
        return response
    raise status_error(_problem(response), _retry_after(response))


def connection_error(error: httpx.HTTPError, base_url: str) -> APIConnectionError:
    """Return the error for an exchange without a response."""
    reason = str(error) or type(error).__name__
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        detail = f"the gateway at {base_url} accepted no connection in time"
        return APITimeoutError(detail, sent=False)
    if isinstance(error, httpx.TimeoutException):
        return APITimeoutError(f"the gateway at {base_url} did not answer in time ({reason})")
    if isinstance(error, httpx.ConnectError):
        detail = f"the gateway at {base_url} does not answer: {reason}; is it running?"
        return APIConnectionError(detail, sent=False)
    return APIConnectionError(f"the connection to the gateway at {base_url} failed: {reason}")


def pause_after(
    error: MlplatformError, request: Request, failures: int, max_retries: int
) -> Generator[Pause, Any, int]:
    """Wait before the next attempt, and return the number of failures.

    Raises:
        MlplatformError: `error`, if there must not be another attempt.
    """
    pause = _pause(request, error, failures) if failures < max_retries else None
    if pause is None:
        raise error
    yield Pause(pause)
    return failures + 1


def _pause(request: Request, error: MlplatformError, failures: int) -> float | None:
    """Return the seconds until the next attempt, `None` if there must not be one."""
    if not request.retried:
        return None
    backoff = min(FIRST_PAUSE * 2.0**failures, LONGEST_PAUSE) * random.uniform(0.75, 1)  # noqa: S311
    if isinstance(error, RateLimitError | UnavailableError):
        # The request was refused before it had an effect.
        if error.retry_after is None:
            return backoff if request.repeatable else None
        return max(error.retry_after, backoff) if error.retry_after <= LONGEST_RETRY_AFTER else None
    if isinstance(error, APIConnectionError) and not error.sent:
        return backoff
    slow = isinstance(error, APIStatusError) and error.status == HTTPStatus.REQUEST_TIMEOUT
    lost = slow or isinstance(error, APIConnectionError | ServerError)
    return backoff if lost and request.repeatable else None


def _problem(response: httpx.Response) -> Problem:
    """Return the problem document of a response; one is made if a proxy answered without any."""
    try:
        return Problem.model_validate_json(response.content)
    except ValidationError:
        text = response.text.strip()[:MAX_TEXT]
        return Problem(
            title=response.reason_phrase,
            status=response.status_code,
            detail=text or response.reason_phrase or "there is no detail",
            instance=response.request.url.path,
            code="no-problem-document",
            request_id=response.headers.get("X-Request-ID", ""),
        )


def _retry_after(response: httpx.Response) -> float | None:
    given = response.headers.get("Retry-After", "")
    return float(given) if given.isascii() and given.isdecimal() else None
