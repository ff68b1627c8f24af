"""Which requests are made again, and after which pauses."""

from typing import Any

import httpx
import pytest

from mlplatform_client import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    ConflictError,
    MlplatformError,
    NotFoundError,
    QuotaError,
    RateLimitError,
    ServerError,
    UnavailableError,
)
from mlplatform_client.flows import Pause, Request
from mlplatform_client.retries import Exchange, attempts

GET = Request("GET", "/releases")
PREDICT = Request("POST", "/predict", repeatable=False)
LOST = APIConnectionError("reset")
NOT_SENT = APIConnectionError("refused", sent=False)
OK = (200, {})


def response(status: int, headers: dict[str, str]) -> httpx.Response:
    problem = {"title": "t", "status": status, "detail": "d", "instance": "/", "code": "c"}
    problem["request_id"] = "r-1"
    request = httpx.Request("GET", "http://gateway/releases")
    return httpx.Response(status, headers=headers, json=problem, request=request)


def run(request: Request, outcomes: list[Any], max_retries: int = 3) -> tuple[Any, list[float]]:
    """Return the response or error of a request whose attempts have these outcomes."""
    flow, remaining, pauses = attempts(request, max_retries), iter(outcomes), []
    try:
        step = next(flow)
        while True:
            if isinstance(step, Pause):
                pauses.append(step.seconds)
                step = flow.send(None)
                continue
            assert isinstance(step, Exchange)
            outcome = next(remaining)
            if isinstance(outcome, MlplatformError):
                step = flow.throw(outcome)
            else:
                step = flow.send(response(*outcome))
    except StopIteration as ended:
        result = ended.value
    except MlplatformError as error:
        result = error
    assert list(remaining) == [], "not every outcome was asked for"
    return result, pauses


@pytest.mark.parametrize("failure", [(500, {}), (502, {}), (503, {}), (408, {}), LOST, NOT_SENT])
def test_a_read_is_made_again_after_growing_pauses(failure) -> None:
    result, pauses = run(GET, [failure, failure, failure, OK])
    assert result.status_code == 200
    assert pauses == sorted(pauses)
    assert 0 < pauses[0] <= 0.5
    assert pauses[2] <= 2


@pytest.mark.parametrize(
    "failure", [(500, {}), (502, {}), (503, {}), LOST, APITimeoutError("slow")]
)
def test_a_prediction_that_may_have_been_made_is_not_made_again(failure) -> None:
    result, pauses = run(PREDICT, [failure])
    assert isinstance(result, ServerError | APIConnectionError)
    assert pauses == []


@pytest.mark.parametrize("status", [429, 503])
def test_a_refusal_with_retry_after_is_waited_for_even_by_a_prediction(status) -> None:
    result, pauses = run(PREDICT, [(status, {"Retry-After": "7"}), OK])
    assert result.status_code == 200
    assert pauses == [7]


def test_a_prediction_that_did_not_leave_is_made_again() -> None:
    result, pauses = run(PREDICT, [NOT_SENT, OK])
    assert result.status_code == 200
    assert len(pauses) == 1


def test_a_long_retry_after_is_left_to_the_caller() -> None:
    error, pauses = run(GET, [(429, {"Retry-After": "3600"})])
    assert isinstance(error, RateLimitError)
    assert error.retry_after == 3600
    assert pauses == []


@pytest.mark.parametrize("given", ["soon", "-1", "1.5", "٣"])
def test_a_retry_after_that_is_no_number_of_seconds_is_ignored(given) -> None:
    result, pauses = run(GET, [(503, {b"Retry-After": given.encode()}), OK])
    assert result.status_code == 200
    assert pauses[0] <= 0.5


@pytest.mark.parametrize("max_retries", [0, 2])
def test_there_are_as_many_attempts_as_allowed(max_retries) -> None:
    error, pauses = run(GET, [(503, {})] * (max_retries + 1), max_retries)
    assert isinstance(error, UnavailableError)
    assert len(pauses) == max_retries


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, APIStatusError), (404, NotFoundError), (409, ConflictError), (507, QuotaError)],
)
def test_what_would_fail_again_is_not_made_again(status, kind) -> None:
    error, pauses = run(GET, [(status, {})])
    assert type(error) is kind or status == 400
    assert (error.status, error.code, error.detail, error.request_id) == (status, "c", "d", "r-1")
    assert pauses == []


def test_a_probe_is_asked_once() -> None:
    error, pauses = run(Request("GET", "/health/ready", retried=False), [(503, {})])
    assert isinstance(error, UnavailableError)
    assert pauses == []
