"""What each link of a drill takes as the sign that it worked, in a store and behind a gateway."""

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cli.drill.loop import DrillLoop
from cli.drill.traffic import DrillTraffic
from platform_core.adapters.blob_store.memory import MemoryBlobStore
from platform_core.changes import Changes
from platform_core.clock import ManualClock
from platform_core.contracts.comparison import Comparison
from platform_core.contracts.drift_report import DriftReport
from platform_core.contracts.drill_report import DrillReport, LinkResult
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, Change, ChangeStatus
from platform_core.contracts.prediction_ids import milliseconds, new_prediction_id
from platform_core.contracts.serving_state import Canary, ServingRole, ServingState, Shadow
from platform_core.errors import NotFound, Refused, Unavailable
from platform_core.ledger import Ledger
from platform_core.storage import (
    DRILL_REPORT,
    comparison_path,
    drift_report_path,
    retrain_request_path,
)
from use_cases import use_case

OLD, NEW = "a" * 32, "b" * 32
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
PRODUCTION, STAGING = Environment.PRODUCTION, Environment.STAGING
SHADOW, CANARY = ServingRole.SHADOW, ServingRole.CANARY


def answer() -> dict[str, object]:
    return {
        "prediction_id": new_prediction_id(milliseconds(NOON)),
        "prediction": "setosa",
        "probability": 1.0,
        "probabilities": {"setosa": 1.0},
        "model_version": "1",
        "release_id": OLD,
        "role": "stable",
        "environment": "production",
        "degraded": False,
        "latency_ms": 1.0,
        "timestamp": NOON.isoformat(),
    }


class Gateway(BaseHTTPRequestHandler):
    """Answers records and takes labels; `calls` has the headers and body of each call."""

    calls: list[tuple[dict[str, str], dict]]

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.calls.append((dict(self.headers), body))
        if self.path == "/feedback":
            counts = dict.fromkeys(("pending", "unchanged", "replaced"), 0)
            content = {"accepted": len(body["labels"]), **counts, "rejected": []}
        elif "records" not in body:
            content = answer()
        else:
            answers = [answer() for _ in body["records"]]
            content = {"predictions": answers, "count": len(answers), "errors": 0}
        data = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def gateway():
    handler = type("Recording", (Gateway,), {"calls": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", handler.calls
        server.shutdown()
        thread.join()


class World:
    """The store as the programs of the platform would change it."""

    def __init__(self) -> None:
        self.store = MemoryBlobStore()
        self.clock = ManualClock(NOON)
        self.ledger = Ledger(self.store, self.clock)

    def serve(self, environment, state, change_id="c", action=Action.PROMOTE):
        present = self.ledger.state("drill", environment)
        change = Change(
            change_id=change_id, use_case="drill", environment=environment, action=action,
            actor="policy", reason="", from_state=present, to_state=state,
            status=ChangeStatus.APPLIED,
        )  # fmt: skip
        self.ledger.append(change)

    def report(self, request):
        now = self.clock.now()
        report = DriftReport(
            report_id="r", use_case="drill", environment=PRODUCTION, release_id=OLD,
            start=now - timedelta(hours=1), end=now, created_at=now, rows=120, verdict="drift",
            score=6.0, columns=(), class_shares={}, alarms=("drift:petal_width",),
            retrain_request=request,
        )  # fmt: skip
        path = drift_report_path("drill", PRODUCTION, now, "r", "json")
        self.store.write(path, report.model_dump_json().encode())

    def compare(self, change_id, role, verdict):
        now = self.clock.now()
        comparison = Comparison(
            use_case="drill", environment=PRODUCTION, change_id=change_id, role=role,
            stable_release=OLD, candidate_release=NEW, started=now, updated=now,
            stable_answers=400, candidate_answers=200, paired=0, criteria=(), verdict=verdict,
        )  # fmt: skip
        path = comparison_path("drill", PRODUCTION, change_id)
        self.store.write(path, comparison.model_dump_json().encode())


@pytest.fixture
def world():
    return World()


@pytest.fixture
def loop(world, gateway):
    url, _ = gateway
    traffic = DrillTraffic(use_case("drill"), url, "key", seed=1)
    yield DrillLoop("drill", world.store, world.clock, traffic, 120, lambda: None)
    traffic.close()


def test_the_traffic_is_marked_drifted_and_labelled(world, loop, gateway):
    world.serve(PRODUCTION, ServingState(stable=OLD))
    assert loop.alarm() is None
    assert loop.alarm() is None  # the records are sent once

    _, calls = gateway
    sent = [body for _, body in calls if "records" in body]
    labels = [label for _, body in calls for label in body.get("labels", ())]
    assert [len(body["records"]) for body in sent] == [100, 20]
    asked = [headers for headers, body in calls if "records" in body]
    assert {headers["X-Purpose"] for headers in asked} == {"drill"}
    assert {headers["X-Environment"] for headers in asked} == {"production"}
    assert min(record["features"][2] for body in sent for record in body["records"]) > 6.5
    assert len({label["prediction_id"] for label in labels}) == 120
    assert {label["label"] for label in labels} == set(use_case("drill").classes)


def test_the_links_up_to_staging(world, loop):
    world.serve(PRODUCTION, ServingState(stable=OLD))
    world.serve(STAGING, ServingState(stable=OLD))
    world.report("of-another-drill")
    world.clock.advance(timedelta(seconds=1))
    assert loop.alarm() is None  # the report is older than the traffic
    world.report(None)
    assert loop.alarm() is None  # no retraining was asked for
    world.report("q")
    assert loop.alarm() == "drift, drift:petal_width in 120 records"
    assert loop.request() is None
    world.store.write(retrain_request_path("q"), b"{}")
    assert loop.request() == "retraining request q"
    assert loop.run() is None
    world.store.write(retrain_request_path("q", ".done"), b"")
    assert loop.run() == "run retrain-q"
    assert loop.staging() is None
    world.serve(STAGING, ServingState(stable=NEW))
    assert loop.staging() == "release bbbbbbbbbbbb"


@pytest.mark.parametrize("suffix", [".failed", ".unchanged"])
def test_a_run_that_ended_without_a_release_is_an_error_with_its_reason(world, loop, suffix):
    world.serve(PRODUCTION, ServingState(stable=OLD))
    loop.alarm()
    world.report("q")
    loop.alarm()
    world.store.write(retrain_request_path("q", suffix), b"the gates refused it")

    with pytest.raises(Refused, match="the gates refused it"):
        loop.run()


def test_the_links_from_shadow_to_promotion(world, loop):
    state = ServingState(stable=OLD)
    world.serve(PRODUCTION, state)
    loop.old, loop.new = OLD, NEW
    for role, trial in ((SHADOW, Shadow), (CANARY, Canary)):
        assert loop.trial(role) is None
        percent = {"percent": 10} if role is CANARY else {}
        tried = {role.value: trial(release_id=NEW, change_id=f"id{role}", **percent)}
        world.serve(PRODUCTION, ServingState(stable=OLD, **tried), f"id{role}", Action(role.value))
        assert loop.trial(role) == f"change id{role}"
        assert loop.verdict(role) is None
        world.compare(f"id{role}", role.value, "undecided")
        assert loop.verdict(role) is None
        world.compare(f"id{role}", role.value, "better")
        assert loop.verdict(role) == "better after 200 answers"
    world.compare("idcanary", "canary", "worse")
    with pytest.raises(Refused, match="worse than the old one"):
        loop.verdict(CANARY)
    assert loop.promotion() is None
    world.serve(PRODUCTION, ServingState(stable=NEW))
    assert loop.promotion() == "release bbbbbbbbbbbb"


def test_the_old_release_is_tried_as_a_bad_canary_until_it_is_withdrawn(world, loop):
    world.serve(PRODUCTION, ServingState(stable=NEW))
    loop.old, loop.new = OLD, NEW
    assert loop.rollback() is None
    assert loop.rollback() is None
    changes = Changes(world.store, world.clock)
    (recorded,) = changes.open()
    request = recorded.request
    assert (request.action, request.release_id, request.actor) == (Action.CANARY, OLD, "drill")
    canary = Canary(release_id=OLD, percent=request.percent, change_id=request.change_id)
    tried = ServingState(stable=NEW, canary=canary)
    world.serve(PRODUCTION, tried, request.change_id, Action.CANARY)
    changes.finish(world.ledger.entries("drill", PRODUCTION)[-1].change)
    assert loop.rollback() is None  # it answers
    world.compare(request.change_id, "canary", "worse")
    world.serve(PRODUCTION, ServingState(stable=NEW), "abort", Action.ABORT)
    assert loop.rollback() == "withdrawn after 200 answers"


def test_without_a_release_there_is_nothing_to_drill(loop):
    with pytest.raises(NotFound, match="production serves no release of drill"):
        loop.alarm()


def test_a_gateway_that_is_away_is_unavailable():
    traffic = DrillTraffic(use_case("drill"), "http://127.0.0.1:1", "key", seed=1)
    with pytest.raises(Unavailable, match="no gateway at"):
        traffic.send(10)
    traffic.close()


def test_the_results_are_kept_for_the_metrics(world, loop):
    results = [
        LinkResult(link="alarm", status="worked", seconds=1.5, detail="drift"),
        LinkResult(link="request", status="silent", seconds=600, detail="nothing happened"),
    ]
    loop.keep(results)
    kept = DrillReport.model_validate_json(world.store.read(DRILL_REPORT))
    assert (kept.ended, list(kept.links)) == (world.clock.now(), results)
