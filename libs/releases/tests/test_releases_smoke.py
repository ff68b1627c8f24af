"""The smoke test against a scripted gateway."""

import json

import pytest
from pydantic import SecretStr
from rents import RentsUseCase

from platform_core.contracts.environments import Environment
from platform_core.errors import Refused, UpstreamUnavailable
from releases.changes import GatewaySmokeTest
from use_cases import use_case

IRIS = use_case("iris")
RELEASE = "ab" * 16
GOOD = {
    "prediction": "setosa",
    "probability": 0.9,
    "probabilities": {"setosa": 0.9, "versicolor": 0.1, "virginica": 0.0},
    "release_id": RELEASE,
}


class Gateway:
    """Answers from a list; the last answer repeats."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    def __call__(self, method, path, headers, body):
        self.requests.append((method, path, dict(headers), json.loads(body)))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return (200, {}, answer) if isinstance(answer, dict) else answer


def check(serve, gateway, patience=5.0):
    with serve(gateway) as url:
        smoke = GatewaySmokeTest(url, SecretStr("key"), patience)
        smoke.check(IRIS, Environment.PRODUCTION, RELEASE)


def test_every_example_is_sent_as_a_smoke_request(serve):
    gateway = Gateway(GOOD)
    check(serve, gateway)
    assert [body for *_, body in gateway.requests] == list(IRIS.examples.values())
    method, path, headers, _ = gateway.requests[0]
    assert (method, path) == ("POST", "/models/iris/predict")
    assert headers["X-Environment"] == "production"
    assert headers["X-Purpose"] == "smoke"
    assert headers["X-API-Key"] == "key"


WRONG = {
    "another release answered": (GOOD | {"release_id": "cd" * 16}, "expected abab"),
    "not a class": (GOOD | {"prediction": "rose"}, "'rose' is not a class"),
    "no probability": (GOOD | {"probability": None}, "not probabilities"),
    "above one": (GOOD | {"probabilities": {"setosa": 1.5}}, "not probabilities"),
    "not allowed": ((401, {}, {"title": "no key"}), "status 401"),
    "a list": ((200, {}, [1]), "not a JSON object"),
}


@pytest.mark.parametrize(("answer", "reason"), WRONG.values(), ids=WRONG)
def test_a_wrong_response_is_refused_with_the_reason(answer, reason, serve):
    with pytest.raises(Refused, match=reason):
        check(serve, Gateway(answer))


def test_503_with_retry_after_is_retried(serve):
    gateway = Gateway((503, {"Retry-After": "0"}, {}), (503, {"Retry-After": "0"}, {}), GOOD)
    check(serve, gateway)
    assert len(gateway.requests) == 2 + len(IRIS.examples)


UNAVAILABLE = {
    "broken": (500, {}, {"title": "oops"}),
    "not ready, without Retry-After": (503, {}, {"title": "no release"}),
    "not ready for longer than the retries last": (
        503,
        {"Retry-After": "3600"},
        {"title": "no release"},
    ),
}


@pytest.mark.parametrize("answer", UNAVAILABLE.values(), ids=UNAVAILABLE)
def test_other_server_errors_are_not_retried(answer, serve):
    gateway = Gateway(answer)
    with pytest.raises(UpstreamUnavailable, match=f"answers {answer[0]} at .*{answer[2]['title']}"):
        check(serve, gateway)
    assert len(gateway.requests) == 1


def test_a_stopped_gateway_is_unavailable(serve):
    with serve(Gateway(GOOD)) as url:
        pass
    with pytest.raises(UpstreamUnavailable, match="does not answer"):
        GatewaySmokeTest(url, SecretStr("key")).check(IRIS, Environment.STAGING, RELEASE)


@pytest.mark.parametrize(
    ("prediction", "interval", "problem"),
    [
        (812.5, [700.0, 950.0], None),
        ("812.5", [700.0, 950.0], "is not a number with its interval"),
        (812.5, None, "is not a number with its interval"),
        (812.5, [700.0], "is not a number with its interval"),
        (812.5, [820.0, 950.0], "does not contain the prediction"),
    ],
)
def test_a_number_must_lie_in_its_interval(serve, prediction, interval, problem):
    answer = {"prediction": prediction, "interval": interval, "release_id": RELEASE}
    with serve(Gateway(answer)) as url:
        smoke = GatewaySmokeTest(url, SecretStr("key"))
        if problem is None:
            smoke.check(RentsUseCase(), Environment.PRODUCTION, RELEASE)
            return
        with pytest.raises(Refused, match=problem):
            smoke.check(RentsUseCase(), Environment.PRODUCTION, RELEASE)
