"""Search, passports, labels and replays of logged predictions."""

import html
import re

import pytest
from console_world import HOSTILE, build_world

from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingState
from platform_core.storage import RELEASE_FILE, release_path

MAIL = {"subject": "Meeting tomorrow", "body": HOSTILE, "sender": "jane@company.com"}


def text(page: str) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


@pytest.fixture(scope="module")
def predicted(answering) -> list[str]:
    """Predict in both environments; return the prediction ids, oldest first."""
    with answering.client("admin") as client:
        found = [
            client.predict(
                {**MAIL, "email_id": f"order-{number}"},
                use_case="spam",
                environment=environment,
                role="stable",
            ).prediction_id
            for number, environment in enumerate(["staging", "production", "production"])
        ]
        client.operations.flush_inference_log()
    return found


@pytest.fixture
def operator(answering, browser):
    return browser("operator", answering.url)


def listed(page: str) -> set[str]:
    return set(re.findall(r'href="/predictions/([0-9a-f]{32})"', page))


def test_the_search_begins_with_a_use_case_that_serves(operator, predicted):
    one = operator.get("/predictions")
    assert (one.status_code, one.headers["location"]) == (303, "/use-cases/iris/predictions")
    one = operator.get("/predictions?use_case=spam&environment=staging&q=&label=")
    assert one.headers["location"] == "/use-cases/spam/predictions?environment=staging"
    assert operator.get("/predictions?use_case=none").status_code == 404


def test_without_a_use_case_it_begins_with_one_that_has_traffic(
    answering, predicted, browser, start_console
):
    with answering.client() as client:
        client.predict({**MAIL, "email_id": "live"}, use_case="spam", environment="production")
    with answering.client("admin") as client:
        client.operations.flush_inference_log()
    with start_console(answering.gateway_url) as url:  # one that has not read the traffic yet
        found = browser("operator", url).get("/predictions").headers["location"]
        page = browser("operator", url).page(found)
    assert found == "/use-cases/spam/predictions"
    assert "<h1><bdi>Predictions of spam</bdi></h1>" in page


def test_the_drill_is_not_chosen(browser, start_console, start_gateway, tmp_path):
    world = build_world(tmp_path)
    world.serve("drill", Environment.PRODUCTION, ServingState(stable="ab" * 16))
    with start_gateway(world) as gateway, start_console(gateway) as url:
        found = browser("operator", url).get("/predictions").headers["location"]
    assert found == "/use-cases/iris/predictions"


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("", {0, 1, 2}),
        ("environment=staging", {0}),
        ("environment=production", {1, 2}),
        ("q=order-1", {1}),
        ("q=meeting", {0, 1, 2}),
        ("q=nothing", set()),
        ("release_id=" + "0" * 32, set()),
        ("from=2026-01-05T12:00", {0, 1, 2}),
        ("to=2026-01-05T12:00", set()),
    ],
)
def test_it_filters(operator, predicted, query, places):
    found = listed(operator.page(f"/use-cases/spam/predictions?{query}"))
    assert {place for place, one in enumerate(predicted) if one in found} == places


def test_the_digits_that_pages_show_of_a_release_find_its_predictions(
    operator, predicted, answering
):
    first, second = (one.id for one in answering.world.releases["spam"])
    for given, places in ((first[:8], {1, 2}), (second[:8], {0}), (second, {0})):
        found = listed(operator.page(f"/use-cases/spam/predictions?release_id={given}"))
        assert {place for place, one in enumerate(predicted) if one in found} == places


def test_the_beginning_of_no_release_or_of_several_is_refused(operator, answering):
    release = answering.world.releases["spam"][0].id
    similar = release_path("spam", f"{release[:8]}{'0' * 24}", RELEASE_FILE)
    path = "/use-cases/spam/predictions?release_id="
    for given, said in (("0" * 8, "there is no release"), ("0" * 7, "is not a release id")):
        refused = operator.get(f"{path}{given}")
        assert refused.status_code == 422
        assert said in text(refused.text)
        assert "No prediction meets these conditions" not in text(refused.text)
    answering.world.store.write(similar, b"{}")
    try:
        assert "several releases" in text(operator.get(f"{path}{release[:8]}").text)
    finally:
        answering.world.store.delete(similar)


def test_the_id_of_a_prediction_leads_to_its_page(operator, predicted):
    for use_case in ("spam", "iris"):
        found = operator.get(f"/use-cases/{use_case}/predictions?q={predicted[0]}")
        assert (found.status_code, found.headers["location"]) == (
            303,
            f"/predictions/{predicted[0]}",
        )
    unknown = operator.page(f"/use-cases/spam/predictions?q={'f' * 32}")
    assert "No prediction meets these conditions" in text(unknown)
    assert "in its record id (given by the caller)" in text(unknown)


def test_what_is_not_valid_is_said_next_to_the_form(operator):
    one = operator.get("/use-cases/spam/predictions?from=noon")
    assert one.status_code == 422
    assert "not a time" in text(one.text)
    assert 'name="q"' in one.text


def test_it_says_whether_texts_are_searched(
    operator, browser, start_console, start_gateway, tmp_path
):
    path, off = "/use-cases/spam/predictions", "Search in the texts of records is off"
    assert off not in text(operator.page(path))
    without = build_world(tmp_path, record_search_text=False)
    with start_gateway(without) as gateway, start_console(gateway) as url:
        assert off in text(browser("operator", url).page(path))


def test_a_passport_shows_record_answer_and_lineage(operator, predicted, answering):
    page = operator.page(f"/predictions/{predicted[0]}")
    shown = text(page)
    release = answering.world.releases["spam"][1].id
    assert "Answered" in shown
    assert "***@company.com" in shown
    assert "jane@" not in shown
    assert f"/use-cases/spam/releases/{release}" in page
    assert f"/datasets/spam/{'0' * 16}" in page
    assert "<script>alert" not in page
    assert "None yet: whether this answer is right is unknown." in shown
    assert 'href="/runs/spam/run-1"' in page
    assert "Features complete" in shown
    names = answering.world.releases["spam"][1].manifest.features.numbers
    for name in names:
        assert f">{name}</bdi></dt>" in page
    assert "spam where P( spam ) is at least 0." in shown


def test_a_label_is_accepted_known_replaced_and_shown_with_its_history(operator, predicted):
    path = f"/predictions/{predicted[1]}"

    def send(label: str) -> str:
        sent = operator.post(f"{path}/label", {"use_case": "spam", "label": label})
        assert sent.status_code == 303, sent.text
        return text(operator.page(sent.headers["location"]))

    assert "The label was accepted." in send("spam")
    assert "nothing has changed" in send("spam")
    shown = send("ham")
    assert "The label was replaced" in shown
    assert "no, replaced" in shown
    assert "test-operator" in shown


def test_wrong_answers_are_found(operator, predicted):
    shown = operator.page(f"/predictions/{predicted[0]}")
    answer = re.search(r"<strong><bdi[^>]*>(ham|spam)</bdi></strong>", shown)
    assert answer
    other = {"ham": "spam", "spam": "ham"}[answer[1]]
    path = f"/predictions/{predicted[0]}/label"
    search = "/use-cases/spam/predictions?wrong=true&environment=staging"
    for label, places in ((answer[1], set()), (other, {predicted[0]})):
        assert operator.post(path, {"use_case": "spam", "label": label}).status_code == 303
        page = operator.page(search)
        assert listed(page) == places
        assert re.search(r'name="wrong" value="true" checked>', page)
    followed = operator.get("/predictions?use_case=spam&wrong=true").headers["location"]
    assert followed == "/use-cases/spam/predictions?wrong=true"


def test_a_refused_label_says_why(operator, predicted):
    path = f"/predictions/{predicted[1]}/label"
    sent = operator.post(path, {"use_case": "spam", "label": "neither"})
    assert sent.status_code == 422
    assert "unknown-class" in sent.text
    sent = operator.post(path, {"use_case": "spam", "label": "ham", "known_at": "2030-01-01T00:00"})
    assert "in-the-future" in sent.text
    assert operator.post(path, {"use_case": "none", "label": "ham"}).status_code == 422


def test_a_replay_that_cannot_be_computed_says_why(operator, predicted):
    shown = text(operator.page(f"/predictions/{predicted[0]}?replay=true"))
    assert "It could not be computed" in shown


def test_a_replay_says_what_counts_as_reproduced(operator, predicted, answering, monkeypatch):
    folder = answering.world.store.uri("models/x").removesuffix("/models/x")
    monkeypatch.setenv("BLOB_STORE_URL", folder)
    shown = text(operator.page(f"/predictions/{predicted[0]}?replay=true"))
    assert "if they differ by no more than 0.000001" in shown
    assert "The release gives the same answer again." in shown
    assert "not reproduced" not in shown


def test_unknown_and_erased_predictions_are_said_plainly(operator, answering, predicted):
    missing = operator.get("/predictions/none")
    assert missing.status_code == 404
    assert "Not found" in missing.text
    answering.erase(predicted[2])
    gone = operator.get(f"/predictions/{predicted[2]}")
    assert gone.status_code == 410
    assert "It was erased" in gone.text


def test_a_page_that_a_key_may_not_see_says_why_and_keeps_the_use_case(browser):
    refused = browser("viewer").get("/use-cases/spam/predictions")
    assert refused.status_code == 403
    assert "This needs the role operator, because it shows the records of callers" in refused.text
    assert 'href="/runs?use_case=spam"' in refused.text


def test_a_viewer_sees_and_sends_nothing(answering, browser, predicted):
    one = browser("viewer", answering.url)
    for path in ("/use-cases/spam/predictions", f"/predictions/{predicted[0]}"):
        refused = one.get(path)
        assert refused.status_code == 403
        assert "role operator" in refused.text
    sent = one.post(f"/predictions/{predicted[0]}/label", {"use_case": "spam", "label": "ham"})
    assert sent.status_code == 403
