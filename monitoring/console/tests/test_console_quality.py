"""Quality and drift over time."""

import html
import re

import pytest
from console_reports import GATE, HOSTILE_COLUMN, write_reports
from console_world import NOON

PAGE = "/use-cases/churn/quality?environment=production"


def text(page: str) -> str:
    """Return the visible text of a page, roughly."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


@pytest.fixture(scope="module", autouse=True)
def reports(world):
    write_reports(world.store, "churn", NOON)


def test_the_verdicts_are_those_of_the_reports(browser):
    shown = text(browser("viewer").page(PAGE))
    assert "as good as required" in shown
    assert "drifted not harmful window ended 0 s ago" in shown
    assert f"f1 0.900 [0.850, 0.950] gate {GATE:.3f}" in shown


def test_the_chart_shows_values_estimates_gaps_the_gate_and_alarms(browser):
    page = browser("viewer").page(PAGE)
    assert 'class="line s1 guess"' in page
    assert page.count('class="hollow s1"') == 2  # in the chart, and in the legend
    assert "gate: at least 0.85" in page
    assert "10:00 UTC: not enough, 47 more labels needed" in text(page)
    marked = text(page[page.index("Marked on the chart") :])
    for alarm in ("harmful f1 is 0.7, below 0.85", "below its gate", f"drift in {HOSTILE_COLUMN}"):
        assert alarm in marked
    assert marked.count("below its gate") >= 1


def test_the_table_has_the_numbers_of_the_chart(browser):
    page = browser("viewer").page(PAGE)
    rows = re.findall(r"<tr><th scope=\"row\" class=\"nowrap\">.*?</tr>", page, re.S)
    shown = [text(row) for row in rows]
    assert any("0.900 [0.850, 0.950] estimated without labels 0 1,000" in row for row in shown)
    assert any("not enough 47 more labels needed not enough 3 1,000" in row for row in shown)
    assert any("0.700 [0.650, 0.750] from labels 500 1,000 below its gate" in row for row in shown)


def test_another_metric_and_a_slice_can_be_chosen(browser):
    one = browser("viewer")
    assert "recall over time" in text(one.page(f"{PAGE}&metric=recall"))
    slices = text(one.page(f"{PAGE}&metric=f1&slice=plan%3D%3Ci%3Ebasic%3C%2Fi%3E"))
    assert "f1 of plan=<i>basic</i> over time" in slices
    assert "47 more labels needed" in slices
    assert "f1 over time" in text(one.page(f"{PAGE}&metric=nonsense"))


def test_a_column_that_moved_shows_both_distributions(browser):
    page = browser("viewer").page(PAGE)
    moved = text(page[page.index('id="moved"') :])
    assert f"{HOSTILE_COLUMN} 1,000 values PSI 0.400" in moved
    assert "known 75.0 % 20.0 %" in moved
    assert "Did not move in any window: length" in text(page)
    assert HOSTILE_COLUMN not in page


def test_earlier_windows_are_on_a_page_of_their_own(browser):
    one = browser("viewer")
    earlier = re.search(r'href="(\?[^"]*)">Earlier windows', one.page(PAGE))
    assert earlier
    past = one.page("/use-cases/churn/quality" + earlier[1].replace("&amp;", "&"))
    assert "no quality report in this week" in text(past)
    assert "Show the newest" in past
    middle = one.page(f"{PAGE}&to=2026-01-05T02:00:00Z")
    assert "window ended 10 h ago" in text(middle)


@pytest.mark.parametrize("to", ["yesterday", "2026-13-01", "9" * 50])
def test_a_time_that_is_none_is_refused(browser, to):
    assert browser("viewer").get(f"{PAGE}&to={to}").status_code == 404


def test_without_reports_nothing_is_said(browser):
    shown = text(browser("viewer").page("/use-cases/sentiment/quality?environment=production"))
    assert shown.count("unknown") >= 2
    assert "as good as required" not in shown
    assert "not drifted" not in shown


def test_other_places_are_not_found(browser):
    one = browser("viewer")
    assert one.get("/use-cases/nothing/quality").status_code == 404
    assert one.get("/use-cases/churn/quality?environment=moon").status_code in {400, 404}


def test_the_tables_link_to_their_json(browser):
    one = browser("viewer")
    links = re.findall(r'href="(/json/[^"]+)"', one.page(PAGE))
    assert len(links) >= 3
    for link in links:
        assert one.get(link.replace("&amp;", "&")).status_code == 200
