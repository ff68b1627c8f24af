"""The links of a drill: followed in order, timed, and named when they stay silent."""

from datetime import UTC, datetime, timedelta

import pytest

from cli.drill.links import Link, follow
from platform_core.clock import ManualClock
from platform_core.contracts.drill_report import LinkStatus
from platform_core.errors import Refused, Unavailable

WORKED, SILENT, FAILED, NOT_REACHED = LinkStatus


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 1, 5, tzinfo=UTC))


@pytest.fixture
def results(clock):
    """Return a function that follows links, each for at most ten seconds."""

    def run(*links):
        def pause(seconds):
            clock.advance(timedelta(seconds=seconds))

        return list(follow(links, clock, timedelta(seconds=10), pause))

    return run


def after(checks, found="it happened"):
    """Return a check that finds something at the given number of checks."""
    answers = iter([None] * (checks - 1) + [found])
    return lambda: next(answers)


def test_each_link_has_its_own_time(results):
    found = results(Link("alarm", after(3)), Link("request", after(1, "request r")))

    assert [(one.link, one.status, one.seconds) for one in found] == [
        ("alarm", WORKED, 1.0),
        ("request", WORKED, 0.0),
    ]
    assert found[1].detail == "request r"


def test_a_link_that_does_not_react_is_named_and_ends_the_drill(results):
    asked = []
    found = results(
        Link("alarm", after(1)),
        Link("request", lambda: None),
        Link("run", lambda: asked.append("run")),
    )

    assert [one.status for one in found] == [WORKED, SILENT, NOT_REACHED]
    assert found[1].seconds == 10
    assert found[1].detail == "nothing happened within 10 s"
    assert asked == []


def test_an_error_fails_a_link_with_its_reason(results):
    def fails():
        raise Refused("the run failed: the gates refused it")

    (found,) = results(Link("run", fails))

    assert (found.status, found.detail) == (FAILED, "the run failed: the gates refused it")


def test_a_server_that_is_away_may_come_back_within_the_time_out(results):
    answers = iter([Unavailable("no gateway"), Unavailable("no gateway"), "it happened"])

    def check():
        answer = next(answers)
        if isinstance(answer, Unavailable):
            raise answer
        return answer

    def away():
        raise Unavailable("no gateway")

    assert results(Link("alarm", check))[0].status is WORKED
    silent = results(Link("alarm", away))[0]
    assert (silent.status, silent.detail) == (SILENT, "nothing happened within 10 s; no gateway")
