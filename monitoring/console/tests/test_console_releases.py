"""The pages of a use case: what is live, what was live when, releases, comparison."""

import html
import json
import re

import pytest
from console_world import HOSTILE, build_world, spam_card

from platform_core.contracts.comparison import ComparisonVerdict, HeldOutComparison
from platform_core.contracts.release import GateCheck, Lineage
from platform_core.storage import LINEAGE_FILE, MODEL_CARD_FILE, release_path
from scoring.testing import make_release


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


def test_everyone_sees_what_a_rollback_would_do(browser, world):
    first, second = (one.id for one in world.releases["spam"])
    one = browser("viewer")
    page = one.page("/use-cases/spam?environment=staging")
    shown = text(page)
    assert f"{first[:8]} answers every request again instead of {second[:8]}" in shown
    assert f"{first[:8]} was stable from 2026-01-04 06:00:00 UTC until 2026-01-05" in shown
    assert f"/releases/compare?this={first}&amp;other={second}" in page
    assert "Nothing: there is no earlier release" in text(one.page("/use-cases/spam"))


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


@pytest.fixture(scope="module")
def judged(tmp_path_factory, start_gateway, start_console):
    """A console, and two releases of spam: the second was compared with the first, which had no
    champion; they come from different dataset versions. Only the second has an interval. A third
    one is so old that its gate does not name the release that it was compared with.
    """
    world = build_world(tmp_path_factory.mktemp("judged"))
    first, second = (one.id for one in world.releases["spam"])
    detail = "f1, compared with 0.9500 of another release, margin 0.01"
    compared = HeldOutComparison(
        metric="f1", difference=-0.0125, lower=-0.03, upper=0.005, margin=0.01, rows=640,
        power=0.44, verdict=ComparisonVerdict.BETTER, reference_release=first,
    )  # fmt: skip
    none = GateCheck(name="champion", passed=True, detail="nothing to compare with: no release")
    gate = GateCheck(
        name="champion", passed=True, detail=detail, value=0.9625, limit=0.94, comparison=compared
    )
    changes = {first: {"gates": (none,), "rows": 600}, second: {"gates": (gate,)}}
    changes[second]["dataset_version"] = "1" * 16
    old = make_release(world.store, "spam", seed=2).id
    unnamed = compared.model_copy(update={"reference_release": None})
    changes[old] = {
        "gates": (gate.model_copy(update={"comparison": unnamed}),), "dataset_version": "2" * 16,
    }  # fmt: skip
    for release, update in changes.items():
        path = release_path("spam", release, LINEAGE_FILE)
        lineage = Lineage.model_validate_json(world.store.read(path))
        changed = lineage.model_copy(update=update)
        world.store.write(path, changed.model_dump_json().encode())
    card = spam_card(first, 0.95)
    card["metrics"]["f1"] = {"value": 1.0, "low": None, "high": None}
    world.store.write(release_path("spam", first, MODEL_CARD_FILE), json.dumps(card).encode())
    with start_gateway(world) as gateway, start_console(gateway) as url:
        yield url, first, second, old


def test_what_is_promoted_shows_its_comparison_on_the_same_rows(browser, judged):
    url, first, second, _ = judged
    path = f"/use-cases/spam/production/change?action=canary&release_id={second}"
    shown = text(browser("admin", url).page(path))
    assert f"is 0.0125 better than that of {first[:8]}" in shown
    assert "tested on rows of another dataset version" in shown
    assert "passed champion 0.963 limit 0.940" in shown


def test_a_release_has_one_number_of_rows_with_one_name(browser, judged):
    url, first, *_ = judged
    shown = text(browser("viewer", url).page(f"/use-cases/spam/releases/{first}"))
    assert "Dataset version 0000000000000000 4,000 rows" in shown
    assert "Source generated 600 rows read" in shown
    assert "Rows in the dataset version 4,000, 800 of them for testing" in shown


def test_a_gate_that_compared_nothing_has_not_passed(browser, judged):
    url, first, *_ = judged
    shown = text(browser("viewer", url).page(f"/use-cases/spam/releases/{first}"))
    assert "not applicable champion" in shown
    assert "passed champion" not in shown
    assert "A metric has no interval if it is the same in every resample" in shown


def test_both_kinds_of_intervals_are_named(browser, judged):
    url, _, second, _ = judged
    shown = text(browser("viewer", url).page(f"/use-cases/spam/releases/{second}"))
    assert "passed champion 0.963 limit 0.940" in shown
    assert "95 % intervals: percentiles of bootstrap resamples" in shown
    assert "A gate's 90 % interval comes from the standard error" in shown
    assert "A metric has no interval" not in shown


@pytest.mark.parametrize("swapped", [False, True])
def test_a_comparison_on_the_same_rows_comes_before_that_on_different_ones(
    browser, judged, swapped
):
    url, first, second, _ = judged
    this, other = (first, second) if swapped else (second, first)
    path = f"/use-cases/spam/releases/compare?this={this}&other={other}"
    page = browser("viewer", url).page(path)
    shown = text(page)
    assert f"{second[:8]} is better On the same 640 test rows, f1 of {second[:8]} is" in shown
    assert f"is 0.0125 better than that of {first[:8]} . 90 % interval: 0.0300 better to" in shown
    assert "to 0.0050 worse . The gate allows" in shown
    assert "with a probability of 44.0 % that the margin is kept (the power" in shown
    assert "tested on rows of different dataset versions" in page[: page.index("<table")]
    assert shown.index("On the same rows") < shown.index("Metrics on test rows")
    missing = "this" if swapped else "the other"
    assert f"not judged: no interval of {missing} release" in shown
    assert "A metric has no interval if it is the same in every resample" in shown


def test_whom_the_gate_of_an_old_release_compared_it_with_is_unknown(browser, judged):
    url, first, second, old = judged
    one = browser("viewer", url)
    shown = text(one.page(f"/use-cases/spam/releases/compare?this={old}&other={first}"))
    unknown = "whether a gate compared the two on the same rows was not recorded"
    assert unknown in shown
    assert "On the same rows" not in shown
    named = text(one.page(f"/use-cases/spam/releases/compare?this={second}&other={first}"))
    assert unknown not in named


def test_a_card_that_cannot_be_read_is_unknown(browser, world):
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
