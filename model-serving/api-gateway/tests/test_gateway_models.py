"""What is served, whether it drifts, whether it is ready, and the metrics."""

import asyncio
from datetime import datetime, timedelta

import pytest

from api_gateway.operations.documents import DriftInfo, HealthReport, ModelInfo
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.contracts.drift_report import ColumnDrift, DriftReport, DriftVerdict
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import ControllerState
from platform_core.contracts.serving_state import Canary, ServingState, model_name
from platform_core.errors import UpstreamUnavailable
from platform_core.storage import CONTROLLER, drift_report_folder

STAGING, PRODUCTION = Environment.STAGING, Environment.PRODUCTION


def report(clock, **changes) -> DriftReport:
    now = clock.now()
    columns = (
        ColumnDrift(
            column="log_links", kind="numeric", verdict=DriftVerdict.DRIFT, rows=900, psi=0.4,
            psi_limit=0.2, ks=0.3, ks_p_value=0.001,
        ),
        ColumnDrift(
            column="log_lines", kind="numeric", verdict=DriftVerdict.INSUFFICIENT_DATA, rows=3,
        ),
    )  # fmt: skip
    fields = {
        "report_id": "r1",
        "use_case": "spam",
        "environment": STAGING,
        "release_id": "a" * 32,
        "start": now - timedelta(hours=1),
        "end": now,
        "created_at": now,
        "rows": 900,
        "verdict": DriftVerdict.DRIFT,
        "score": 0.4,
        "columns": columns,
        "class_shares": {"ham": 0.5, "spam": 0.5},
        "alarms": ("log_links",),
    }
    return DriftReport(**{**fields, **changes})


def store_report(store, drift: DriftReport) -> None:
    folder = drift_report_folder(drift.use_case, drift.environment, drift.end)
    store.write(f"{folder}/{drift.report_id}.json", drift.model_dump_json().encode())


async def test_model_info_is_null_where_nothing_is_served(nothing_served) -> None:
    running = nothing_served
    nothing = {"staging": None, "production": None}
    response = await running.ask("GET", "/model/info", "viewer")
    assert response.json()["spam"] == nothing
    assert response.json()["iris"] == nothing


async def test_model_info_has_the_release_and_its_lineage(
    nothing_served, releases, activate
) -> None:
    running = nothing_served
    activate(running.store, releases["spam"], STAGING)
    await running.gateway.catalog.refresh()
    info = (await running.ask("GET", "/model/info", "viewer")).json()
    assert info["spam"]["production"] is None
    staging = info["spam"]["staging"]
    ModelInfo.model_validate(staging)
    assert staging["release_id"] == releases["spam"].id
    assert staging["version"] == "7"
    assert staging["metrics"] == {"f1": 0.97}
    assert staging["lineage"]["dataset_version"] == "d" * 16
    names = [tensor["name"] for tensor in staging["signature"]["inputs"]]
    assert names == ["email_id", "subject", "body", "sender"]


@pytest.mark.parametrize("path", ["/model/info", "/metrics/drift", "/metrics/quality"])
async def test_one_use_case_can_be_asked_for(running, path) -> None:
    chosen = await running.ask("GET", f"{path}?use_case=iris", "viewer")
    assert list(chosen.json()) == ["iris"]
    unknown = await running.ask("GET", f"{path}?use_case=eggs", "viewer")
    assert unknown.status_code == 404
    assert unknown.json()["code"] == "use-case-not-found"


async def test_model_info_does_not_need_the_services(running, v2, releases, activate) -> None:
    activate(running.store, releases["spam"], STAGING)
    await running.gateway.catalog.refresh()
    await v2.stop()
    info = (await running.ask("GET", "/model/info", "viewer")).json()
    assert info["spam"]["staging"]["release_id"] == releases["spam"].id
    assert info["spam"]["staging"]["version"] is None


async def test_before_the_first_report_the_status_is_no_report(running) -> None:
    drift = (await running.ask("GET", "/metrics/drift", "viewer")).json()
    assert drift["spam"] == {
        "staging": {"status": "no-report"},
        "production": {"status": "no-report"},
    }


async def test_the_latest_report_is_returned_per_feature(running) -> None:
    store_report(running.store, report(running.clock))
    await running.gateway.catalog.refresh()
    drift = (await running.ask("GET", "/metrics/drift", "viewer")).json()
    latest = drift["spam"]["staging"]
    DriftInfo.model_validate(latest)
    assert latest["status"] == latest["verdict"] == "drift"
    assert latest["score"] == 0.4
    assert latest["features"]["log_links"]["psi"] == 0.4
    assert latest["features"]["log_links"]["ks"] == 0.3
    assert latest["features"]["log_lines"]["psi"] is None
    assert drift["spam"]["production"] == {"status": "no-report"}


async def test_a_newer_report_replaces_the_old_one(running) -> None:
    store_report(running.store, report(running.clock))
    await running.gateway.catalog.refresh()
    later = running.clock.now() + timedelta(hours=1)
    quiet = {"verdict": DriftVerdict.INSUFFICIENT_DATA, "score": None, "report_id": "r2"}
    store_report(running.store, report(running.clock, end=later, created_at=later, **quiet))
    await running.gateway.catalog.refresh()
    drift = (await running.ask("GET", "/metrics/drift", "viewer")).json()
    assert drift["spam"]["staging"]["status"] == "insufficient-data"
    assert drift["spam"]["staging"]["score"] is None


async def test_the_gauges_show_the_latest_report_and_only_measured_values(nothing_served) -> None:
    running = nothing_served
    store_report(running.store, report(running.clock, score=None))
    await running.gateway.catalog.refresh()
    text = (await running.client.get("/metrics")).text
    place = 'environment="staging",use_case="spam"'
    assert f'gateway_drift_psi{{column="log_links",{place}}} 0.4' in text
    assert 'column="log_lines"' not in text
    assert "gateway_drift_score{" not in text
    assert f'gateway_drift_verdict{{{place},verdict="drift"}} 1.0' in text
    assert f'gateway_drift_verdict{{{place},verdict="ok"}} 0.0' in text
    of_reports = [line for line in text.splitlines() if line.startswith("gateway_drift")]
    assert not [line for line in of_reports if 'environment="production"' in line]


async def test_metrics_count_requests_and_answers(running, releases) -> None:
    for _ in range(2):
        await running.predict()
    await running.predict({"email_id": 1})
    response = await running.client.get("/metrics")
    assert response.status_code == 200
    assert response.history == []
    labels = 'environment="staging",method="POST",route="/predict",status="{}",use_case="spam"'
    assert f"gateway_requests_total{{{labels.format(200)}}} 2.0" in response.text
    assert f"gateway_requests_total{{{labels.format(422)}}} 1.0" in response.text
    answers = 'degraded="false",environment="staging",release_id="{}",role="stable",use_case="spam"'
    expected = f"gateway_answers_total{{{answers.format(releases['spam'].id)}}} 2.0"
    assert expected in response.text
    assert "gateway_log_backlog_segments 1.0" in response.text
    assert "gateway_request_seconds_bucket" in response.text


async def test_metrics_show_where_another_release_serves(
    nothing_served, v2, releases, activate
) -> None:
    running = nothing_served
    activate(running.store, releases["spam"], STAGING)
    activate(running.store, releases["iris"], STAGING)
    await running.gateway.catalog.refresh()
    v2.server.remove("iris")
    text = (await running.client.get("/metrics")).text
    sample = 'gateway_serves_ledger_release{{environment="{}",role="stable",use_case="{}"}} {}'
    assert sample.format("staging", "spam", "1.0") in text
    assert sample.format("staging", "iris", "0.0") in text
    assert 'gateway_serves_ledger_release{environment="production"' not in text


async def test_callers_cannot_invent_labels(running) -> None:
    await running.ask("GET", "/evil-path")
    await running.ask("EVIL", "/predict")
    await running.predict(path="/models/evil/predict")
    await running.predict(headers={"X-Environment": "evil", "X-Request-ID": "evil"})
    assert "evil" not in (await running.client.get("/metrics")).text.lower()


async def test_a_gateway_without_releases_is_ready(nothing_served) -> None:
    running = nothing_served
    await running.gateway.catalog.refresh()
    assert (await running.client.get("/health/ready")).status_code == 200


async def test_a_release_other_than_the_ledgers_is_reported_and_the_gateway_stays_ready(
    running, v2, releases
) -> None:
    v2.server.versions[model_name("spam", releases["spam"].id)] = "b" * 32
    await running.gateway.catalog.refresh()
    assert (await running.client.get("/health/ready")).status_code == 200
    health = (await running.client.get("/health")).json()
    assert health["status"] == "degraded"
    part = health["dependencies"]["inference-service/production/spam"]
    assert part["status"] == "unavailable"
    disagreement = f"serves release {'b' * 32}; the ledger names {releases['spam'].id}"
    assert disagreement in part["detail"]


async def test_a_changed_ledger_is_read_again_at_once(
    nothing_served, v2, releases, activate
) -> None:
    running = nothing_served
    activate(running.store, releases["spam"], STAGING)
    v2.server.versions[model_name("spam", releases["spam"].id)] = "b" * 32
    await running.gateway.catalog.refresh()
    activate(running.store, releases["spam"], PRODUCTION)
    async with asyncio.timeout(10):
        while running.gateway.catalog.active(("spam", PRODUCTION)) is None:
            await asyncio.sleep(0.01)
            await running.client.get("/health")


@pytest.mark.parametrize("broken", ["gone", "down"])
async def test_a_service_that_cannot_answer_leaves_the_gateway_ready(
    running, v2, releases, activate, broken
) -> None:
    activate(running.store, releases["iris"], STAGING)
    await running.gateway.catalog.refresh()
    if broken == "gone":
        v2.server.remove("iris")
    else:
        await v2.stop()
    assert (await running.client.get("/health/ready")).status_code == 200
    iris_record = {"features": [5.1, 3.5, 1.4, 0.2]}
    answer = await running.ask("POST", "/models/iris/predict", "operator", json=iris_record)
    assert answer.status_code == 503
    health = (await running.client.get("/health")).json()
    assert health["status"] == "degraded"
    part = health["dependencies"]["inference-service/staging/iris"]
    assert part["status"] == "unavailable"
    assert part["release_id"] == releases["iris"].id


class UnreachableStore(LocalBlobStore):
    """A store that cannot be listed."""

    def list(self, prefix):
        raise UpstreamUnavailable(f"the store is down: {prefix}")


async def test_before_the_ledger_is_read_the_gateway_is_not_ready(serve, tmp_path) -> None:
    running = await serve(store=UnreachableStore(tmp_path / "unreachable"), served=())
    await running.gateway.catalog.refresh()
    assert (await running.client.get("/health/ready")).status_code == 503
    health = (await running.client.get("/health")).json()
    assert health["dependencies"]["blob-store"]["status"] == "unavailable"
    answer = await running.predict()
    assert (answer.status_code, answer.json()["code"]) == (503, "upstream-unavailable")
    assert "has not been read" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("seconds", "status", "whole"), [(5, "ok", "ok"), (60, "unavailable", "degraded")]
)
async def test_a_controller_without_a_sign_of_life_is_unavailable(
    serve, seconds, status, whole
) -> None:
    running = await serve(served=())
    seen = ControllerState(time=running.clock.now() - timedelta(seconds=seconds))
    running.store.write(CONTROLLER, seen.model_dump_json().encode())
    health = (await running.client.get("/health")).json()
    part = health["dependencies"]["release-controller"]
    assert (part["status"], health["status"]) == (status, whole)
    if status != "ok":
        assert f"its last sign is from {seen.time:%Y-%m-%d %H:%M:%S} UTC" in part["detail"]


async def test_health_reports_every_dependency(nothing_served, v2, releases, activate) -> None:
    running = nothing_served
    activate(running.store, releases["spam"], STAGING)
    await running.gateway.catalog.refresh()
    v2.server.remove("iris")
    response = await running.client.get("/health")
    assert response.status_code == 200
    health = response.json()
    HealthReport.model_validate(health)
    assert health["status"] == "ok"
    parts = health["dependencies"]
    assert parts["blob-store"] == {"status": "ok"}
    assert parts["ray"] == {"status": "ok"}
    assert "release-controller" not in parts  # none has ever run
    assert parts["inference-log"]["backlog_segments"] == 0
    served = {"status": "ok", "release_id": releases["spam"].id}
    assert parts["inference-service/staging/spam"] == served
    assert parts["inference-service/staging/iris"]["status"] == "no-release"


async def test_probes_do_not_count_as_traffic(running, releases, activate) -> None:
    activate(running.store, releases["spam"], STAGING)
    await running.gateway.catalog.refresh()
    assert (await running.client.get("/health/ready")).status_code == 200
    assert await running.logged() == []
    assert "gateway_answers_total{" not in (await running.client.get("/metrics")).text


async def test_the_ledger_says_which_release_was_served_at_a_time(
    nothing_served, releases, activate
) -> None:
    running = nothing_served
    activate(running.store, releases["spam"], Environment.STAGING)
    noon = running.clock.now()
    live = (await running.ask("GET", "/releases/spam", "viewer")).json()["stable"]
    assert live["production"] is None
    assert live["staging"]["release_id"] == releases["spam"].id
    assert (live["staging"]["actor"], live["staging"]["action"]) == ("test", "deploy")
    for at, served in ((noon, live["staging"]), (noon - timedelta(seconds=1), None)):
        query = {"at": at.isoformat()}
        answer = (await running.ask("GET", "/releases/spam", "viewer", params=query)).json()
        assert answer == {"staging": served, "production": None}


async def test_a_canary_does_not_change_since_when_the_stable_release_serves(
    nothing_served, releases, activate, set_state
) -> None:
    running, stable = nothing_served, releases["spam"].id
    begin = running.clock.now()
    activate(running.store, releases["spam"], Environment.PRODUCTION)
    canary = Canary(release_id="b" * 32, percent=10, change_id="c")
    later = begin + timedelta(hours=1)
    for percent in (10, 20):
        state = ServingState(stable=stable, canary=canary.model_copy(update={"percent": percent}))
        set_state(running.store, "spam", Environment.PRODUCTION, state, later)
        later += timedelta(hours=1)
    await running.gateway.catalog.refresh()
    running.clock.advance(timedelta(hours=4))
    shown = (await running.ask("GET", "/releases/spam", "viewer")).json()
    roles = shown["states"]["production"]["roles"]
    assert datetime.fromisoformat(roles["stable"]["since"]) == begin
    assert datetime.fromisoformat(roles["canary"]["since"]) == begin + timedelta(hours=1)
    assert datetime.fromisoformat(shown["stable"]["production"]["since"]) == begin


async def test_the_caller_is_named_with_its_role(running) -> None:
    for role in ("viewer", "operator", "admin"):
        answer = (await running.ask("GET", "/caller", role)).json()
        assert answer == {"name": f"test-{role}", "role": role}


async def test_a_time_without_a_time_zone_is_422(running) -> None:
    answer = await running.ask("GET", "/releases/spam", params={"at": "2026-01-05T12:00:00"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-record")


class CountingStore(LocalBlobStore):
    """Remembers which objects were read."""

    def __init__(self, root) -> None:
        super().__init__(root)
        self.objects: list[str] = []

    def read(self, path: str) -> bytes:
        self.objects.append(path)
        return super().read(path)


async def test_a_refresh_reads_only_what_has_changed(serve, tmp_path) -> None:
    running = await serve(store=CountingStore(tmp_path / "counted"))
    store_report(running.store, report(running.clock))
    await running.gateway.catalog.refresh()
    running.store.objects.clear()
    await running.gateway.catalog.refresh()
    assert running.store.objects == []
    store_report(running.store, report(running.clock, score=0.7))
    await running.gateway.catalog.refresh()
    assert [path.partition("/")[0] for path in running.store.objects] == ["drift-reports"]
    (latest,) = running.gateway.catalog.reports
    assert latest.score == 0.7
