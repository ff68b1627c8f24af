"""The latest quality reports: the response and the gauges."""

from datetime import timedelta

import pytest

from api_gateway.operations.quality import QualityInfo
from platform_core.contracts.environments import Environment
from platform_core.contracts.quality_report import (
    CalibrationCell,
    MetricQuality,
    QualityEstimate,
    QualityMethod,
    QualityReport,
    QualityVerdict,
)
from platform_core.contracts.serving_state import ServingRole
from platform_core.storage import quality_report_path


def report(clock, **changes) -> QualityReport:
    now = clock.now()
    f1 = MetricQuality(
        metric="f1",
        method=QualityMethod.PREDICTION_POWERED,
        estimate=0.7,
        low=0.6,
        high=0.8,
        rows=900,
        labelled=100,
    )
    unknown = MetricQuality(
        metric="recall", method=QualityMethod.NOT_ENOUGH, rows=900, labelled=100, needed=40
    )
    cell = CalibrationCell(output="spam", bin=0, rows=100, predicted=50, observed=40, squares=40)
    fields = {
        "report_id": "r1",
        "revision": 2,
        "use_case": "spam",
        "environment": Environment.STAGING,
        "release_id": "a" * 32,
        "role": ServingRole.STABLE,
        "start": now - timedelta(hours=1),
        "end": now,
        "created_at": now,
        "mature": False,
        "rows": 900,
        "labelled": 100,
        "calibrated_on": 0,
        "verdict": QualityVerdict.BELOW_GATE,
        "gates": (QualityEstimate("f1", 0.7, 0.6, 0.8, 0.85),),
        "metrics": (f1, unknown),
        "calibration": (cell,),
    }
    return QualityReport(**{**fields, **changes})


async def store(running, *reports: QualityReport) -> None:
    for one in reports:
        path = quality_report_path(one.use_case, one.environment, one.end, one.report_id)
        running.store.write(path, one.model_dump_json().encode())
    await running.gateway.catalog.refresh()


async def test_before_the_first_report_the_status_is_no_report(running) -> None:
    quality = (await running.ask("GET", "/metrics/quality", "viewer")).json()
    assert quality["spam"] == {
        "staging": {"status": "no-report"},
        "production": {"status": "no-report"},
    }


async def test_the_latest_report_is_returned_by_metric(running) -> None:
    await store(running, report(running.clock))
    quality = (await running.ask("GET", "/metrics/quality", "viewer")).json()
    latest = quality["spam"]["staging"]
    QualityInfo.model_validate(latest)
    assert latest["status"] == latest["verdict"] == "below-gate"
    assert latest["metrics"]["f1"]["method"] == "prediction-powered"
    assert latest["metrics"]["f1"]["low"] == 0.6
    assert latest["metrics"]["recall"]["estimate"] is None
    assert latest["metrics"]["recall"]["needed"] == 40
    assert latest["gates"][0]["limit"] == 0.85
    assert latest["revision"] == 2
    assert "calibration" not in latest
    assert "candidates" not in latest
    assert quality["spam"]["production"] == {"status": "no-report"}


async def test_a_canary_is_shown_next_to_the_stable_release(running) -> None:
    canary = {"report_id": "r2", "role": ServingRole.CANARY, "verdict": QualityVerdict.OK}
    await store(running, report(running.clock), report(running.clock, **canary))
    quality = (await running.ask("GET", "/metrics/quality", "viewer")).json()
    latest = quality["spam"]["staging"]
    assert latest["status"] == "below-gate"
    assert latest["candidates"]["canary"]["status"] == "ok"


@pytest.mark.parametrize("rows", [10, 2_000])
async def test_of_two_releases_in_a_window_the_one_with_most_rows_counts(running, rows) -> None:
    other = {"report_id": "r2", "release_id": "b" * 32, "rows": rows}
    await store(running, report(running.clock), report(running.clock, **other))
    quality = (await running.ask("GET", "/metrics/quality", "viewer")).json()
    assert quality["spam"]["staging"]["rows"] == max(rows, 900)


async def test_the_gauges_show_only_what_is_known(running) -> None:
    await store(running, report(running.clock))
    text = (await running.client.get("/metrics")).text
    place = 'environment="staging"'
    last = 'role="stable",use_case="spam"'
    found = f'{place},method="prediction-powered",metric="f1",{last}'
    assert f"gateway_quality_estimate{{{found}}} 0.7" in text
    assert f'gateway_quality_high{{{place},metric="f1",{last}}} 0.8' in text
    assert 'metric="recall"' not in text
    assert f'gateway_quality_verdict{{{place},{last},verdict="below-gate"}} 1.0' in text
    assert f'gateway_quality_verdict{{{place},{last},verdict="ok"}} 0.0' in text
    assert f"gateway_quality_labelled{{{place},{last}}} 100.0" in text
