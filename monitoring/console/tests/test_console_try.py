"""The form of a use case's record, and the answers of all releases side by side."""

import html
import re

import pytest
from console_world import HOSTILE

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
    assert len(re.findall(r'name="field-features\.\d"', operator.page("/use-cases/iris/try"))) == 4
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
    assert len(re.findall(r">Click</bdi> <span", sent.text)) == 3
    assert "ms · the logged record" in shown


def test_a_try_enters_no_report(operator, answering):
    sent = operator.post("/use-cases/iris/try", {f"field-features.{n}": "1.5" for n in range(4)})
    link = re.search(r'href="(/predictions/[0-9a-f]{32})"', sent.text)
    assert link
    assert "in no report" in text(operator.page(link[1]))
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
