"""The pages of a use case: what is live, what was live when, releases, comparison."""

import html
import re

import pytest
from console_world import HOSTILE


def text(page: str) -> str:
    """Return the visible text of a page, roughly."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


def test_it_shows_what_serves_since_when_by_whom_and_why(browser, world):
    page = browser("viewer").page("/use-cases/spam")
    first, second = (one.id[:8] for one in world.releases["spam"])
    shown = text(page)
    assert f"{first} since 29 h ago promote by ada : for a test" in shown
    assert f"{second} since 5 h ago canary by ada : {HOSTILE}" in shown
    assert "<script>alert" not in page


def test_it_answers_what_was_live_when(browser, world):
    first = world.releases["spam"][0].id[:8]
    one = browser("viewer")
    shown = text(one.page("/use-cases/spam?at=2026-01-04T10:00:00"))
    assert f"production {first} , since 2026-01-04 07:00:00 UTC" in shown
    assert "no release served then" in text(one.page("/use-cases/spam?at=2026-01-01T00:00"))
    wrong = one.get("/use-cases/spam?at=yesterday")
    assert wrong.status_code == 200
    assert "Not valid" in text(wrong.text)


def test_the_other_environment_has_its_own_page(browser, world):
    second = world.releases["spam"][1].id[:8]
    shown = text(browser("viewer").page("/use-cases/spam?environment=staging"))
    assert "Serving in staging" in shown
    assert f"stable {second} since 6 h ago" in shown


@pytest.mark.parametrize("path", ["/use-cases/moon", "/use-cases/spam?environment=moon"])
def test_what_does_not_exist_is_404(browser, path):
    assert browser("viewer").get(path).status_code == 404


def test_a_use_case_without_a_release_says_so(browser):
    one = browser("viewer")
    assert "No release serves in production." in text(one.page("/use-cases/churn"))
    assert "There is no release yet." in text(one.page("/use-cases/churn/releases"))


def test_releases_are_listed_with_their_roles_and_gates(browser, world):
    page = browser("viewer").page("/use-cases/spam/releases")
    for one in world.releases["spam"]:
        assert one.id in page
    shown = text(page)
    assert "stable in production" in shown
    assert "canary in production" in shown
    assert "passed" in shown


def test_a_release_has_metrics_with_intervals_gates_data_and_lineage(browser, world):
    release = world.releases["spam"][0].id
    page = browser("viewer").page(f"/use-cases/spam/releases/{release[:8]}")
    shown = text(page)
    assert release in shown
    assert "f1 0.950 0.930 to 0.960" in shown
    assert "ham 500 20 spam 15 265" in shown
    assert "Dataset version 0000000000000000" in shown
    assert "Pipeline run run-0" in shown
    assert HOSTILE in shown
    assert "<script>alert" not in page
    assert "MLflow run unknown" in shown


def test_two_releases_are_compared_with_their_intervals(browser, world):
    first, second = (one.id for one in world.releases["spam"])
    path = f"/use-cases/spam/releases/compare?this={second}&other={first}"
    shown = text(browser("viewer").page(path))
    assert "f1 0.960 [0.940, 0.970] 0.950 [0.930, 0.960] +0.0100 intervals overlap" in shown
    assert "Test rows by label and answer" in shown
    assert f"language {HOSTILE}" in shown


def test_a_card_that_cannot_be_read_is_unknown(browser, world):
    from platform_core.storage import MODEL_CARD_FILE, release_path

    release = world.releases["iris"][0].id
    path = release_path("iris", release, MODEL_CARD_FILE)
    for content in (b"[]", b'{"metrics": 7, "slices": {}}', b"{"):
        world.store.write(path, content)
        page = browser("viewer").page(f"/use-cases/iris/releases/{release}")
        assert "unknown" in page
        assert release in page


def test_pages_are_small(browser, world):
    """At most 100 kB with style sheet and scripts, which are compressed."""
    one = browser("admin")
    for path in ("/", "/use-cases/spam", "/use-cases/spam/production/change?action=promote"):
        page = one.get(path)
        total = len(page.content)
        for url in set(re.findall(r'(?:src|href)="(/static/[^"]+\?v=[^"]+)"', page.text)):
            with one.client.stream("GET", url, headers={"Accept-Encoding": "gzip"}) as response:
                total += sum(len(chunk) for chunk in response.iter_raw())
        assert total <= 100_000, path
