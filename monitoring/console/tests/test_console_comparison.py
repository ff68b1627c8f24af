"""The live comparison of a canary or shadow."""

import html
import json
import re

import pytest
from console_world import HOSTILE, NOON, World

from console.reports.evidence import DRAWN_POINTS, criteria, evidence_points, still_needed
from console.web.values import decimal
from mlplatform_client.models.comparisons import Comparison as ReadComparison
from mlplatform_client.models.comparisons import CriterionResult
from mlplatform_client.models.comparisons import EvidenceHistory as ReadHistory
from platform_core.contracts.comparison import (
    Comparison,
    EvidenceHistory,
    EvidenceInterval,
    EvidencePoint,
)
from platform_core.contracts.environments import Environment
from platform_core.storage import evidence_history_path, latest_comparison_path
from records.index import IndexedRecord, RecordIndex

PAGE = "/use-cases/spam/comparison?environment=production"
POINTS = 4
MINUS = "\u2212"


def text(page: str) -> str:
    """Return the visible text of a page, roughly."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


@pytest.fixture(scope="module", autouse=True)
def evidence(world, browser):
    """Store how the evidence about spam's canary grew, and records that both releases answered."""
    browser("operator").page(PAGE)  # the record index has read everything that is stored
    place = ("spam", Environment.PRODUCTION)
    comparison = Comparison.model_validate_json(world.store.read(latest_comparison_path(*place)))
    points = tuple(_point(comparison, part / POINTS) for part in range(1, POINTS + 1))
    fields = set(EvidenceHistory.model_fields) - {"points"}
    history = EvidenceHistory(**{f: getattr(comparison, f) for f in fields}, points=points)
    path = evidence_history_path(*place, comparison.change_id)
    world.store.write(path, history.model_dump_json().encode())
    _disagree(world, 25)


def _point(comparison: Comparison, part: float) -> EvidencePoint:
    criteria = tuple(
        EvidenceInterval(
            name=one.name,
            estimate=one.estimate,
            lower=one.lower / part,
            upper=one.upper / part,
            margin=one.margin,
            candidate_records=int(one.candidate_records * part),
            verdict=one.verdict,
        )
        for one in comparison.criteria
    )
    return EvidencePoint(
        updated=comparison.started + (comparison.updated - comparison.started) * part,
        stable_answers=int(comparison.stable_answers * part),
        candidate_answers=int(comparison.candidate_answers * part),
        criteria=criteria,
        verdict=comparison.verdict,
    )


def _disagree(world: World, count: int) -> None:
    first, second = (one.id for one in world.releases["spam"])
    index = RecordIndex(world.gateway.settings.record_index_file)
    records = [
        IndexedRecord(
            f"{number:032x}", "spam", "production", NOON.isoformat(timespec="microseconds"),
            release, role, "live", role == "stable", prediction, f"{HOSTILE}{number}", "path",
        )
        for number in range(count)
        for release, role, prediction in ((first, "stable", "ham"), (second, "shadow", "spam"))
    ]  # fmt: skip
    index.add_records("path", records, [""] * len(records))


def test_the_verdict_and_what_is_still_needed(browser):
    shown = text(browser("viewer").page(PAGE))
    assert "undecided 1,234 more needed, if the two are equally good" in shown
    assert "100 of the candidate, 900 of the stable release" in shown
    assert "Errors: share of failed answers" in shown
    assert f"0.001 [{MINUS}0.020, 0.030]" in shown


def criterion(verdict: str, needed: int | None) -> CriterionResult:
    return CriterionResult(
        name="errors", estimate=None, lower=None, upper=None, lower_error=0.05, upper_error=0.05,
        margin=2.0, candidate_records=1, stable_records=1, verdict=verdict, needed=needed,
        detail="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("verdict", "needed", "criteria", "says"),
    [
        ("undecided", 50, [("undecided", 50)], "50 more needed"),
        (
            "undecided",
            None,
            [("undecided", 20), ("undecided", 1300), ("undecided", None), ("equivalent", 9000)],
            "at least 1,300 more needed",
        ),
        ("undecided", None, [("undecided", None)], "unknown how many more are needed"),
        ("worse", None, [("worse", None)], ""),
    ],
)
def test_what_an_undecided_comparison_still_needs(verdict, needed, criteria, says):
    comparison = ReadComparison.model_construct(
        verdict=verdict, needed=needed, criteria=[criterion(*one) for one in criteria]
    )
    assert still_needed(comparison) == says


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "unknown"), (2.0, "2.000"), (-0.2666, f"{MINUS}0.267"), (0.0, "0.000"),
        (-0.0008, f"{MINUS}0.001"), (-0.0004, "0.000"),
    ],
)  # fmt: skip
def test_differences_have_the_same_number_of_decimals(value, shown):
    assert decimal(value) == shown


def test_the_evidence_as_it_grew_is_a_chart_and_a_table(browser):
    page = browser("viewer").page(PAGE)
    assert page.count('class="chart plot rows-1"') == 3
    assert "margin 0.01" in page
    growth = text(page[page.index("Values of the last 4 of 4 points") :])
    assert f"0.001 [{MINUS}0.020, 0.030]" in growth
    assert f"0.001 [{MINUS}0.080, 0.120]" in growth


def test_the_newest_point_has_what_labels_changed_since(world):
    place = ("spam", Environment.PRODUCTION)
    stored = json.loads(world.store.read(latest_comparison_path(*place)))
    comparison = ReadComparison.model_validate(stored)
    before = json.loads(world.store.read(evidence_history_path(*place, comparison.change_id)))
    for one in before["points"][-1]["criteria"]:
        one |= {"estimate": None, "lower": None, "upper": None}
    points = evidence_points(comparison, ReadHistory.model_validate(before))
    assert len(points) == POINTS
    assert [one.estimate for one in points[-1].criteria] == [
        one.estimate for one in comparison.criteria
    ]
    other = ReadHistory.model_validate(before | {"change_id": "0" * 32})
    assert evidence_points(comparison, other) == []


@pytest.mark.parametrize("count", [1, DRAWN_POINTS, DRAWN_POINTS + 1, 1000])
def test_a_long_history_is_drawn_with_some_of_its_points(world, count):
    place = ("spam", Environment.PRODUCTION)
    stored = json.loads(world.store.read(latest_comparison_path(*place)))
    comparison = Comparison.model_validate(stored)
    parts = [_point(comparison, part / count) for part in range(1, count + 1)]
    fields = set(EvidenceHistory.model_fields) - {"points"}
    history = EvidenceHistory(**{f: getattr(comparison, f) for f in fields}, points=tuple(parts))
    read = ReadHistory.model_validate_json(history.model_dump_json())
    found = ReadComparison.model_validate(stored)
    for one in criteria(found, evidence_points(found, read)):
        dots = one.plot.dots
        assert min(count, DRAWN_POINTS / 2) <= len(dots) <= DRAWN_POINTS
        assert f"{one.result.candidate_records:,} records" in dots[-1].text


def test_an_admin_can_go_on_to_promote_or_abort(browser, world):
    second = world.releases["spam"][1].id
    page = browser("admin").page(PAGE)
    base = "/use-cases/spam/production/change?action="
    assert f"{base}promote&amp;release_id={second}" in page
    assert f"{base}abort" in page
    assert base not in browser("operator").page(PAGE)
    assert f"/changes/{world.suggestion}" in page


def test_the_records_on_which_the_two_disagree_are_paged_and_for_operators(browser):
    one = browser("operator")
    page = one.page(PAGE)
    assert page.count('href="/predictions/') >= 20
    assert "ham spam unknown unknown" in text(page[page.index('id="differing"') :])
    assert "<script>alert" not in page
    following = re.search(r'rel="next" href="([^"]+)"', page)
    assert following
    second = one.page(html.unescape(following[1]))
    assert second.count('class="id" href="/predictions/') == 5
    viewer = browser("viewer").page(PAGE)
    assert "Records need a key with the role operator" in viewer
    assert 'class="id" href="/predictions/' not in viewer


def test_without_a_candidate_there_is_nothing_to_compare(browser):
    shown = text(browser("admin").page("/use-cases/iris/comparison?environment=staging"))
    assert "No canary or shadow has answered here yet" in shown
    assert "equivalent" not in shown


def test_the_tables_link_to_their_json(browser):
    one = browser("operator")
    links = re.findall(r'href="(/json/[^"]+)"', one.page(PAGE))
    assert len(links) >= 4
    for link in set(links):
        assert one.get(html.unescape(link)).status_code == 200
