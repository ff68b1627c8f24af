"""Batch jobs: what may be asked for, how they are followed and how they end."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from api_gateway.batch.routes import JobState, SubmittedJob
from platform_core.batch import BatchJob, BatchProgress, JobStatus
from platform_core.contracts.environments import Environment
from platform_core.errors import UpstreamUnavailable
from platform_core.ports.job_runner import RunnerState
from platform_core.storage import cancel_path, job_path, progress_path

INPUT = "batch/in.parquet"
OUTPUT = "batch/out.parquet"
JOB = {"input_path": INPUT, "output_path": OUTPUT}


class DownRunner:
    """A cluster that cannot be reached."""

    def submit(self, job_id, command, environment):
        raise UpstreamUnavailable(f"no dashboard for {job_id}, {command}, {environment}")

    def state(self, job_id):
        raise UpstreamUnavailable(f"no dashboard for {job_id}")

    stop = state


@pytest.fixture
async def ready(nothing_served, releases, activate):
    """A gateway with something to score, and a release to score it with."""
    running = nothing_served
    running.store.write(INPUT, b"rows")
    activate(running.store, releases["spam"], Environment.STAGING)
    return running


async def submit(running, headers=None, **changes):
    body = {key: value for key, value in {**JOB, **changes}.items() if value is not None}
    return await running.ask("POST", "/batch/submit", json=body, headers=headers or {})


async def submitted(running) -> str:
    response = await submit(running)
    assert response.status_code == 202, response.text
    return response.json()["job_id"]


async def state(running, job_id) -> dict:
    response = await running.ask("GET", f"/batch/{job_id}", "viewer")
    assert response.status_code == 200, response.text
    JobState.model_validate(response.json())
    return response.json()


def write(running, job_id, **progress) -> None:
    document = BatchProgress(**progress).model_dump_json().encode()
    running.store.write(progress_path(job_id), document)


async def test_a_job_is_stored_and_started(ready, releases) -> None:
    response = await submit(ready)
    assert response.status_code == 202
    SubmittedJob.model_validate(response.json())
    job_id = response.json()["job_id"]
    job = BatchJob.model_validate_json(ready.store.read(job_path(job_id)))
    assert job.use_case == "spam"
    assert job.environment is Environment.STAGING
    assert job.release_id == releases["spam"].id
    assert job.submitted_at == ready.clock.now()
    assert ready.runner.jobs[job_id].command == f"python -m batch_inference {job_id} --attempt 1"
    answer = await state(ready, job_id)
    assert (answer["status"], answer["progress"]) == ("submitted", 0)
    assert (answer["input_path"], answer["output_path"]) == (INPUT, OUTPUT)


async def test_ids_sort_by_time(ready) -> None:
    ids = []
    for number in range(3):
        response = await submit(ready, output_path=f"batch/out-{number}")
        ids.append(response.json()["job_id"])
    assert [i[:12] for i in ids] == sorted(i[:12] for i in ids)
    assert len(set(ids)) == 3


async def test_a_use_case_and_environment_can_be_named(ready, releases, activate) -> None:
    activate(ready.store, releases["iris"], Environment.PRODUCTION)
    response = await submit(ready, {"X-Environment": "production"}, use_case="iris")
    job = ready.store.read(job_path(response.json()["job_id"]))
    assert BatchJob.model_validate_json(job).release_id == releases["iris"].id


async def test_training_data_may_be_read(ready) -> None:
    path = "training-data/spam/abc/records.parquet"
    ready.store.write(path, b"rows")
    assert (await submit(ready, input_path=path)).status_code == 202


async def test_a_folder_may_be_read(ready) -> None:
    ready.store.write("batch/many/part-1.parquet", b"rows")
    assert (await submit(ready, input_path="batch/many")).status_code == 202


@pytest.mark.parametrize(
    "pattern",
    ["batch/many/*.parquet", "batch/*/2026-??/part-[0-9].parquet", "batch/many/**", "batch/**"],
)
async def test_a_pattern_may_be_read(ready, pattern) -> None:
    ready.store.write("batch/many/2026-01/part-1.parquet", b"rows")
    ready.store.write("batch/many/part-1.parquet", b"rows")
    response = await submit(ready, input_path=pattern, output_path="batch/_out/answers.parquet")
    assert response.status_code == 202, response.text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"input_path": "batch/none/*.parquet"}, "input_path"),
        ({"input_path": "batch/*.csv"}, "input_path"),
        ({"input_path": "*/in.parquet"}, "input_path"),
        ({"input_path": "**"}, "input_path"),
        ({"input_path": "bat?h/in.parquet"}, "input_path"),
        ({"input_path": "models/*/release.json"}, "input_path"),
        ({"input_path": "batch/../models/*.parquet"}, "input_path"),
        ({"input_path": "batch/*/../in.parquet"}, "input_path"),
        ({"input_path": "/batch/*.parquet"}, "input_path"),
        ({"input_path": "batch//*.parquet"}, "input_path"),
        ({"input_path": "batch/_jobs/*/*.parquet"}, "input_path"),
        ({"input_path": "batch/_*/**"}, "input_path"),
        ({"input_path": "batch/*.parquet", "output_path": "batch/o.parquet"}, "output_path"),
        ({"input_path": "batch/**", "output_path": "batch/out"}, "output_path"),
        ({"output_path": "batch/*.parquet"}, "output_path"),
        ({"input_path": None}, "input_path"),
        ({"output_path": ""}, "output_path"),
        ({"input_path": 5}, "input_path"),
        ({"surprise": "x"}, "surprise"),
        ({"use_case": "none"}, "use_case"),
        ({"use_case": ""}, "use_case"),
        ({"input_path": "batch/none.parquet"}, "input_path"),
        ({"input_path": "models/spam/release.json"}, "input_path"),
        ({"input_path": "inference-logs/x.parquet"}, "input_path"),
        ({"input_path": "secrets/x.parquet"}, "input_path"),
        ({"input_path": "batch"}, "input_path"),
        ({"input_path": "/etc/passwd"}, "input_path"),
        ({"input_path": "batch/../models/x"}, "input_path"),
        ({"input_path": "batch/%2e%2e/models/x"}, "input_path"),
        ({"input_path": "file:///batch/in.parquet"}, "input_path"),
        ({"input_path": "https://other.blob.core.windows.net/batch/in.parquet"}, "input_path"),
        ({"input_path": "abfss://batch@other.dfs.core.windows.net/in.parquet"}, "input_path"),
        ({"input_path": "//other/batch/in.parquet"}, "input_path"),
        ({"input_path": "batch/%252e%252e/models/x"}, "input_path"),
        ({"input_path": "batch\\..\\models\\x"}, "input_path"),
        ({"input_path": "batch/\uff0e\uff0e/models/x"}, "input_path"),
        ({"output_path": "batch/..%2fmodels/out.parquet"}, "output_path"),
        ({"output_path": "https://other.blob.core.windows.net/batch/out.parquet"}, "output_path"),
        ({"output_path": "batch/./../models/out.parquet"}, "output_path"),
        ({"input_path": "batch/_jobs/abc/job.json"}, "input_path"),
        ({"input_path": "batch/a\u0000b"}, "input_path"),
        ({"output_path": "training-data/spam/out.parquet"}, "output_path"),
        ({"output_path": "batch/_jobs/abc"}, "output_path"),
        ({"output_path": "batch/_jobs"}, "output_path"),
        ({"output_path": "../batch/out.parquet"}, "output_path"),
        ({"output_path": INPUT}, "output_path"),
        ({"output_path": f"{INPUT}/out"}, "output_path"),
        ({"output_path": "batch/" + "x" * 2000}, "output_path"),
        ({"output_path": "batch/" + "x" * 195}, "output_path"),
    ],
)
async def test_an_invalid_submission_names_the_field(ready, change, field) -> None:
    response = await submit(ready, **change)
    assert response.status_code == 422, response.text
    assert response.json()["errors"][0]["field"] == field
    assert ready.runner.jobs == {}


@pytest.mark.parametrize(
    "existing",
    [
        OUTPUT,
        f"{OUTPUT}/part-0.parquet",
        "batch/out.invalid.parquet",
        "batch/out.invalid.parquet/part-0.parquet",
    ],
)
async def test_an_output_that_exists_is_not_overwritten(ready, existing) -> None:
    ready.store.write(existing, b"precious")
    response = await submit(ready)
    assert response.json()["errors"][0]["field"] == "output_path"
    assert ready.store.read(existing) == b"precious"


@pytest.mark.parametrize("part", ["", "/part-0.parquet"])
async def test_the_list_of_invalid_rows_does_not_replace_the_input(ready, part) -> None:
    ready.store.write(f"batch/own.invalid.parquet{part}", b"precious")
    paths = {"input_path": "batch/own.invalid.parquet", "output_path": "batch/own.parquet"}
    response = await submit(ready, **paths)
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["field"] == "output_path"
    assert "lies within the input" in error["detail"]


@pytest.mark.parametrize("field", ["input_path", "output_path"])
async def test_a_link_out_of_the_store_or_in_a_circle_names_the_field(
    ready, tmp_path, field
) -> None:
    folder = Path(urlsplit(ready.store.uri("batch/x")).path).parent
    (tmp_path / "outside").mkdir()
    (folder / "away").symlink_to(tmp_path / "outside")
    (folder / "circle").symlink_to(folder / "circle")
    for path in ("batch/away/x", "batch/circle", "batch/circle/x"):
        response = await submit(ready, **{field: path})
        assert response.status_code == 422, response.text
        assert response.json()["errors"][0]["field"] == field
        assert str(tmp_path) not in response.text


@pytest.mark.parametrize(
    "other", [OUTPUT, "batch/out", "batch/out.invalid.parquet"], ids=["same", "folder", "side file"]
)
async def test_an_output_belongs_to_one_job_at_a_time(ready, other) -> None:
    job_id = await submitted(ready)
    before = [blob.path for blob in ready.store.list("batch/_jobs")]
    response = await submit(ready, output_path=other)
    assert response.status_code == 409
    assert response.json()["code"] == "output-reserved"
    assert job_id in response.json()["detail"]
    assert list(ready.runner.jobs) == [job_id]
    assert [blob.path for blob in ready.store.list("batch/_jobs")] == before


async def test_of_concurrent_jobs_with_one_output_one_is_accepted(ready) -> None:
    for expected in (1, 2):
        responses = await asyncio.gather(*(submit(ready) for _ in range(8)))
        assert sorted(r.status_code for r in responses) == [202, *[409] * 7]
        assert len(ready.runner.jobs) == expected
        (job_id,) = (r.json()["job_id"] for r in responses if r.status_code == 202)
        # The second time they all follow one job that ended.
        write(ready, job_id, status=JobStatus.FAILED, error="no rows")


async def test_the_output_of_a_job_that_ended_without_it_may_be_used_again(ready) -> None:
    failed = await submitted(ready)
    write(ready, failed, status=JobStatus.FAILED, error="no rows")
    cancelled = await submitted(ready)
    await ready.ask("DELETE", f"/batch/{cancelled}")
    running = await submitted(ready)
    assert (await submit(ready)).status_code == 409
    write(ready, running, status=JobStatus.SUCCEEDED)
    deleted_since = await submitted(ready)
    assert len({failed, cancelled, running, deleted_since}) == 4


async def test_a_job_the_cluster_does_not_know_yet_keeps_its_output(ready) -> None:
    await submitted(ready)
    ready.runner.forget()
    assert (await submit(ready)).status_code == 409


async def test_without_a_release_there_is_nothing_to_score_with(ready) -> None:
    response = await submit(ready, {"X-Environment": "production"})
    assert response.status_code == 503
    assert response.json()["code"] == "no-release-served"
    assert "retry-after" in response.headers


async def test_without_a_cluster_nothing_is_left_behind(serve, releases, activate) -> None:
    running = await serve(runner=DownRunner())
    running.store.write(INPUT, b"rows")
    activate(running.store, releases["spam"], Environment.STAGING)
    response = await submit(running)
    assert response.status_code == 503
    assert response.json()["code"] == "upstream-unavailable"
    assert list(running.store.list("batch/_jobs")) == []


async def test_progress_follows_what_the_job_writes(ready) -> None:
    job_id = await submitted(ready)
    ready.runner.move(job_id, RunnerState.RUNNING)
    assert (await state(ready, job_id))["status"] == "running"
    now = ready.clock.now()
    counts = {"rows_total": 200, "rows_done": 50, "rows_invalid": 3}
    write(ready, job_id, status=JobStatus.RUNNING, started_at=now, **counts)
    answer = await state(ready, job_id)
    assert answer["progress"] == 25
    assert {name: answer[name] for name in counts} == counts
    counts["rows_done"] = 200
    write(ready, job_id, status=JobStatus.RUNNING, **counts)
    assert (await state(ready, job_id))["progress"] == 99
    write(ready, job_id, status=JobStatus.SUCCEEDED, finished_at=now, **counts)
    answer = await state(ready, job_id)
    assert (answer["status"], answer["progress"]) == ("succeeded", 100)


@pytest.mark.parametrize("final", ["succeeded", "failed", "cancelled"])
async def test_the_final_status_survives_the_cluster(ready, final) -> None:
    job_id = await submitted(ready)
    error = "half the rows are invalid" if final == "failed" else None
    write(ready, job_id, status=JobStatus(final), error=error)
    ready.runner.forget()
    answer = await state(ready, job_id)
    assert (answer["status"], answer["error"]) == (final, error)


async def test_progress_is_available_while_the_cluster_is_down(serve, ready, tmp_path) -> None:
    job_id = await submitted(ready)
    write(ready, job_id, status=JobStatus.RUNNING, rows_total=4, rows_done=1)
    other = await serve(runner=DownRunner(), spool_folder=tmp_path / "other")
    answer = await state(other, job_id)
    assert (answer["status"], answer["progress"]) == ("running", 25)


async def test_a_job_survives_the_gateway(serve, ready, tmp_path) -> None:
    job_id = await submitted(ready)
    other = await serve(runner=ready.runner, spool_folder=tmp_path / "other")
    assert (await state(other, job_id))["status"] == "submitted"


async def test_cancelling_writes_the_marker_and_stops_the_run(ready) -> None:
    job_id = await submitted(ready)
    ready.runner.move(job_id, RunnerState.RUNNING)
    response = await ready.ask("DELETE", f"/batch/{job_id}")
    assert response.status_code == 202
    JobState.model_validate(response.json())
    assert ready.store.exists(cancel_path(job_id))
    assert ready.runner.state(job_id) is RunnerState.STOPPED
    assert (await state(ready, job_id))["status"] == "cancelled"


async def test_a_cancelled_job_stays_cancelled_when_the_cluster_forgets_it(ready) -> None:
    job_id = await submitted(ready)
    await ready.ask("DELETE", f"/batch/{job_id}")
    ready.runner.forget()
    assert (await state(ready, job_id))["status"] == "cancelled"


async def test_cancelling_works_without_the_cluster(serve, ready, tmp_path) -> None:
    job_id = await submitted(ready)
    other = await serve(runner=DownRunner(), spool_folder=tmp_path / "other")
    assert (await other.ask("DELETE", f"/batch/{job_id}")).status_code == 202
    assert ready.store.exists(cancel_path(job_id))


@pytest.mark.parametrize("final", ["succeeded", "failed", "cancelled"])
async def test_a_job_that_has_ended_cannot_be_cancelled(ready, final) -> None:
    job_id = await submitted(ready)
    write(ready, job_id, status=JobStatus(final))
    response = await ready.ask("DELETE", f"/batch/{job_id}")
    assert response.status_code == 409
    assert response.json()["code"] == "job-ended"
    assert not ready.store.exists(cancel_path(job_id))


async def test_jobs_are_listed_from_the_newest_in_pages(ready) -> None:
    ids = []
    for number in range(3):
        response = await submit(ready, output_path=f"batch/out-{number}")
        ids.append(response.json()["job_id"])
    write(ready, ids[0], status=JobStatus.RUNNING, rows_total=200, rows_done=50)
    ids.sort(reverse=True)
    first = (await ready.ask("GET", "/batch", "viewer", params={"limit": "2"})).json()
    assert [job["job_id"] for job in first["jobs"]] == ids[:2]
    query = {"limit": "2", "cursor": first["cursor"]}
    second = (await ready.ask("GET", "/batch", "viewer", params=query)).json()
    assert [job["job_id"] for job in second["jobs"]] == ids[2:]
    assert second["cursor"] is None
    running = (await ready.ask("GET", "/batch", "viewer", params={"status": "running"})).json()
    assert [job["progress"] for job in running["jobs"]] == [25]
    other = (await ready.ask("GET", "/batch", "viewer", params={"use_case": "iris"})).json()
    assert other == {"jobs": [], "cursor": None, "file_limit_bytes": 5 << 30}


@pytest.mark.parametrize(
    ("query", "status"),
    [({"status": "lost"}, 422), ({"use_case": "none"}, 404), ({"limit": "0"}, 422)],
)
async def test_a_list_of_jobs_that_cannot_be_is_refused(ready, query, status) -> None:
    response = await ready.ask("GET", "/batch", "viewer", params=query)
    assert response.status_code == status


async def test_a_request_that_cannot_be_read_does_not_hide_the_other_jobs(ready) -> None:
    job_id = await submitted(ready)
    ready.store.write(job_path("f" * 32), b"{}")
    listed = (await ready.ask("GET", "/batch", "viewer")).json()["jobs"]
    assert [job["job_id"] for job in listed] == [job_id]
