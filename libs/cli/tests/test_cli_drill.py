"""The links of a drill: followed in order, timed, and named when they stay silent."""

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from cli.drill.links import Link, follow
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.clock import ManualClock, SystemClock
from platform_core.contracts.drill_report import DrillReport, LinkStatus
from platform_core.contracts.ledger import Action, Change, ChangeStatus
from platform_core.contracts.serving_state import ServingState
from platform_core.errors import Refused, Unavailable
from platform_core.ledger import Ledger
from platform_core.storage import DRILL_REPORT

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


def test_an_unexpected_error_fails_a_link_too(results):
    found = results(Link("run", lambda: {}["request"]), Link("staging", after(1)))

    assert [one.status for one in found] == [FAILED, NOT_REACHED]
    assert found[0].detail == "KeyError: 'request'"


def test_a_set_up_that_fails_is_stored_with_its_reason(tmp_path):
    """The settings of training are wrong, those of the drill are not."""
    done = subprocess.run(
        [sys.executable, "-m", "cli", "drill", "--until", "request", "--json"],
        env={
            **os.environ,
            "BLOB_STORE_URL": tmp_path.as_uri(),
            "GATEWAY_URL": "http://127.0.0.1:1",
            "GATEWAY_API_KEY": "key",
            "SMOKE_ROWS": "0",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("the link 'set-up' failed: `mlplatform run-pipeline ")
    kept = DrillReport.model_validate_json((tmp_path / DRILL_REPORT).read_bytes())
    assert [(one.link, one.status) for one in kept.links] == [
        ("set-up", FAILED),
        ("alarm", NOT_REACHED),
        ("request", NOT_REACHED),
    ]
    assert "SMOKE_ROWS" in kept.links[0].detail
    assert json.loads(done.stdout) == [one.model_dump(mode="json") for one in kept.links]


def test_a_drill_that_is_stopped_stores_the_link_it_waited_for(tmp_path):
    """A job on a cluster gets SIGTERM at its deadline. Here the gateway never answers."""
    state = ServingState(stable="a" * 32)
    change = Change(
        change_id="c", use_case="drill", environment="production", action=Action.PROMOTE,
        actor="admin", reason="", from_state=ServingState(), to_state=state,
        status=ChangeStatus.APPLIED,
    )  # fmt: skip
    Ledger(LocalBlobStore(tmp_path), SystemClock()).append(change)
    with socket.create_server(("127.0.0.1", 0)) as gateway:
        gateway.settimeout(120)
        drill = subprocess.Popen(
            [sys.executable, "-m", "cli", "drill", "--no-setup", "--until", "request"],
            env={
                **os.environ,
                "BLOB_STORE_URL": tmp_path.as_uri(),
                "GATEWAY_URL": f"http://127.0.0.1:{gateway.getsockname()[1]}",
                "GATEWAY_API_KEY": "key",
            },
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with gateway.accept()[0]:
            drill.terminate()
            _, errors = drill.communicate(timeout=120)

    text = "the drill was stopped before anything happened"
    assert (drill.returncode, errors) == (1, f"the link 'alarm' failed: {text}\n")
    kept = DrillReport.model_validate_json((tmp_path / DRILL_REPORT).read_bytes())
    assert [(one.link, one.status, one.detail) for one in kept.links] == [
        ("alarm", FAILED, text),
        ("request", NOT_REACHED, ""),
    ]


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
