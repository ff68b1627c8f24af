"""`/metrics`: labels, batch jobs, drills and the process."""

import re

from platform_core.batch import JobStatus
from platform_core.contracts.drill_report import DrillReport, LinkResult, LinkStatus
from platform_core.ports.job_runner import RunnerState
from platform_core.storage import DRILL_REPORT, progress_path


async def page(running) -> str:
    return (await running.client.get("/metrics")).text


async def test_labels_are_counted_by_outcome(running) -> None:
    answer = (await running.predict()).json()
    await running.logged()
    label = {"prediction_id": answer["prediction_id"], "label": "ham"}
    wrong = {**label, "label": "no such class"}
    body = {"use_case": "spam", "labels": [label, label, wrong]}
    assert (await running.ask("POST", "/feedback", json=body)).status_code == 202
    text = await page(running)
    for outcome in ("accepted", "unchanged", "rejected"):
        assert f'gateway_labels_total{{outcome="{outcome}",use_case="spam"}} 1.0' in text
    assert 'gateway_labels_total{outcome="pending",use_case="spam"} 0.0' in text


async def test_batch_jobs_are_counted_when_they_end(running) -> None:
    running.store.write("batch/in.parquet", b"rows")
    body = {"input_path": "batch/in.parquet", "output_path": "batch/out", "use_case": "iris"}
    job_id = (await running.ask("POST", "/batch/submit", json=body)).json()["job_id"]
    running.runner.move(job_id, RunnerState.RUNNING)
    supervisor, metrics = running.gateway.jobs.supervisor, running.gateway.metrics

    metrics.observe_jobs(supervisor.check_jobs())
    place = 'environment="staging",status="{}",use_case="iris"'
    assert f"gateway_batch_open_jobs{{{place.format('running')}}} 1.0" in await page(running)
    failed = f"gateway_batch_ended_jobs_total{{{place.format('failed')}}}"
    assert f"{failed} 0.0" in await page(running)

    progress = running.gateway.jobs.progress(running.gateway.jobs.find(job_id))
    ended = progress.model_copy(update={"status": JobStatus.FAILED, "rows_done": 30})
    running.store.write(progress_path(job_id), ended.model_dump_json().encode())
    for _ in range(2):  # an ended job is seen once
        metrics.observe_jobs(supervisor.check_jobs())
    text = await page(running)
    assert f"{failed} 1.0" in text
    assert 'gateway_batch_rows_total{environment="staging",use_case="iris"} 30.0' in text
    assert "gateway_batch_open_jobs{" not in text


async def test_the_last_drill_is_shown_and_none_before_it(running) -> None:
    assert "gateway_drill_link_status{" not in await page(running)
    links = (
        LinkResult(link="alarm", status=LinkStatus.WORKED, seconds=2, detail=""),
        LinkResult(link="request", status=LinkStatus.SILENT, seconds=600, detail=""),
        LinkResult(link="run", status=LinkStatus.NOT_REACHED, seconds=None, detail=""),
    )
    report = DrillReport(ended=running.clock.now(), links=links)
    running.store.write(DRILL_REPORT, report.model_dump_json().encode())
    await running.gateway.catalog.refresh()
    text = await page(running)
    assert 'gateway_drill_link_status{link="request",status="silent"} 1.0' in text
    assert 'gateway_drill_link_status{link="alarm",status="silent"} 0.0' in text
    assert 'gateway_drill_link_seconds{link="alarm"} 2.0' in text
    assert 'gateway_drill_link_seconds{link="run"}' not in text
    (end,) = re.findall(r"^gateway_drill_end_seconds (\S+)$", text, re.MULTILINE)
    assert float(end) == report.ended.timestamp()


async def test_the_process_is_measured(running) -> None:
    text = await page(running)
    assert "process_cpu_seconds_total " in text
    assert "process_resident_memory_bytes " in text
