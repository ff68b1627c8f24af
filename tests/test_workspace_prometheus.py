"""Prometheus scrapes the programs and evaluates every query of dashboards and alerts."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from alert_rules import write_rules
from dotenv import dotenv_values
from embedded_platform import CONFIG as EMBEDDED
from embedded_platform import eventually
from monitoring_files import Query, alert_query, alert_rules, dashboard_queries, dashboards
from promql import metric_uses
from watched_platform import WatchedPlatform, targets, watched_platform

from platform_core import storage
from platform_core.batch import BatchJob
from platform_core.changes import Changes, new_change_id
from platform_core.clock import SystemClock
from platform_core.contracts.drift_report import ColumnDrift, DriftReport, RetrainRequest
from platform_core.contracts.drill_report import DrillReport, LinkResult
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, ChangeRequest
from platform_core.contracts.quality_report import MetricQuality, QualityMethod, QualityReport
from platform_core.contracts.serving_state import ServingRole
from platform_core.ports.blob_store import BlobStore
from scoring.testing import make_release, store_test_rows

PRODUCTION = Environment.PRODUCTION
FLOWERS = [{"features": [5.1, 3.5, 1.4, number / 100]} for number in range(40)]
OF_THE_PROGRAMS = ("gateway_", "release_controller_", "request_", "training_", "process_", "up")
WITHOUT_DATA = {
    # No text is sent, and no use case here reads entity features.
    "traffic: Length of texts",
    "traffic: Truncated fields",
    "traffic: Share of predictions without entity features",
    # Nothing fails, and no batch job ends.
    "traffic: Share of 5xx and of refused requests",
    "releases: Failures of canary and shadow",
    "batch: Rows scored",
    # Changes are marked for two minutes.
    "releases: Release changes",
    "traffic: Release changes",
    "latency: Release changes",
    "drift: Release changes",
    "quality: Release changes",
    "loop: Release changes",
}
"""Panels of our own metrics that have no samples here."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def queries() -> list[Query]:
    found = [query for path in dashboards() for query in dashboard_queries(path)]
    return [*found, *map(alert_query, alert_rules())]


def write_reports(store: BlobStore, release: str, now: datetime) -> None:
    """Write what the drift detector and a drill write, and a retraining request that fails."""
    common = {
        "report_id": "r1", "use_case": "iris", "environment": PRODUCTION, "release_id": release,
        "start": now - timedelta(hours=1), "end": now, "created_at": now, "rows": 900,
    }  # fmt: skip
    column = ColumnDrift(
        column="petal_width", kind="numeric", verdict="drift", rows=900, psi=0.4, psi_limit=0.2
    )
    drift = DriftReport(
        **common, verdict="drift", drifted=True, harmful=True, score=0.4, columns=(column,),
        class_shares={"setosa": 1.0}, alarms=("petal_width",),
    )  # fmt: skip
    path = storage.drift_report_path("iris", PRODUCTION, now, "r1", "json")
    store.write(path, drift.model_dump_json().encode())
    metric = MetricQuality(
        metric="f1", method=QualityMethod.PREDICTION_POWERED, estimate=0.7, low=0.6, high=0.8,
        rows=900, labelled=100,
    )  # fmt: skip
    quality = QualityReport(
        **common, revision=1, role=ServingRole.STABLE, mature=False, labelled=100, calibrated_on=0,
        verdict="below-gate", gates=(), metrics=(metric,),
    )  # fmt: skip
    path = storage.quality_report_path("iris", PRODUCTION, now, "r1")
    store.write(path, quality.model_dump_json().encode())
    links = (LinkResult(link="alarm", status="silent", seconds=600, detail=""),)
    drill = DrillReport(ended=now, links=links)
    store.write(storage.DRILL_REPORT, drill.model_dump_json().encode())
    request = RetrainRequest(
        request_id="a" * 32, use_case="iris", environment=PRODUCTION, release_id="f" * 32,
        reason="petal_width drifted", report_id="r1", created_at=now,
    )  # fmt: skip
    path = storage.retrain_request_path(request.request_id)
    store.write(path, request.model_dump_json().encode())


def write_work(store: BlobStore, release: str, now: datetime) -> None:
    """Write a change that waits for approval, and a batch job that no cluster runs."""
    suggestion = ChangeRequest(
        change_id=new_change_id(now), created_at=now, use_case="iris", environment=PRODUCTION,
        action=Action.ROLLBACK, actor="policy", reason="test", approvals=1,
    )  # fmt: skip
    Changes(store, SystemClock()).submit(suggestion)
    job = BatchJob(
        job_id="b" * 32, use_case="iris", environment=PRODUCTION, input_path="batch/in.parquet",
        output_path="batch/out.parquet", release_id=release, submitted_at=now,
    )  # fmt: skip
    store.write(storage.job_path(job.job_id), job.model_dump_json().encode())
    store.create(storage.open_path(job.job_id), b"")


def send(platform: WatchedPlatform) -> None:
    """Send records, and labels of half of them."""
    platform.call("POST", "/models/iris/predict", FLOWERS[0])
    body = {"records": FLOWERS}
    answer = platform.call("POST", "/models/iris/predict/batch-sync", body)
    ids = [one["prediction_id"] for one in answer["predictions"]]
    labels = [{"prediction_id": one, "label": "setosa"} for one in ids[::2]]
    platform.call("POST", "/feedback", {"use_case": "iris", "labels": labels})


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedPlatform]:
    """A platform on which all has happened that has a metric."""
    home = tmp_path_factory.mktemp("watched")
    write_rules(home / ".platform" / "alert-rules")
    with watched_platform(home) as platform:
        store = platform.store
        store_test_rows(store, "iris")
        stable, canary, shadow = (make_release(store, "iris", seed).id for seed in range(3))
        eventually(lambda: platform.query("sum(up) > 3"), 240)
        platform.change("promote", release_id=stable)
        now = SystemClock().now()
        write_work(store, stable, now)
        write_reports(store, stable, now)
        platform.change("canary", release_id=canary, percent=50)
        platform.change("shadow", release_id=shadow, percent=100)

        def watched() -> bool:
            send(platform)
            seen = "count_over_time(gateway_shadow_answers_total[5m]) > 3"
            failed = 'increase(training_retraining_requests_total{status="failed"}[1h]) > 0'
            return bool(platform.query(seen) and platform.query(failed))

        eventually(watched, 240)
        yield platform


@pytest.mark.parametrize("query", queries(), ids=lambda query: query.where)
def test_a_query_is_evaluated(platform: WatchedPlatform, query: Query):
    result = platform.query(query.expression)
    for labels in (set(sample["metric"]) for sample in result):
        assert query.shown <= labels


def own(query: Query) -> bool:
    metrics = [use.metric for use in metric_uses(query.expression)]
    return all(name.startswith(OF_THE_PROGRAMS) for name in metrics)


def test_panels_about_the_programs_show_data(platform: WatchedPlatform):
    asked = [query for path in dashboards() for query in dashboard_queries(path) if own(query)]
    filled = {query.where for query in asked if platform.query(query.expression)}
    assert {query.where for query in asked} - filled - WITHOUT_DATA == set()
    assert len(filled) > 40


def test_the_alerts_that_the_scenario_causes_are_firing(platform: WatchedPlatform):
    expected = {"PredictionsHarmful": 0, "DriftDetected": 1, "QualityBelowGate": 1}
    expected |= {"DrillLinkBroken": 1}
    names = {
        sample["metric"]["alertname"] for sample in platform.query('ALERTS{alertstate="firing"}')
    }
    assert names >= {name for name, fires in expected.items() if fires}
    assert not names & {name for name, fires in expected.items() if not fires}


def test_the_configuration_scrapes_the_ports_of_the_embedded_stack():
    settings = dotenv_values(EMBEDDED)
    asked = ("GATEWAY_PORT", "CONTROLLER_PORT", "SCHEDULER_PORT")
    urls = [
        f"{kind}_URL_{env}"
        for kind in ("INFERENCE", "CANDIDATE")
        for env in ("STAGING", "PRODUCTION")
    ]
    ports = {str(settings[name]) for name in asked}
    ports |= {str(settings[name]).rpartition(":")[2] for name in urls}
    scraped = {target for found in targets().values() for target in found}
    assert {target.rpartition(":")[2] for target in scraped} == ports
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+", target) for target in scraped)
