"""The overview: what serves, verdicts, traffic, and what needs a person."""

import html
import re

from console_world import HOSTILE, NOON

from console.attention import attention
from console.gateway.known import Known
from console.pages.platform import Platform
from mlplatform_client.models.quality import QualityInfo
from mlplatform_client.models.releases import EnvironmentState


def text(page: str) -> str:
    """Return the visible text of a page, roughly."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


def test_it_shows_what_serves_and_since_when(browser, world):
    shown = text(browser("viewer").page("/"))
    first, second = (one.id[:8] for one in world.releases["spam"])
    assert f"stable {first} 29 h ago" in shown
    assert f"canary 10 % {second} 5 h ago" in shown
    assert "undecided 1 min ago 100 answers, 1,234 more needed" in shown


def test_what_has_never_been_measured_is_unknown(browser):
    shown = text(browser("viewer").page("/"))
    assert "unknown no report" in shown
    assert "as good as required" not in shown


def test_it_lists_what_needs_a_person_oldest_first(browser, world):
    page = browser("viewer").page("/")
    wanted = [
        f'href="/changes/{world.suggestion}"',
        'href="/use-cases/iris/production/change?action=promote',
        f'href="/changes/{world.failed}"',
    ]
    places = [page.index(one) for one in wanted]
    assert places[0] < min(places[1:])


def test_only_gates_on_the_wrong_side_are_named(world):
    def gate(metric: str, low: float, high: float, limit: float) -> dict[str, object]:
        return {"metric": metric, "estimate": low, "low": low, "high": high, "limit": limit}

    passed = [gate("recall", 0.8, 0.9, 0.5), gate("false_positive_rate", 0.01, 0.02, 0.1)]
    failed = [gate("f1", 0.6, 0.7, 0.85), gate("mae", 3.0, 4.0, 2.0)]
    info = QualityInfo.model_validate({"status": "below-gate", "gates": passed + failed})
    state = EnvironmentState.model_validate({"state": {"stable": "a" * 32}, "sequence": 1})
    unknown = Known(None, None)
    platform = Platform(
        states=Known({"spam": {"production": state}}, NOON),
        traffic=unknown,
        drift=unknown,
        quality=Known({"spam": {"production": info}}, NOON),
        changes=unknown,
        open_changes=unknown,
        runs=unknown,
        comparisons={},
        health=unknown,
    )
    assert [one.text for one in attention(platform, NOON)] == ["below its gate: f1, mae"]


def test_text_of_people_is_shown_as_text(browser):
    page = browser("viewer").page("/")
    assert "<script>alert" not in page
    assert HOSTILE not in page
