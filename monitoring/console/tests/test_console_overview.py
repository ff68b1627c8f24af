"""The overview: serving releases, verdicts, traffic, and what needs attention."""

import html
import re
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from console_reports import write_reports
from console_world import HOSTILE, NOON, build_world

from console.attention import attention
from console.gateway.value_cache import CachedValue
from console.pages.platform import Platform
from mlplatform_client.models.history import PipelineRun
from mlplatform_client.models.operations import TrafficInfo
from mlplatform_client.models.quality import QualityInfo
from mlplatform_client.models.releases import EnvironmentState
from platform_core.contracts.environments import Environment


def text(page: str) -> str:
    """Return the visible text of a page, roughly."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


def test_it_shows_what_serves_and_since_when(browser, world):
    shown = text(browser("viewer").page("/"))
    first, second = (one.id[:8] for one in world.releases["spam"])
    assert f"stable {first} 29 h ago" in shown
    assert f"canary 10 % {second} 5 h ago" in shown
    assert "undecided 1 min ago 100 answers, 1,234 more needed" in shown


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_the_serving_table_fits_without_scrolling(open_page, width, scheme):
    page = open_page("/", viewport={"width": width, "height": 900}, color_scheme=scheme)
    widths = page.evaluate(
        """() => [...document.querySelectorAll("#serving .scroll")]
        .map(e => [e.scrollWidth, e.clientWidth])"""
    )
    assert widths
    assert all(content <= visible for content, visible in widths), widths


def test_what_has_never_been_measured_is_unknown(browser):
    shown = text(browser("viewer").page("/"))
    assert "unknown no report" in shown
    assert "as good as required" not in shown


def test_it_lists_what_needs_a_person_oldest_first(tmp_path, browser, start_gateway, start_console):
    world = build_world(tmp_path)
    with start_gateway(world) as gateway_url, start_console(gateway_url) as url:
        page = browser("admin", url).page("/")
    wanted = [
        f'href="/changes/{world.suggestion}"',
        'href="/use-cases/iris/production/change?action=promote',
        f'href="/changes/{world.failed}"',
    ]
    places = [page.index(one) for one in wanted]
    assert places[0] < min(places[1:])


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_an_action_that_a_key_may_not_take_is_named_and_its_evidence_linked(browser, world, role):
    one = browser(role)
    page = one.page("/")
    assert "/change?action=" not in page
    assert "Promote to production: role admin" in text(page)
    evidence = f"/use-cases/iris/releases/{world.state('iris', Environment.STAGING).stable}"
    assert f'href="{evidence}"' in page
    one.page(evidence)


def test_a_part_of_the_platform_whose_state_is_unknown_keeps_its_name(
    tmp_path, browser, start_gateway, start_console
):
    world = build_world(tmp_path)
    with ExitStack() as gateway_runs:
        gateway_url = gateway_runs.enter_context(start_gateway(world))
        with start_console(gateway_url) as url:
            one = browser("viewer", url)
            one.page("/")
            gateway_runs.close()
            assert "blob-store: unknown" in text(one.page("/"))


def test_text_of_people_is_shown_as_text(browser):
    page = browser("viewer").page("/")
    assert "<script>alert" not in page
    assert HOSTILE not in page


@pytest.mark.parametrize(
    "path",
    [
        "/predictions/abc?replay=maybe",
        "/batch/files/%2e%2e/%2e%2e/x",
        "/changes/%2e%2e",
        "/use-cases/spam/releases/%2e",
        "/use-cases/spam/releases/compare?this=..&other=.",
        "/use-cases/spam/production/change?action=promote&release_id=..",
        "/runs/",
    ],
)
def test_an_address_that_names_nothing_is_a_page_that_says_so(browser, path):
    found = browser("admin").get(path)
    assert found.status_code in (404, 422)
    assert found.headers["content-type"] == "text/html; charset=utf-8"
    titles = ("Not found", "Not valid")
    assert any(f"<h1>{title}</h1>" in found.text for title in titles)


def quality(**given: object) -> dict[str, dict[str, QualityInfo]]:
    return {"spam": {"production": QualityInfo.model_validate({"end": NOON, **given})}}


def platform(reports: dict[str, dict[str, QualityInfo]], answers: int = 0) -> Platform:
    """Return what the overview has read: spam serves in production, and its quality is given."""
    roles = {"stable": {
        "release_id": "1" * 32, "since": NOON, "action": "promote", "actor": "ada", "reason": "r",
    }}  # fmt: skip
    state = {"state": {"stable": "1" * 32}, "sequence": 1, "roles": roles}
    traffic = {
        "start": NOON, "end": NOON, "complete": True, "answers": answers, "by_role": {},
        "shadowed": 0, "canary_failures": 0, "newest": None, "per_minute": [],
    }  # fmt: skip
    nothing: CachedValue[Any] = CachedValue(None, None)
    return Platform(
        states=CachedValue({"spam": {"production": EnvironmentState.model_validate(state)}}, NOON),
        traffic=CachedValue({"spam": {"production": TrafficInfo.model_validate(traffic)}}, NOON),
        drift=nothing,
        quality=CachedValue(reports, NOON),
        open_changes=nothing,
        newest_runs=nothing,
        comparisons={},
        health=nothing,
    )


def test_only_the_gates_that_are_missed_are_named():
    gates = [
        {"metric": "f1", "estimate": 0.9, "low": 0.88, "high": 0.92, "limit": 0.85},
        {"metric": "recall", "estimate": 0.7, "low": 0.6, "high": 0.8, "limit": 0.9},
        {"metric": "f1", "slice": "plan=basic", "estimate": 0.7, "low": 0.6, "high": 0.8,
         "limit": 0.85},
        {"metric": "false_positive_rate", "estimate": 0.01, "low": 0.0, "high": 0.02, "limit": 0.1},
        {"metric": "mae", "estimate": 9.0, "low": 8.0, "high": 10.0, "limit": 5.0},
    ]  # fmt: skip
    (found,) = attention(platform(quality(status="below-gate", gates=gates)), NOON)
    assert found.text == "below its gate: recall, f1 of plan=basic, mae"


@pytest.mark.parametrize(
    ("report", "says", "action"),
    [
        ({"status": "no-report"}, "no report yet", "See when it is measured"),
        (
            {"status": "not-enough", "labelled": 12, "rows": 3456},
            "too few labels, 12 of 3,456 answers",
            "Send labels",
        ),
    ],
)
def test_unknown_quality_says_why(report, says, action):
    (found,) = attention(platform(quality(**report), answers=5), NOON)
    assert found.text == f"quality of the live answers is unknown: {says}"
    assert found.action == action


def test_a_dependency_that_is_down_has_the_age_of_when_that_was_seen_first(browser, world):
    one = browser("admin")
    shown = text(one.page("/"))
    assert "production/spam is unavailable" in shown
    world.clock.advance(timedelta(minutes=7))
    try:
        shown = text(one.page("/"))
    finally:
        world.clock.time = NOON
    (age,) = re.findall(
        r"inference-service/production/spam is unavailable: .*? (\d+ \S+) ago", shown
    )
    assert age == "7 min"


def test_harm_that_goes_on_has_the_age_of_its_first_window(
    tmp_path, browser, start_gateway, start_console
):
    world = build_world(tmp_path)
    stable = world.releases["spam"][0].id
    write_reports(world.store, "spam", NOON, harmful=(0, 1), release_id=stable)
    with start_gateway(world) as gateway_url, start_console(gateway_url) as url:
        shown = text(browser("viewer", url).page("/"))
    (age,) = re.findall(r"f1 is 0.7, below 0.85 .*?(\d+ \S+) ago", shown)
    assert age == "1 h"


def test_harm_by_a_replaced_release_needs_no_action(
    tmp_path, browser, start_gateway, start_console
):
    world = build_world(tmp_path)
    write_reports(world.store, "spam", NOON, harmful=(0, 1), release_id="f" * 32)
    with start_gateway(world) as gateway_url, start_console(gateway_url) as url:
        shown = text(browser("viewer", url).page("/"))
    assert "f1 is 0.7, below 0.85" not in shown
    assert "about ffffffff, which is not stable now" in shown


@pytest.mark.parametrize(
    ("status", "tone", "what"), [("failed", "bad", "failed"), ("refused", "warn", "was refused")]
)
def test_a_change_that_was_not_applied_says_why(status, tone, what):
    read = platform({})
    last = {
        "change_id": "c1", "time": NOON, "action": "promote", "actor": "ada", "status": status,
        "detail": "f1 is 0.70, below 0.85",
    }  # fmt: skip
    state = {"state": {}, "sequence": 1, "last_change": last}
    states = {"spam": {"production": EnvironmentState.model_validate(state)}}
    (found,) = attention(replace(read, states=CachedValue(states, NOON)), NOON)
    assert found.text == f"promote {what}: f1 is 0.70, below 0.85"
    assert (found.tone, found.url) == (tone, "/changes/c1")


def failed(code: str, message: str) -> CachedValue[list[PipelineRun]]:
    run = {
        "use_case": "spam", "run_id": "retrain-1", "status": "failed", "started_at": NOON,
        "updated_at": NOON, "steps": [], "release_id": None,
        "failure": {"step": "train", "code": code, "message": message},
    }  # fmt: skip
    return CachedValue([PipelineRun.model_validate(run)], NOON)


@pytest.mark.parametrize(
    ("code", "message", "tone", "says"),
    [
        ("out-of-memory", "too large", "bad", "run retrain-1 failed in train: too large"),
        ("data-unchanged", "no new label", "warn", "nothing new to train on: no new label"),
        ("other", "word " * 200, "bad", f"run retrain-1 failed in train: {'word ' * 46}word …"),
    ],
)
def test_a_failed_run_leads_to_its_page(code, message, tone, says):
    (found,) = attention(replace(platform({}), newest_runs=failed(code, message)), NOON)
    assert (found.tone, found.text, found.url) == (tone, says, "/runs/spam/retrain-1")
