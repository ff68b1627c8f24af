"""Releases, their serving states, and the changes of these."""

import json
from datetime import timedelta
from typing import Any

import pytest

from platform_core.contracts.comparison import (
    Comparison,
    ComparisonVerdict,
    EvidenceHistory,
    EvidencePoint,
)
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import ChangeRequest, ChangeStatus
from platform_core.contracts.release import Lineage
from platform_core.contracts.serving_state import Canary, ServingState, Shadow
from platform_core.ledger import Ledger
from platform_core.storage import (
    LINEAGE_FILE,
    MODEL_CARD_FILE,
    evidence_history_path,
    latest_comparison_path,
    release_path,
)
from records.index import IndexedRecord

PRODUCTION = "/releases/spam/production"


def body(action: str, **fields: Any) -> dict[str, Any]:
    return {"action": action, "reason": "a test", **fields}


async def post(running, document: Any, path: str = PRODUCTION, **rest: Any) -> Any:
    return await running.ask("POST", path, rest.pop("role", "admin"), json=document, **rest)


async def change_of(running, document: Any, **rest: Any) -> dict[str, Any]:
    answer = await post(running, document, **rest)
    assert answer.status_code == 202, answer.text
    shown = await running.ask("GET", f"/changes/{answer.json()['change_id']}", "viewer")
    assert shown.status_code == 200, shown.text
    return shown.json()


async def test_a_change_is_recorded_for_the_release_controller(running, releases) -> None:
    release = releases["spam"].id
    shown = await change_of(running, body("canary", release_id=release[:6], percent=10))
    assert (shown["status"], shown["result"], shown["decisions"]) == ("requested", None, [])
    request = ChangeRequest.model_validate(shown["request"])
    assert (request.action, request.percent, request.release_id) == ("canary", 10, release)
    assert (request.actor, request.reason) == ("test-admin", "a test")
    assert (request.use_case, request.environment) == ("spam", "production")
    listed = (await running.ask("GET", "/changes", "viewer")).json()
    assert [one["request"]["change_id"] for one in listed["changes"]] == [request.change_id]


@pytest.mark.parametrize("percent", [0, 100, 101, 33.3, "10", -1, True, None])
async def test_a_percent_that_a_canary_cannot_have_is_422(running, percent) -> None:
    answer = await post(running, body("canary", percent=percent))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "percent")
    assert (await running.ask("GET", "/changes", "viewer")).json()["changes"] == []


@pytest.mark.parametrize(
    "document",
    [
        body("deploy"),
        body("promote", percent=10),
        body("abort", percent=10),
        body("shadow", percent=101),
        {"action": "promote"},
        body("promote", reason=""),
        body("promote", release_id="XYZ"),
        body("promote", more=1),
        body("promote", expected_state={"canary": {"release_id": "a", "percent": 5}}),
        [],
    ],
    ids=str,
)
async def test_an_invalid_change_is_422(running, document) -> None:
    assert (await post(running, document)).status_code == 422


async def test_a_shadow_may_get_every_request(running) -> None:
    shown = await change_of(running, body("shadow", percent=100))
    assert shown["request"]["percent"] == 100


async def test_an_unknown_release_is_404(running) -> None:
    answer = await post(running, body("promote", release_id="0" * 32))
    assert (answer.status_code, answer.json()["code"]) == (404, "release-not-found")


async def test_only_an_admin_changes_what_serves(running) -> None:
    assert (await post(running, body("abort"), role="operator")).status_code == 403
    for path in ("/releases/nothing/production", "/releases/spam/moon"):
        answer = await post(running, body("abort"), path)
        assert answer.status_code in {400, 404}


async def test_a_state_that_is_not_the_expected_one_is_409_at_once(
    running, releases, set_state
) -> None:
    stable = releases["spam"].id
    canary = Canary(release_id="b" * 32, percent=10, change_id="c")
    state = ServingState(stable=stable, canary=canary)
    set_state(running.store, "spam", Environment.PRODUCTION, state)
    expected = {"stable": stable, "shadow": {"release_id": "d" * 32, "change_id": "x"}}
    answer = await post(running, body("promote", expected_state=expected))
    assert (answer.status_code, answer.json()["code"]) == (409, "unexpected-state")
    detail = answer.json()["detail"]
    assert f"canary is {'b' * 32} at 10 %, expected nothing" in detail
    assert f"shadow is nothing, expected {'d' * 32} at 100 %" in detail
    assert "stable is" not in detail
    same = {"stable": stable, "canary": {**canary.model_dump(), "change_id": "other"}}
    assert (await post(running, body("promote", expected_state=same))).status_code == 202


async def test_an_idempotency_key_requests_a_change_once(running) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = await post(running, body("abort"), headers=headers)
    again = await post(running, body("abort"), headers=headers)
    assert first.json() == again.json()
    other = await post(running, body("rollback"), headers=headers)
    assert other.status_code == 409
    assert len((await running.ask("GET", "/changes", "viewer")).json()["changes"]) == 1
    assert (await post(running, body("abort"), headers={"Idempotency-Key": ""})).status_code == 422


async def test_changes_are_paged_and_filtered(running) -> None:
    for number in range(5):
        name = "spam" if number % 2 else "iris"
        path = f"/releases/{name}/production"
        assert (await post(running, body("abort", reason=str(number)), path)).status_code == 202
    seen, cursor = [], None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        found = (await running.ask("GET", "/changes", "viewer", params=query)).json()
        seen += [one["request"]["change_id"] for one in found["changes"]]
        cursor = found["cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 5
    query = {"use_case": "spam", "status": "requested"}
    found = (await running.ask("GET", "/changes", "viewer", params=query)).json()
    assert {one["request"]["use_case"] for one in found["changes"]} == {"spam"}
    assert len(found["changes"]) == 2
    rejected = f"/changes/{seen[0]}/reject"
    assert (await post(running, {"reason": "no"}, rejected)).status_code == 200
    found = (await running.ask("GET", "/changes", "viewer", params={"status": "open"})).json()
    assert [one["request"]["change_id"] for one in found["changes"]] == seen[1:]
    unknown = await running.ask("GET", f"/changes/{'a' * 300}", "viewer")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not-found")
    for query in ({"limit": "0"}, {"limit": "x"}, {"cursor": "é"}, {"status": "eaten"}):
        answer = await running.ask("GET", "/changes", "viewer", params=query)
        assert answer.status_code == 422, query


async def test_a_suggested_change_is_approved_once_by_each_admin(running) -> None:
    suggested = ChangeRequest(
        change_id="c1",
        created_at=running.clock.now(),
        use_case="spam",
        environment=Environment.PRODUCTION,
        action="promote",
        actor="policy",
        reason="better",
        evidence={"verdict": "better"},
        approvals=2,
    )
    running.gateway.releases.changes.submit(suggested)
    path = "/changes/c1/approve"
    assert (await post(running, {"reason": "yes"}, path, role="operator")).status_code == 403
    assert (await post(running, {}, path)).status_code == 422
    decided = (await post(running, {"reason": "yes"}, path)).json()
    assert decided["status"] == "suggested"
    assert [one["actor"] for one in decided["decisions"]] == ["test-admin"]
    assert decided["request"]["evidence"] == {"verdict": "better"}
    assert (await post(running, {"reason": "yes"}, path)).status_code == 409
    assert (await post(running, {"reason": "no"}, "/changes/c2/reject")).status_code == 404


async def test_a_suggested_change_is_rejected(running) -> None:
    shown = ChangeRequest(
        change_id="c1",
        created_at=running.clock.now(),
        use_case="spam",
        environment=Environment.PRODUCTION,
        action="promote",
        actor="policy",
        reason="better",
        approvals=1,
    )
    running.gateway.releases.changes.submit(shown)
    rejected = (await post(running, {"reason": "not now"}, "/changes/c1/reject")).json()
    assert rejected["status"] == "rejected"
    assert rejected["decisions"][0]["reason"] == "not now"


async def test_the_states_of_all_use_cases_are_shown(running, releases, set_state) -> None:
    shadow = Shadow(release_id="b" * 32, change_id="c")
    state = ServingState(stable=releases["spam"].id, shadow=shadow)
    set_state(running.store, "spam", Environment.STAGING, state)
    await running.gateway.catalog.refresh()
    found = (await running.ask("GET", "/releases", "viewer")).json()
    shown = found["spam"]["staging"]
    assert (shown["state"], shown["sequence"]) == (state.model_dump(), 2)
    assert {role: one["release_id"] for role, one in shown["roles"].items()} == state.releases
    assert found["churn"]["staging"]["state"]["stable"] is None


async def test_the_releases_that_a_rollback_can_return_to_are_named(running, set_state) -> None:
    ids = [f"{number:032x}" for number in range(30)]
    for release_id in ids:
        set_state(running.store, "churn", Environment.STAGING, ServingState(stable=release_id))
    await running.gateway.catalog.refresh()
    shown = (await running.ask("GET", "/releases", "viewer")).json()["churn"]
    assert shown["staging"]["rollback_targets"] == ids[-2:8:-1]
    assert shown["production"]["rollback_targets"] == []


async def test_a_change_that_failed_is_shown_until_the_next_one(running, set_state) -> None:
    place = ("churn", Environment.STAGING)
    state = ServingState(stable="a" * 32)
    set_state(running.store, *place, state)
    ledger = Ledger(running.store, running.clock)
    refused = ledger.entries(*place)[-1].change.model_copy(
        update={"change_id": "c2", "status": ChangeStatus.REFUSED, "detail": "f1 is too low"}
    )
    ledger.append(refused)
    await running.gateway.catalog.refresh()
    shown = (await running.ask("GET", "/releases", "viewer")).json()["churn"]
    assert shown["production"]["last_change"] is None
    assert shown["staging"]["state"]["stable"] == state.stable
    last = shown["staging"]["last_change"]
    told = [last[field] for field in ("change_id", "status", "detail")]
    assert told == ["c2", "refused", "f1 is too low"]
    set_state(running.store, *place, ServingState(stable="b" * 32))
    await running.gateway.catalog.refresh()
    shown = (await running.ask("GET", "/releases", "viewer")).json()["churn"]
    assert shown["staging"]["last_change"]["status"] == "applied"


async def test_a_use_case_shows_its_releases_and_a_page_of_its_history(running, releases) -> None:
    shown = (await running.ask("GET", "/releases/spam", "viewer", params={"limit": "1"})).json()
    (release,) = shown["releases"]
    assert release["release_id"] == releases["spam"].id
    assert release["serves"] == {"staging": "stable", "production": "stable"}
    assert release["metrics"] == {"f1": 0.97}
    assert shown["states"]["staging"]["state"]["stable"] == releases["spam"].id
    assert shown["stable"]["staging"]["release_id"] == releases["spam"].id
    assert len(shown["history"]) == 1
    query = {"limit": "1", "cursor": shown["cursor"]}
    rest = (await running.ask("GET", "/releases/spam", "viewer", params=query)).json()
    environments = [one["history"][0]["change"]["environment"] for one in (shown, rest)]
    assert sorted(environments) == ["production", "staging"]
    assert rest["cursor"] is None


async def test_releases_are_paged_from_the_newest(running, releases) -> None:
    first = releases["spam"].id
    shown = (await running.ask("GET", f"/releases/spam/{first}", "viewer")).json()
    for number in range(3):
        lineage = Lineage.model_validate({**shown["lineage"], "release_id": f"{number}" * 32})
        built = lineage.created_at - timedelta(days=1 + number)
        older = lineage.model_copy(update={"created_at": built})
        folder = f"{number}" * 32
        running.store.write(
            release_path("spam", folder, LINEAGE_FILE), older.model_dump_json().encode()
        )
        running.store.write(release_path("spam", folder, "release.json"), b"{}")
    found, cursor = [], None
    for _ in range(2):
        query = {"releases_limit": "2", **({"releases_cursor": cursor} if cursor else {})}
        one = (await running.ask("GET", "/releases/spam", "viewer", params=query)).json()
        found += [release["release_id"] for release in one["releases"]]
        cursor = one["releases_cursor"]
    assert found == [first, "0" * 32, "1" * 32, "2" * 32]
    assert cursor is None
    wrong = await running.ask("GET", "/releases/spam", "viewer", params={"releases_limit": "0"})
    assert wrong.status_code == 422


async def test_a_release_is_listed_as_soon_as_it_is_stored(running, releases) -> None:
    first, later = releases["spam"].id, "0" * 32
    shown = (await running.ask("GET", f"/releases/spam/{first}", "viewer")).json()
    lineage = Lineage.model_validate({**shown["lineage"], "release_id": later})
    built = lineage.created_at + timedelta(days=1)
    newer = lineage.model_copy(update={"created_at": built}).model_dump_json().encode()

    async def listed() -> list[str]:
        one = (await running.ask("GET", "/releases/spam", "viewer")).json()
        return [release["release_id"] for release in one["releases"]]

    assert await listed() == [first]
    running.store.write(release_path("spam", later, "release.json"), b"{}")
    assert await listed() == [first, later], "without lineage it is the last"
    running.store.write(release_path("spam", later, LINEAGE_FILE), newer)
    assert await listed() == [later, first]


async def test_a_card_has_lineage_metrics_and_gates_and_compares(running, releases) -> None:
    release = releases["spam"].id
    card = {"metrics": {"f1": {"value": 0.97, "low": 0.96, "high": 0.98}}}
    running.store.write(release_path("spam", release, MODEL_CARD_FILE), json.dumps(card).encode())
    shown = (await running.ask("GET", f"/releases/spam/{release[:8]}", "viewer")).json()
    assert (shown["release_id"], shown["card"], shown["comparison"]) == (release, card, None)
    assert shown["lineage"]["dataset_version"] == "d" * 16
    assert shown["serves"] == {"staging": "stable", "production": "stable"}
    other = "0" * 32
    lineage = Lineage.model_validate({**shown["lineage"], "release_id": other})
    lineage = lineage.model_copy(update={"metrics": {"f1": 0.9}, "parameters": {"C": 2}})
    running.store.write(
        release_path("spam", other, LINEAGE_FILE), lineage.model_dump_json().encode()
    )
    running.store.write(release_path("spam", other, "release.json"), b"{}")
    query = {"compare": other}
    compared = (
        await running.ask("GET", f"/releases/spam/{release}", "viewer", params=query)
    ).json()
    comparison = compared["comparison"]
    assert (comparison["other"], comparison["same_dataset"]) == (other, True)
    assert comparison["metrics"]["f1"]["difference"] == pytest.approx(0.07)
    assert comparison["parameters"] == {"C": [None, 2]}
    missing = await running.ask("GET", "/releases/spam/ffffff", "viewer")
    assert (missing.status_code, missing.json()["code"]) == (404, "release-not-found")


def trial(running, **more) -> Comparison:
    now = running.clock.now()
    comparison = Comparison(
        use_case="spam", environment="production", change_id="c", role="canary",
        stable_release="a", candidate_release="b", started=now, updated=now, stable_answers=9,
        candidate_answers=1, paired=0, criteria=(), verdict=ComparisonVerdict.UNDECIDED, **more,
    )  # fmt: skip
    path = latest_comparison_path("spam", "production")
    running.store.write(path, comparison.model_dump_json().encode())
    return comparison


async def test_how_the_evidence_grew_is_shown_and_null_where_there_is_none(running) -> None:
    path = "/comparisons/spam/production/history"
    assert (await running.ask("GET", path, "viewer")).json() is None
    comparison = trial(running)
    assert (await running.ask("GET", path, "viewer")).json() is None
    point = EvidencePoint(
        updated=comparison.updated, stable_answers=9, candidate_answers=1, criteria=(),
        verdict=ComparisonVerdict.UNDECIDED,
    )  # fmt: skip
    fields = set(EvidenceHistory.model_fields) - {"points"}
    history = EvidenceHistory(**comparison.model_dump(include=fields), points=(point,))
    running.store.write(
        evidence_history_path("spam", "production", "c"), history.model_dump_json().encode()
    )
    shown = (await running.ask("GET", path, "viewer")).json()
    assert EvidenceHistory.model_validate(shown) == history
    missing = await running.ask("GET", "/comparisons/moon/staging/history", "viewer")
    assert missing.status_code == 404


async def test_records_that_stable_and_shadow_answered_differently(running) -> None:
    path = "/comparisons/spam/production/disagreements"
    empty = (await running.ask("GET", path, "operator")).json()
    assert (empty["records"], empty["candidate_release"]) == ([], None)
    trial(running)
    index = await running.gateway.records.current()
    records = [
        IndexedRecord(
            f"{number:032x}", "spam", "production", running.clock.now().isoformat(), release, role,
            "live", role == "stable", prediction, None, "path",
        )
        for number in (1, 2)
        for release, role, prediction in (("a", "stable", "ham"), ("b", "shadow", "spam"))
    ]  # fmt: skip
    index.add_records("path", records, [""] * len(records))
    first = (await running.ask("GET", path, "operator", params={"limit": "1"})).json()
    assert (first["stable_release"], first["candidate_release"]) == ("a", "b")
    (shown,) = first["records"]
    assert (shown["stable_prediction"], shown["candidate_prediction"]) == ("ham", "spam")
    query = {"limit": "1", "cursor": first["cursor"]}
    second = (await running.ask("GET", path, "operator", params=query)).json()
    assert second["cursor"] is None
    assert {shown["prediction_id"], second["records"][0]["prediction_id"]} == {
        f"{number:032x}" for number in (1, 2)
    }
    assert (await running.ask("GET", path, "viewer")).status_code == 403
    refused = await running.ask("GET", path, "operator", params={"limit": "0"})
    assert refused.status_code == 422


async def test_the_latest_comparison_is_shown_and_null_where_there_is_none(running) -> None:
    path = "/comparisons/spam/production"
    assert (await running.ask("GET", path, "viewer")).json() is None
    now = running.clock.now()
    comparison = Comparison(
        use_case="spam", environment="production", change_id="c", role="canary",
        stable_release="a", candidate_release="b", started=now, updated=now, stable_answers=9,
        candidate_answers=1, paired=0, criteria=(), verdict=ComparisonVerdict.UNDECIDED,
    )  # fmt: skip
    running.store.write(
        latest_comparison_path("spam", "production"), comparison.model_dump_json().encode()
    )
    shown = (await running.ask("GET", path, "viewer")).json()
    assert Comparison.model_validate(shown) == comparison
    assert (await running.ask("GET", "/comparisons/spam/moon", "viewer")).status_code == 400
    assert (await running.ask("GET", "/comparisons/moon/staging", "viewer")).status_code == 404
