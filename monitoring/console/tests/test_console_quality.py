"""Quality and drift over time."""

import html
import re
from datetime import timedelta

import pytest
from console_reports import GATE, HOSTILE_COLUMN, write_reports
from console_world import HOUR, NOON, build_world

from console.pages.cards import MeasuredValue
from console.pages.quality import difference_words
from console.reports.drift import drift_history
from mlplatform_client.models.drift import DriftReport as ReadReport
from mlplatform_client.models.quality import QualityEstimate as LiveEstimate
from platform_core.contracts.drift_report import ColumnDrift, DriftReport, DriftVerdict
from platform_core.contracts.environments import Environment
from platform_core.contracts.quality_report import (
    MetricQuality,
    QualityEstimate,
    QualityMethod,
    QualityReport,
    QualityVerdict,
    SliceQuality,
)
from platform_core.contracts.serving_state import ServingRole
from platform_core.storage import drift_report_path, quality_report_path

PAGE = "/use-cases/churn/quality?environment=production"
SPAM = "/use-cases/spam/quality?environment=production"
PRODUCTION = Environment.PRODUCTION
SECONDS = timedelta(seconds=46)
UNDECIDED = QualityEstimate("f1", 0.9, 0.815, 0.978, GATE, method=QualityMethod.LABELS)
DIFFERENT = {50: (0.90, 0.85, 0.929), 60: (0.99, 0.961, 0.999), 70: (0.90, 0.85, 0.93)}
"""Hours before `NOON`, and f1 of spam then; on the test rows it is 0.950, 0.930 to 0.960."""


def text(page: str) -> str:
    """Return the visible text of a page, roughly."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


@pytest.fixture(scope="module", autouse=True)
def reports(world):
    write_reports(world.store, "churn", NOON)


def value(**given) -> MetricQuality:
    usual = {"metric": "f1", "method": QualityMethod.LABELS, "rows": 60, "labelled": 60}
    return MetricQuality(**{**usual, "estimate": 0.9, "low": 0.815, "high": 0.978, **given})


def quality(release_id: str, number: int, **given) -> QualityReport:
    """Return a report of spam, one hour before `NOON` for each `number`."""
    end = NOON - number * HOUR
    usual = {
        "report_id": f"{number:032x}", "revision": 1, "use_case": "spam",
        "environment": PRODUCTION, "release_id": release_id, "role": ServingRole.STABLE,
        "start": end - HOUR, "end": end, "created_at": end, "mature": False, "rows": 60,
        "labelled": 60, "calibrated_on": 0, "verdict": QualityVerdict.UNDECIDED,
        "gates": (UNDECIDED,), "metrics": (value(),),
    }  # fmt: skip
    return QualityReport(**{**usual, **given})


def slices() -> tuple[SliceQuality, ...]:
    counts = {"all": (46, 46), "some": (7, 90), "none": (0, 30)}
    return tuple(
        SliceQuality(
            kind="length", name=name, rows=rows, labelled=labelled,
            metrics=(
                value(method=QualityMethod.ESTIMATED, rows=rows, labelled=labelled, needed=4),
            ),
        )
        for name, (labelled, rows) in counts.items()
    )  # fmt: skip


def moved(name: str, psi: float) -> ColumnDrift:
    return ColumnDrift(
        column=name, kind="numeric", verdict=DriftVerdict.DRIFT, rows=1000, psi=psi, drifted=True
    )


def test_the_columns_that_drifted_most_come_first():
    columns = tuple(moved(f"column{number}", 0.3 + number) for number in range(14))
    report = drift("f" * 32)
    report = report.model_copy(update={"columns": columns})
    found = drift_history([ReadReport.model_validate_json(report.model_dump_json())])
    assert [one.name for one in found.columns] == [f"column{n}" for n in range(13, 1, -1)]
    assert list(found.others) == ["column1", "column0"]


def drift(release_id: str) -> DriftReport:
    names = [f"column{number}" for number in range(19)]
    column = ColumnDrift(
        column="column0", kind="numeric", verdict=DriftVerdict.DRIFT, rows=1000, psi=0.4,
        drifted=True,
    )  # fmt: skip
    return DriftReport(
        report_id="d" * 32, use_case="spam", environment=PRODUCTION, release_id=release_id,
        start=NOON - HOUR, end=NOON, created_at=NOON, rows=1000, verdict=DriftVerdict.DRIFT,
        drifted=True, harmful=None, quality=(UNDECIDED,), role=ServingRole.STABLE, score=0.4,
        columns=(column,), class_shares={}, alarms=tuple(f"drift:{name}" for name in names),
    )  # fmt: skip


@pytest.fixture(scope="module")
def measured(tmp_path_factory, start_gateway, start_console):
    """A console whose use case spam is undecided for two hours after an hour that was good, and
    was measured again within the last minute; churn has reports of 80 hours.
    """
    world = build_world(tmp_path_factory.mktemp("measured"))
    release = world.releases["spam"][0].id
    begun = NOON - SECONDS
    reports = [
        *(
            quality(release, hours, gates=(QualityEstimate("f1", *f1, GATE),))
            for hours, f1 in DIFFERENT.items()
        ),
        quality(release, 2, verdict=QualityVerdict.OK),
        quality(release, 1),
        quality(release, 0, start=NOON - HOUR, end=begun, slices=slices()),
        quality(release, 9, start=begun, end=begun + SECONDS, slices=slices()),
    ]
    for one in reports:
        path = quality_report_path("spam", PRODUCTION, one.end, one.report_id)
        world.store.write(path, one.model_dump_json().encode())
    one = drift(release)
    path = drift_report_path("spam", PRODUCTION, one.end, one.report_id, "json")
    world.store.write(path, one.model_dump_json().encode())
    write_reports(world.store, "churn", NOON, hours=80)
    with start_gateway(world) as gateway, start_console(gateway) as url:
        yield url


@pytest.fixture
def spam(browser, measured) -> str:
    return browser("viewer", measured).page(SPAM)


def test_a_slice_whose_answers_are_all_labelled_is_not_called_without_labels(spam):
    shown = text(spam[spam.index('id="slices"') : spam.index('id="drift"')])
    assert "length: all" in shown
    assert "from labels, too few labels (46; 4 more needed) 46 46" in shown
    assert "estimated, too few labels (7; 4 more needed) 7 90" in shown
    assert "estimated without labels 0 30" in shown
    assert shown.count("estimated without labels") == 1


def test_a_short_window_is_shown_with_seconds_and_its_counts_with_what_they_count(spam):
    shown = text(spam[: spam.index('id="quality"')])
    assert "Window 05 Jan 11:59:14 to 12:00:00 UTC" in shown
    assert "Window 05 Jan 11:00 to 12:00 UTC" in shown
    assert "60 of 60 stable answers in this window, all of them are labelled; answers" in shown
    assert "1,000 of this release in this window" in shown
    assert "Only live answers count" in shown
    assert "more can come" not in shown


def test_an_undecided_verdict_has_its_reason_its_beginning_and_the_held_out_figure(spam):
    shown = text(spam[: spam.index('id="quality"')])
    reason = "undecided: the interval 0.815 to 0.978 contains the gate 0.850"
    assert f"f1 0.900 [0.815, 0.978] gate 0.850, {reason}" in shown
    tested = "test rows 0.950 [0.930, 0.960] : live is 0.050 lower, no clear difference"
    assert tested in shown
    assert "undecided since the window that started at 2026-01-05 10:00:00 UTC (3 windows)" in shown
    assert f"whether it is harmful is unknown : f1 is {reason}" in shown


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (50, "live is 0.050 lower, clearly worse: the intervals do not overlap"),
        (60, "live is 0.040 higher, clearly better: the intervals do not overlap"),
        (70, "live is 0.050 lower, no clear difference: the intervals overlap"),
    ],
)
def test_live_values_are_clearly_different_only_if_the_intervals_do_not_overlap(
    browser, measured, hours, said
):
    to = (NOON - hours * HOUR).isoformat().replace("+00:00", "Z")
    shown = text(browser("viewer", measured).page(f"{SPAM}&to={to}"))
    assert f"test rows 0.950 [0.930, 0.960] : {said}" in shown


@pytest.mark.parametrize(
    ("metric", "estimate", "said"),
    [
        ("mae", 2.0, "live is 1.000 higher, clearly worse: the intervals do not overlap"),
        ("mae", 0.2, "live is 0.800 lower, clearly better: the intervals do not overlap"),
        ("f1", 0.2, "live is 0.800 lower, clearly worse: the intervals do not overlap"),
        ("f1", 2.0, "live is 1.000 higher, clearly better: the intervals do not overlap"),
        ("f1", 1.0, "live is the same, no clear difference: the intervals overlap"),
    ],
)
def test_a_higher_error_is_worse(metric, estimate, said):
    live = LiveEstimate(
        metric=metric, estimate=estimate, low=estimate - 0.1, high=estimate + 0.1, limit=0.5,
        method="labels",
    )  # fmt: skip
    assert difference_words(live, MeasuredValue(value=1.0, low=0.9, high=1.1)) == said


def test_without_an_interval_it_is_unknown_whether_a_difference_is_chance():
    live = LiveEstimate(metric="f1", estimate=0.5, low=None, high=None, limit=0.5, method="labels")
    said = difference_words(live, MeasuredValue(value=1.0, low=0.9, high=1.1))
    assert said == (
        "live is 0.500 lower; without both intervals it is unknown whether that is chance"
    )


def test_quality_below_its_gate_is_marked_as_bad_on_every_page(
    tmp_path, browser, start_gateway, start_console
):
    world = build_world(tmp_path)
    one = quality(world.releases["spam"][0].id, 0, verdict=QualityVerdict.BELOW_GATE)
    path = quality_report_path("spam", PRODUCTION, one.end, one.report_id)
    world.store.write(path, one.model_dump_json().encode())
    with start_gateway(world) as gateway, start_console(gateway) as url:
        viewer = browser("viewer", url)
        for page in map(viewer.page, ("/", "/use-cases/spam", SPAM)):
            badges = re.findall(r'<span class="badge (\w+)">below its gate</span>', page)
            assert set(badges) == {"bad"}


def test_the_serving_page_says_why_quality_is_undecided(browser, measured):
    shown = text(browser("viewer", measured).page("/use-cases/spam"))
    assert "undecided 60 answers in the window that ended 0 s ago" in shown
    assert "f1 0.900 [0.815, 0.978] : the interval contains the gate 0.850" in shown
    assert "live ones only" in shown


def test_all_alarms_of_a_statement_can_be_read(spam):
    row = re.search(rf'<tr id="drift-{"d" * 32}">.*?</tr>', spam, re.S)
    assert row
    assert "<summary>and 16 more</summary>" in row[0]
    assert "drift in column18" in text(row[0])
    assert f'href="#drift-{"d" * 32}">drifted' in spam


def test_the_drift_section_names_the_time_of_its_windows_and_explains_psi(spam):
    shown = text(spam[spam.index('id="drift"') :])
    assert "05 Jan 11:00 to 12:00 UTC. A tall cell" in shown
    assert "06:00" not in shown
    assert shown.index("PSI, the population stability index") < shown.index("PSI 0.400")


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
    assert "No drift in any window: length" in text(page)
    assert HOSTILE_COLUMN not in page


def test_every_window_is_on_one_of_the_pages_that_earlier_windows_leads_to(browser, measured):
    one, page, starts = browser("viewer", measured), PAGE, set()
    for name in ("Earlier windows", "Earlier windows", "The week before"):
        shown = one.page(page)
        starts |= set(re.findall(r"nowrap\">(\d\d Jan \d\d:\d\d)", shown))
        link = re.search(rf'href="(\?[^"]*)">{name}</a>', shown)
        assert link, page
        page = "/use-cases/churn/quality" + html.unescape(link[1])
    wanted = {(NOON - (back + 1) * HOUR).strftime("%d %b %H:%M") for back in range(80)}
    assert wanted <= starts
    last = one.page(page)
    assert "no quality report of the week before 2025-12-26 14:00:00 UTC" in text(last)
    assert "Show the latest" in last
    assert 'aria-label="Windows"' not in last


def test_the_windows_until_a_time_can_be_shown(browser):
    middle = browser("viewer").page(f"{PAGE}&to=2026-01-05T02:00:00Z")
    assert "window ended 10 h ago" in text(middle)


def test_the_distributions_fit_a_phone(open_page):
    page = open_page(PAGE, viewport={"width": 390, "height": 900})
    hidden = page.evaluate(
        """() => [...document.querySelectorAll("#moved .scroll, #slices .scroll")]
        .concat([...document.querySelectorAll("#drift .scroll:has(.strips)")])
        .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)"""
    )
    assert hidden == []


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
