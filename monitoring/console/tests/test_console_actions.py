"""Changes of the serving state: confirmation, one change per form, stale forms, roles."""

import html
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from console_world import HOSTILE, NOON, build_world

from platform_core.contracts.comparison import Comparison
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, Change
from platform_core.contracts.serving_state import Canary, ServingState
from platform_core.storage import latest_comparison_path

PRODUCTION = "/use-cases/spam/production/change"
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
CLICKS = """() => {
    const button = document.querySelector("form[method=post][action^='/use-cases'] button");
    for (let click = 0; click < 10000; click++) button.click();
}"""
FORM = re.compile(r'<form method="post" action="/use-cases.*?</form>', re.DOTALL)


def form(browser, query: str = "?action=promote") -> dict[str, str]:
    """Return the hidden fields of the form of a change."""
    found = FORM.search(browser.page(PRODUCTION + query))
    assert found
    return {name: html.unescape(value) for name, value in HIDDEN.findall(found[0])}


def recorded(world) -> list[str]:
    return world.changes.ids()


@pytest.fixture
def restored(world):
    """Put the serving state of spam back after a test that changes it."""
    state = world.state("spam", Environment.PRODUCTION)
    yield
    world.serve("spam", Environment.PRODUCTION, state, Action.CANARY, NOON)


def test_the_confirmation_shows_what_serves_and_the_evidence(browser, world):
    page = browser("admin").page(f"{PRODUCTION}?action=promote")
    shown = html.unescape(re.sub(r"<[^>]+>", " ", page))
    assert "Live comparison of the canary" in shown
    assert "1,234" in shown
    assert world.releases["spam"][1].id[:8] in shown
    assert "minimum" in shown
    assert "<script>alert" not in page


def test_a_form_that_is_sent_often_requests_one_change(browser, world):
    one = browser("admin")
    before = recorded(world)
    fields = {**form(one), "reason": "the canary is better"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: one.client.post(PRODUCTION, data=fields), range(40)))
    assert {answer.status_code for answer in answers} == {303}
    (change,) = set(recorded(world)) - set(before)
    assert {answer.headers["location"] for answer in answers} == {f"/changes/{change}"}
    request = world.changes.get(change).request
    assert (request.action, request.release_id) == ("promote", world.releases["spam"][1].id)
    assert (request.actor, request.reason) == ("test-admin", "the canary is better")
    assert request.expected_state == world.state("spam", Environment.PRODUCTION)


def test_a_stale_form_is_refused_with_what_changed(browser, world, restored):
    one = browser("admin")
    fields = {**form(one, "?action=abort"), "reason": "too slow"}
    before, state = recorded(world), world.state("spam", Environment.PRODUCTION)
    canary = Canary(release_id=state.canary.release_id, percent=60, change_id="b" * 32)
    world.serve(
        "spam", Environment.PRODUCTION, ServingState(stable=state.stable, canary=canary), at=NOON
    )
    refused = one.client.post(PRODUCTION, data=fields)
    assert refused.status_code == 409
    shown = html.unescape(refused.text)
    assert "Refused: the state has changed" in shown
    assert f"canary is {canary.release_id} at 60 %, expected {canary.release_id} at 10 %" in shown
    assert "too slow" in refused.text  # what was typed is kept
    assert recorded(world) == before
    again = {name: html.unescape(v) for name, v in HIDDEN.findall(FORM.search(refused.text)[0])}
    assert '"percent":60' in again["expected_state"]
    assert again["idempotency_key"] != fields["idempotency_key"]


@pytest.mark.parametrize(
    ("changed", "status", "says"),
    [
        ({"reason": ""}, 422, "reason"),
        ({"reason": "x" * 1001}, 422, "reason"),
        ({"action": "canary", "percent": "33.3", "reason": "r"}, 422, "not a whole number"),
        ({"action": "canary", "percent": "100", "reason": "r"}, 422, "from 1 to 99"),
        ({"action": "canary", "percent": "0", "reason": "r"}, 422, "percent"),
        ({"release_id": "f" * 32, "reason": "r"}, 404, "there is no release"),
        ({"expected_state": "{", "reason": "r"}, 422, "Not valid"),
        ({"action": "explode", "reason": "r"}, 404, "explode"),
    ],
)
def test_a_form_that_is_not_valid_changes_nothing(browser, world, changed, status, says):
    one = browser("admin")
    before = recorded(world)
    refused = one.client.post(PRODUCTION, data={**form(one), **changed})
    assert refused.status_code == status
    assert says in html.unescape(refused.text)
    assert recorded(world) == before


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_who_is_no_admin_sees_no_action_and_cannot_act_by_request(browser, world, role):
    one, admin = browser(role), browser("admin")
    for path in ("/use-cases/spam", f"/changes/{world.suggestion}"):
        assert "<textarea" not in one.page(path)
        assert "/change?action" not in one.page(path).replace(
            "/production/change?action=promote", ""
        )
    assert one.get(PRODUCTION).status_code == 403
    before = recorded(world)
    stolen = {**form(admin), "reason": "r"}
    stolen["csrf"] = one.csrf()
    refused = one.client.post(PRODUCTION, data=stolen)
    assert refused.status_code == 403
    assert "Your API key may not do this" in refused.text
    decided = one.post(f"/changes/{world.suggestion}/approve", {"reason": "r"})
    assert decided.status_code == 403
    assert recorded(world) == before


def test_a_suggestion_shows_its_evidence_and_is_approved_once(browser, world):
    change = world.request(
        Action.CANARY, NOON, release_id=world.releases["spam"][1].id, percent=5, approvals=1,
        evidence={"verdict": "better", "report": {"rows": 2000, "detail": HOSTILE, "page": None}},
    )  # fmt: skip
    one = browser("admin")
    page = one.page(f"/changes/{change}")
    shown = html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))
    assert "verdict better" in shown
    assert "rows 2,000" in shown
    assert HOSTILE in shown
    assert "waits for 1 more approval" in shown
    done = one.post(f"/changes/{change}/approve", {"reason": "looks good"})
    assert done.headers["location"] == f"/changes/{change}"
    assert world.changes.get(change).status == "requested"
    late = one.post(f"/changes/{change}/approve", {"reason": "again"})
    assert late.status_code == 409
    assert "only a suggested one can be approved" in html.unescape(late.text)


def test_a_suggestion_is_rejected_with_a_reason(browser, world):
    change = world.request(Action.ABORT, NOON, approvals=1)
    one = browser("admin")
    empty = one.post(f"/changes/{change}/reject", {"reason": ""})
    assert empty.status_code == 422
    assert world.changes.get(change).status == "suggested"
    assert one.post(f"/changes/{change}/reject", {"reason": "not now"}).status_code == 303
    assert world.changes.get(change).status == "rejected"
    assert "not now" in one.page(f"/changes/{change}")


def test_a_failed_change_says_why(browser, world):
    page = browser("viewer").page(f"/changes/{world.failed}")
    assert "no service became ready" in page
    assert "<script>alert" not in page


def test_changes_are_filtered_and_paged(browser, world):
    one = browser("viewer")
    failed = one.page("/changes?status=failed")
    assert world.failed in failed
    assert world.suggestion not in failed
    assert world.failed not in one.page("/changes?use_case=iris")
    assert one.get("/changes?status=nonsense").status_code in (400, 422)
    for number in range(30):
        world.request(Action.ABORT, NOON - timedelta(days=2, minutes=number), reason=f"n{number}")
    first = one.page("/changes")
    after = re.search(r'href="(/changes\?[^"]*cursor=[^"]+)"', first)
    assert after
    assert world.changes.ids()[-1] in one.page(html.unescape(after[1]))


def test_a_change_that_does_not_exist_is_404(browser):
    missing = browser("viewer").get("/changes/ffffffff")
    assert missing.status_code == 404
    assert "there is no change" in html.unescape(missing.text)


def test_10000_clicks_in_a_browser_make_one_promotion(open_page, world):
    before = recorded(world)
    page = open_page(f"{PRODUCTION}?action=promote")
    page.fill("#reason", "10,000 clicks")
    page.evaluate(CLICKS)
    page.wait_for_url("**/changes/*")
    assert len(set(recorded(world)) - set(before)) == 1


def test_the_page_of_a_change_follows_its_progress(open_page, world):
    change = world.request(Action.ABORT, NOON, use_case="iris", reason="too slow")
    page = open_page(f"/changes/{change}")
    assert "waits for the release controller" in page.inner_text("#progress")
    world.changes.begin_step(change, "ending the canary")
    page.wait_for_selector("#progress >> text=ending the canary")
    state = world.state("iris", Environment.PRODUCTION)
    request = world.changes.get(change).request
    world.changes.finish(Change.of(request, state, ServingState(stable=state.stable)))
    page.wait_for_selector("#progress .badge >> text=applied")
    page.wait_for_selector("#status >> text=applied", state="attached")


@pytest.fixture(scope="module")
def ended(tmp_path_factory, start_gateway, start_console):
    """Return a world in which the canary of spam was withdrawn, and the URL of its console."""
    world = build_world(tmp_path_factory.mktemp("ended"))
    production, at = Environment.PRODUCTION, NOON - timedelta(hours=1)
    before = world.state("spam", production)
    after = ServingState(stable=before.stable)
    why = {"actor": "policy", "reason": f"the canary is worse: quality {HOSTILE}"}
    change = world.request(Action.ABORT, at, **why)
    world.changes.finish(Change.of(world.changes.get(change).request, before, after))
    world.serve("spam", production, after, Action.ABORT, at, change_id=change, **why)
    with start_gateway(world) as gateway, start_console(gateway) as url:
        yield world, url


def shown_text(page: str) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


def test_a_rollback_offers_the_earlier_releases_and_says_what_it_does(browser, world):
    first, second = (one.id for one in world.releases["spam"])
    page = browser("admin").page("/use-cases/spam/staging/change?action=rollback")
    shown = shown_text(page)
    assert re.findall(r'<option value="([0-9a-f]{32})"', page) == [first]
    assert f"{first[:8]} answers every request again instead of {second[:8]}" in shown
    assert "It was stable from 2026-01-04 06:00:00 UTC until 2026-01-05 06:00:00 UTC" in shown
    assert '<button class="danger">Roll back</button>' in page


def test_without_an_earlier_release_there_is_nothing_to_roll_back_to(browser):
    one = browser("admin")
    assert "action=rollback" not in one.page("/use-cases/spam")
    assert "action=rollback" in one.page("/use-cases/spam?environment=staging")
    page = one.page(f"{PRODUCTION}?action=rollback")
    assert "there is nothing to roll back to" in page
    assert FORM.search(page) is None


def test_a_release_whose_trial_was_ended_says_so_where_it_is_chosen(browser, ended):
    world, url = ended
    second = world.releases["spam"][1].id
    page = browser("admin", url).page(f"{PRODUCTION}?action=canary&release_id={second}")
    shown = shown_text(page)
    assert "This release was the canary until 1 h ago , when policy requested abort" in shown
    assert "policy requested abort : the canary is worse: quality" in shown
    assert "<script>alert" not in page


def test_a_comparison_that_has_ended_says_when_by_whom_and_why(browser, ended):
    _, url = ended
    shown = shown_text(browser("viewer", url).page("/use-cases/spam/comparison"))
    assert "This canary has ended 1 h ago : policy requested abort ( the canary is worse" in shown


def test_a_change_by_a_policy_shows_the_comparison_behind_it(browser, world):
    place = latest_comparison_path("spam", Environment.PRODUCTION)
    comparison = Comparison.model_validate_json(world.store.read(place))
    change = world.request(Action.ABORT, NOON, evidence=comparison.model_dump(mode="json"))
    page = browser("viewer").page(f"/changes/{change}")
    shown = shown_text(page)
    assert "undecided after 100 answers of the canary" in shown
    assert "Quality: mean loss, from labels" in shown
    assert "lower error" not in shown
    assert "100 of the canary, 900 of stable" in shown


def test_a_change_names_the_release_that_was_chosen_when_it_was_applied(browser, world):
    first, second = (one.id for one in world.releases["spam"])
    change = world.request(
        Action.PROMOTE,
        NOON - timedelta(minutes=1),
        reason="by default",
        environment=Environment.STAGING,
    )
    one = browser("viewer")
    assert "chosen when it is applied" in one.page(f"/changes/{change}")
    before, after = ServingState(stable=first), ServingState(stable=second)
    request = world.changes.get(change).request
    world.changes.finish(Change.of(request, before, after))
    assert second[:8] in shown_text(one.page(f"/changes/{change}").split("What was requested")[1])
    (row,) = (r for r in one.page("/changes").split("<tr>") if change in r)
    assert f"<code>{second[:8]}</code>" in row
    assert "2026-01-05 11:59:00 UTC" in row
