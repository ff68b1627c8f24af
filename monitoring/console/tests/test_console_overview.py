"""The overview: what serves, verdicts, traffic, and what needs a person."""

import html
import re

from console_world import HOSTILE


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


def test_text_of_people_is_shown_as_text(browser):
    page = browser("viewer").page("/")
    assert "<script>alert" not in page
    assert HOSTILE not in page
