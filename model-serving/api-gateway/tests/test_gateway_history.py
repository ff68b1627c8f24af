"""Pipeline runs, dataset versions, use cases and past reports."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from platform_core.contracts.drift_report import DriftReport, DriftVerdict
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, ChangeRequest
from platform_core.storage import (
    dataset_path,
    drift_report_folder,
    release_path,
    retrain_request_path,
    run_path,
)
from use_cases import use_case, use_case_names


async def get(running, path: str, **query: str) -> Any:
    answer = await running.ask("GET", path, "viewer", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def write(running, path: str, **document: Any) -> None:
    running.store.write(path, json.dumps(document).encode())


def record(running, run_id: str, step: str, seconds: float) -> None:
    folder = run_path("spam", run_id, step)
    write(running, f"{folder}/record.json", step=step, key="k", folder=folder, seconds=seconds)


async def test_runs_have_their_steps_and_status(running) -> None:
    assert await get(running, "/runs") == {"runs": [], "cursor": None}
    record(running, "good", "prepare-data", 2.5)
    write(running, run_path("spam", "good", "release", "result.json"), release_id="ab" * 16)
    record(running, "good", "stage", 1.0)
    record(running, "bad", "train", 9.0)
    failure = {"step": "evaluate", "code": "gate-refused", "message": "f1 is too low"}
    write(running, run_path("spam", "bad", "failure.json"), **failure)
    record(running, "open", "train", 9.0)
    runs = {run["run_id"]: run for run in (await get(running, "/runs"))["runs"]}
    assert {name: run["status"] for name, run in runs.items()} == {
        "good": "finished", "bad": "failed", "open": "unfinished",
    }  # fmt: skip
    steps = [(step["step"], step["seconds"]) for step in runs["good"]["steps"]]
    assert sorted(steps) == [("prepare-data", 2.5), ("stage", 1.0)]
    assert runs["good"]["release_id"] == "ab" * 16
    assert (runs["bad"]["failure"], runs["bad"]["release_id"]) == (failure, None)
    assert (await get(running, "/runs", use_case="iris"))["runs"] == []
    named = await get(running, "/runs", use_case="spam", run_id="bad")
    assert [run["run_id"] for run in named["runs"]] == ["bad"]
    assert (await get(running, "/runs", run_id="moon"))["runs"] == []
    first = await get(running, "/runs", limit="2")
    rest = await get(running, "/runs", limit="2", cursor=first["cursor"])
    assert len(first["runs"]) + len(rest["runs"]) == 3


async def test_only_the_newest_run_of_each_use_case_is_listed(running) -> None:
    for name, run_id in (("iris", "r1"), ("spam", "r1"), ("spam", "r2"), ("spam", "r3")):
        write(running, run_path(name, run_id, "failure.json"), step="train", code="c", message="m")
    listed = (await get(running, "/runs"))["runs"]
    newest = {run["use_case"]: run["run_id"] for run in reversed(listed)}
    found = (await get(running, "/runs", newest="true"))["runs"]
    assert {run["use_case"]: run["run_id"] for run in found} == newest
    assert len(found) == len(newest) == 2
    assert (await get(running, "/runs", newest="false"))["runs"] == listed
    first = await get(running, "/runs", newest="true", limit="1")
    rest = await get(running, "/runs", newest="true", cursor=first["cursor"])
    assert first["runs"] + rest["runs"] == found


MARKERS = {
    "waits": {},
    "runs": {".taken": ""},
    "ends": {".taken": "", ".done": ""},
    "fails": {".taken": "", ".failed": "too few rows"},
    "same": {".taken": "", ".unchanged": "no new label"},
    "asks": {".suggested": "c1"},
    "approved": {".suggested": "c2", ".approved": ""},
}
FATES = {
    "waits": ("waiting", "", None),
    "runs": ("running", "", None),
    "ends": ("finished", "", None),
    "fails": ("failed", "too few rows", None),
    "same": ("unchanged", "no new label", None),
    "asks": ("suggested", "", "c1"),
    "approved": ("waiting", "", "c2"),
}


def request_retraining(running, name: str, hour: int, **more: Any) -> None:
    write(
        running,
        retrain_request_path(name),
        request_id=name,
        use_case="spam",
        environment="production",
        release_id="ab" * 16,
        reason="drift of body_length",
        report_id="r1",
        created_at=f"2026-01-05T{hour:02}:00:00Z",
        **more,
    )


async def test_retraining_requests_have_their_reason_and_what_came_of_them(running) -> None:
    for hour, (name, markers) in enumerate(MARKERS.items()):
        request_retraining(running, name, hour, approvals=1 if ".suggested" in markers else 0)
        for suffix, text in markers.items():
            running.store.write(retrain_request_path(name, suffix), text.encode())
    running.store.write(retrain_request_path("broken"), b"{")
    found = (await get(running, "/retraining", use_case="spam"))["retraining"]
    assert [one["request"]["request_id"] for one in found] == list(reversed(MARKERS))
    fates = {
        one["request"]["request_id"]: (one["status"], one["detail"], one["change_id"])
        for one in found
    }
    assert fates == FATES
    assert {one["request"]["reason"] for one in found} == {"drift of body_length"}
    (named,) = (await get(running, "/retraining", request_id="runs"))["retraining"]
    assert named["run_id"] == "retrain-runs"
    assert (await get(running, "/retraining", use_case="iris"))["retraining"] == []
    first = await get(running, "/retraining", limit="4")
    rest = await get(running, "/retraining", limit="4", cursor=first["cursor"])
    assert len(first["retraining"]) + len(rest["retraining"]) == len(MARKERS)


async def test_a_retraining_request_whose_change_was_rejected_says_so(running) -> None:
    request = ChangeRequest(
        change_id="c9",
        created_at=datetime(2026, 1, 5, tzinfo=UTC),
        use_case="spam",
        environment=Environment.PRODUCTION,
        action=Action.RETRAIN,
        actor="policy",
        reason="drift",
        approvals=1,
    )
    changes = running.gateway.releases.changes
    changes.submit(request)
    changes.decide("c9", "admin", approve=False, reason="not now")
    request_retraining(running, "no", 1, approvals=1)
    running.store.write(retrain_request_path("no", ".suggested"), b"c9")
    (one,) = (await get(running, "/retraining"))["retraining"]
    assert (one["status"], one["change_id"]) == ("rejected", "c9")


async def test_datasets_have_their_manifest_and_one_its_report(running) -> None:
    for version, day in (("d1", "2026-01-01"), ("d2", "2026-01-03")):
        path = dataset_path("spam", version, "manifest.json")
        write(running, path, dataset_version=version, created_at=f"{day}T00:00:00Z", rows=5)
    write(running, dataset_path("spam", "d0", "manifest.json"), created_at="unknown")
    write(running, dataset_path("spam", "d1", "report.json"), warnings=["few rows"])
    found = (await get(running, "/datasets", use_case="spam"))["datasets"]
    assert [one["dataset_version"] for one in found] == ["d2", "d1", "d0"]
    assert (found[0]["manifest"]["rows"], found[0]["report"]) == (5, None)
    (one,) = (await get(running, "/datasets", use_case="spam", version="d1"))["datasets"]
    assert one["report"] == {"warnings": ["few rows"]}


async def test_use_cases_have_the_schema_of_their_records(running) -> None:
    found = {one["name"]: one for one in await get(running, "/use-cases")}
    assert found.keys() == set(use_case_names())
    spam = found["spam"]
    assert (spam["title"], spam["classes"]) == (use_case("spam").title, ["ham", "spam"])
    assert set(spam["record"]["required"]) <= set(spam["record"]["properties"])
    assert spam["label_maturity_days"] == 30


def store_report(running, report_id: str, age: timedelta, role: str | None = None) -> None:
    end = running.clock.now() - age
    report = DriftReport(
        report_id=report_id, use_case="spam", environment=Environment.PRODUCTION,
        release_id="a" * 32, start=end - timedelta(hours=1), end=end, created_at=end, rows=3,
        verdict=DriftVerdict.INSUFFICIENT_DATA, score=None, columns=(), class_shares={}, alarms=(),
        role=role,
    )  # fmt: skip
    folder = drift_report_folder("spam", Environment.PRODUCTION, end)
    running.store.write(f"{folder}/{report_id}.json", report.model_dump_json().encode())


async def test_past_reports_are_paged_from_the_newest(running) -> None:
    for hours in (1, 2, 26, 24 * 10):
        store_report(running, f"r{hours}", timedelta(hours=hours))
    query = {"use_case": "spam", "environment": "production", "kind": "drift"}
    week = await get(running, "/reports", **query)
    assert [one["report_id"] for one in week["reports"]] == ["r1", "r2", "r26"]
    first = await get(running, "/reports", limit="2", **query)
    rest = await get(running, "/reports", limit="2", cursor=first["cursor"], **query)
    ids = [one["report_id"] for one in (*first["reports"], *rest["reports"])]
    assert ids == ["r1", "r2", "r26"]
    early = (running.clock.now() - timedelta(days=30)).isoformat()
    late = (running.clock.now() - timedelta(hours=5)).isoformat()
    found = await get(running, "/reports", **query, **{"from": early, "to": late})
    assert [one["report_id"] for one in found["reports"]] == ["r26", "r240"]
    older = running.clock.now() - timedelta(days=20)
    folder = drift_report_folder("spam", Environment.PRODUCTION, older)
    running.store.write(f"{folder}/broken.json", b"{}")
    found = await get(running, "/reports", limit="3", **query, **{"from": early})
    assert [one["report_id"] for one in found["reports"]] == ["r1", "r2", "r26"]
    none = await get(running, "/reports", **{**query, "kind": "quality"})
    assert none == {"reports": [], "cursor": None}


async def test_reports_of_one_role_include_windows_without_answers_for_stable(running) -> None:
    for hours, role in ((1, "stable"), (2, "shadow"), (3, None), (4, "canary")):
        store_report(running, f"r{hours}", timedelta(hours=hours), role)
    query = {"use_case": "spam", "kind": "drift", "limit": "1"}
    for role, wanted in (("stable", ["r1", "r3"]), ("shadow", ["r2"]), ("canary", ["r4"])):
        found, cursor = [], None
        while cursor is not None or not found:
            given = {"cursor": cursor} if cursor else {}
            answer = await get(running, "/reports", role=role, **query, **given)
            found += [one["report_id"] for one in answer["reports"]]
            cursor = answer["cursor"]
        assert found == wanted


async def test_a_report_that_is_measured_again_is_read_again(running) -> None:
    store_report(running, "r1", timedelta(hours=1))
    query = {"use_case": "spam", "kind": "drift"}
    assert (await get(running, "/reports", **query))["reports"][0]["role"] is None
    store_report(running, "r1", timedelta(hours=1), "stable")
    assert (await get(running, "/reports", **query))["reports"][0]["role"] == "stable"


@pytest.mark.parametrize("to", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
async def test_the_ends_of_time_have_no_reports(running, to) -> None:
    answer = await get(running, "/reports", use_case="spam", to=to)
    assert answer == {"reports": [], "cursor": None}


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/reports", {"kind": "moon"}, 422),
        ("/reports", {"environment": "moon"}, 400),
        ("/reports", {"use_case": "moon"}, 404),
        ("/reports", {"role": "moon"}, 422),
        ("/reports", {"cursor": "bm93"}, 422),
        ("/reports", {"from": "yesterday"}, 422),
        ("/reports", {"from": "2026-01-05T12:00:00Z", "to": "2026-01-05T11:00:00Z"}, 422),
        ("/runs", {"use_case": "moon"}, 404),
        ("/runs", {"limit": "101"}, 422),
        ("/runs", {"newest": "maybe"}, 422),
        ("/datasets", {"cursor": "?"}, 422),
    ],
)
async def test_a_wrong_query_is_named(running, path, query, status) -> None:
    answer = await running.ask("GET", path, "viewer", params=query)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/batch", "/predictions", "/reports", "/releases/spam"])
async def test_a_parameter_given_twice_is_refused(running, path) -> None:
    answer = await running.ask("GET", f"{path}?limit=1&limit=2")
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "limit", "detail": "is given more than once"}]
    without = await running.client.get(f"{path}?limit=1&limit=2")
    assert without.status_code == 401


LISTS = {
    "/batch": "jobs",
    "/changes": "changes",
    "/datasets": "datasets",
    "/reports": "reports",
    "/retraining": "retraining",
    "/runs": "runs",
    "/releases/spam": "history",
}


@pytest.mark.parametrize("path", LISTS)
async def test_a_cursor_is_that_of_the_same_list(running, path) -> None:
    """Another one would skip items, or answer that there are none."""
    keys = [f"{name} 2026-01-05T12:00:00+00:00 x" for name in {*LISTS.values(), "releases"}]
    for text in [*keys, "", "2026", f"{LISTS[path]} ", "\0"]:
        cursor = base64.urlsafe_b64encode(text.encode()).decode()
        answer = await running.ask("GET", path, "viewer", params={"cursor": cursor})
        own = text.startswith(f"{LISTS[path]} 2026")
        assert answer.status_code == (200 if own else 422), (text, answer.text)
        assert own or "is not a cursor of this list" in answer.text


REPORT = "<!doctype html><title>Übersicht</title><script>alert(1)</script>".encode()


def assert_isolated_page(answer) -> None:
    assert (answer.status_code, answer.content) == (200, REPORT)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = answer.headers["content-security-policy"].split("; ")
    assert policy[:4] == [
        "sandbox", "default-src 'none'", "style-src 'unsafe-inline'", "img-src data:",
    ]  # fmt: skip


async def test_a_data_report_is_a_page_that_can_do_nothing(running) -> None:
    running.store.write(dataset_path("spam", "a1", "report.html"), REPORT)
    assert_isolated_page(await running.ask("GET", "/datasets/spam/a1/report", "viewer"))


async def test_a_model_card_is_a_page_that_can_do_nothing(running) -> None:
    release_id = "ab" * 16
    write(running, release_path("spam", release_id, "release.json"))
    running.store.write(release_path("spam", release_id, "model_card.html"), REPORT)
    for name in (release_id, release_id[:8]):
        assert_isolated_page(await running.ask("GET", f"/releases/spam/{name}/card", "viewer"))


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/datasets/moon/a1/report", "use-case-not-found"),
        ("/datasets/spam/none/report", "stored-page-not-found"),
        ("/datasets/spam/empty/report", "stored-page-not-found"),
        ("/datasets/spam/%2e%2e/report", "stored-page-not-found"),
        ("/datasets/spam/..%2firis%2fa1/report", "path-not-found"),
        ("/datasets/spam/a1%00/report", "stored-page-not-found"),
        ("/releases/moon/ab/card", "use-case-not-found"),
        ("/releases/spam/ffff/card", "release-not-found"),
        ("/releases/spam/_ledger/card", "release-not-found"),
        ("/releases/spam/%2e%2e/card", "release-not-found"),
        ("/releases/spam/cdcd/card", "stored-page-not-found"),
    ],
)
async def test_only_pages_of_listed_ids_are_read(running, path, code) -> None:
    running.store.write(dataset_path("iris", "a1", "report.html"), REPORT)
    running.store.write(dataset_path("spam", "empty", "manifest.json"), b"{}")
    running.store.write("training-data/report.html", REPORT)
    write(running, release_path("spam", "cd" * 16, "release.json"))
    answer = await running.ask("GET", path, "viewer")
    assert (answer.status_code, answer.json()["code"]) == (404, code)


async def test_pages_need_a_key(running) -> None:
    running.store.write(dataset_path("spam", "a1", "report.html"), REPORT)
    for path in ("/datasets/spam/a1/report", "/releases/spam/ab/card"):
        assert (await running.client.get(path)).status_code == 401
