"""The form of a use case's record, and the answers of all releases side by side."""

import html
import re

import pytest
from console_world import HOSTILE

from console.pages.predicting.contributions import contributions
from mlplatform_client.models.predictions import PredictionExplanation

MAIL = {
    "field-email_id": "try-1",
    "field-subject": "Win $1000!",
    "field-body": "Click here now",
    "field-sender": "promo@test.com",
}


def text(page: str) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


@pytest.fixture
def operator(answering, browser):
    return browser("operator", answering.url)


def test_the_form_follows_the_schema(operator):
    page = operator.page("/use-cases/churn/try")
    assert re.search(r'<select id="field-Contract" name="field-Contract" required>', page)
    assert "<option>Two year</option>" in page
    tenure = re.search(r'<input id="field-tenure"[^>]*>', page)
    assert tenure
    assert 'type="number" step="any" min="0.0" max="1000" required' in tenure[0]
    total = re.search(r'<input id="field-TotalCharges"[^>]*>', page)
    assert total
    assert "required" not in total[0]
    page = operator.page("/use-cases/iris/try")
    assert len(re.findall(r'name="field-features\.\d"', page)) == 4
    assert re.findall(r'<label for="field-features\.\d"><bdi[^>]*>(\w+)<', page) == [
        "sepal_length", "sepal_width", "petal_length", "petal_width",
    ]  # fmt: skip
    assert '<textarea class="long" id="field-body"' in operator.page("/use-cases/spam/try")


@pytest.mark.parametrize(
    "name", ["spam", "iris", "churn", "sentiment", "email_categories", "drill"]
)
def test_an_example_fills_the_form_of_every_use_case_and_is_valid(operator, name, answering):
    page = operator.page(f"/use-cases/{name}/try")
    link = re.search(rf'href="(/use-cases/{name}/try\?example=[^"]+)"', page)
    assert link
    filled = operator.page(html.unescape(link[1]))
    assert not re.findall(r"<textarea[^>]*required[^>]*>\n</textarea>", filled)
    assert operator.get(f"/try/{name}").headers["location"] == f"/use-cases/{name}/try"


def test_the_answers_of_all_releases_stand_side_by_side(operator, answering):
    sent = operator.post("/use-cases/spam/try", MAIL)
    assert sent.status_code == 200
    first, second = (one.id[:8] for one in answering.world.releases["spam"])
    answers = re.findall(r'aria-labelledby="(\w+-\w+)"', sent.text.partition("Answers</h2>")[2])
    assert answers == ["production-stable", "production-canary", "staging-stable"]
    shown = text(sent.text)
    assert (shown.count(first), shown.count(second)) == (1, 2)
    assert "when this part is left out" in shown
    assert len(re.findall(r">Click</bdi> <span", sent.text)) == 2
    assert "The same release as in production (canary), and the same answer" in shown
    assert "ms · the logged record" in shown


def test_a_try_enters_no_report(operator, answering):
    sent = operator.post("/use-cases/iris/try", {f"field-features.{n}": "1.5" for n in range(4)})
    link = re.search(r'href="(/predictions/[0-9a-f]{32})"', sent.text)
    assert link
    assert "excluded from reports" in text(operator.page(link[1]))
    assert "instead" in text(sent.text)


def test_a_wrong_field_is_named_next_to_it(operator):
    values = {f"field-features.{n}": "1.5" for n in range(3)} | {"field-features.3": "x"}
    sent = operator.post("/use-cases/iris/try", values)
    assert sent.status_code == 422
    assert "cannot be read as a number" in text(sent.text)
    control = re.search(r'<input id="field-features\.3"[^>]*>', sent.text)
    assert control
    assert 'aria-invalid="true"' in control[0]
    assert 'value="1.5"' in sent.text


def test_a_use_case_that_serves_nowhere_says_so(operator):
    sent = operator.post("/use-cases/sentiment/try", {"field-text": "good"})
    assert "No release of this use case serves yet." in text(sent.text)
    for page in (sent.text, operator.page("/use-cases/sentiment/try")):
        assert "No release of sentiment serves in production or staging, so nothing" in text(page)
    page = text(operator.page("/use-cases/iris/try"))
    assert "No release of iris serves in production: only staging can answer." in page
    assert "No release of" not in text(operator.page("/use-cases/spam/try"))


def test_text_is_shown_as_text(operator):
    sent = operator.post("/use-cases/spam/try", {**MAIL, "field-body": HOSTILE})
    assert sent.status_code == 200
    assert "<script>alert" not in sent.text
    assert len(sent.content) < 60_000


def test_unknown_use_cases_and_viewers_are_refused(operator, answering, browser):
    assert operator.get("/use-cases/none/try").status_code == 404
    assert operator.get("/try/none").status_code == 404
    viewer = browser("viewer", answering.url)
    assert viewer.get("/use-cases/spam/try").status_code == 403
    assert viewer.post("/use-cases/spam/try", MAIL).status_code == 403


def test_while_a_service_does_not_answer_the_reason_stands_in_its_place(browser):
    """In this world no inference service runs."""
    sent = browser("operator").post("/use-cases/spam/try", MAIL)
    assert sent.status_code == 200
    assert "The gateway cannot answer now" in text(sent.text)


def test_changes_are_in_percentage_points_and_equal_words_are_told_apart(operator):
    sent = operator.post("/use-cases/spam/try", {**MAIL, "field-body": "free money, free money"})
    shown = text(sent.text)
    assert "in percentage points when this part is left out" in shown
    assert not re.search(r"\de[-+]\d", shown.partition("Answers")[2])
    assert "body , occurrence 1 of 2" in shown
    assert "body , occurrence 2 of 2" in shown


def test_back_returns_to_the_answers(open_page):
    page = open_page("/use-cases/iris/try?example=setosa")
    page.click("text=Send to all serving releases")
    assert page.inner_text("#answers-title") == "Answers"
    page.click("nav[aria-label=Main] >> text=Changes")
    assert page.inner_text("h1") == "Changes"
    page.go_back()
    assert page.inner_text("#answers-title") == "Answers"


def test_only_the_answers_may_be_kept_by_the_browser(operator):
    path = "/use-cases/spam/try"
    assert operator.get(path).headers["cache-control"] == "no-store"
    assert operator.post(path, MAIL).headers["cache-control"] == "private, no-cache"


def explained(*changes: float | None, score_of: str | None = "spam") -> PredictionExplanation:
    part = {"field": "body", "start": 0, "end": 3, "replaced_by": []}
    return PredictionExplanation.model_validate(
        {
            "release_id": "ab" * 16,
            "role": "stable",
            "environment": "production",
            "prediction": "spam" if score_of else 3.0,
            "score_of": score_of,
            "score": 0.999,
            "rows": len(changes),
            "degraded": False,
            "parts": [{**part, "value": f"word-{n}", "change": c} for n, c in enumerate(changes)],
        }
    )


def test_tiny_changes_are_negligible_and_have_tiny_bars():
    found = contributions(explained(7.1e-04, -0.0002))
    assert (found.negligible, found.scale) == (True, 0.01)
    found = contributions(explained(7.1e-04, -0.2))
    assert (found.negligible, found.scale, found.shown[0].value) == (False, 0.2, "word-1")
    assert not contributions(explained(7.1e-04, score_of=None)).negligible


def test_parts_that_are_not_shown_are_counted_by_their_reason():
    found = contributions(explained(*[0.1] * 13, None, None))
    assert (len(found.shown), found.less, found.fixed) == (10, 3, 2)
