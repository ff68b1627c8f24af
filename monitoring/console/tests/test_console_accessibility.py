"""Every page in a real Chromium, light and dark, on a phone and a desktop: axe finds nothing, the
page does not scroll sideways, and the browser reports no error, such as a blocked style.
"""

from collections.abc import Callable
from itertools import product

import pytest
from console_reports import write_reports
from console_world import NOON, write_retraining

PAGES = (
    "/",
    "/changes",
    "/changes/{suggestion}",
    "/changes/{failed}",
    "/use-cases/spam",
    "/use-cases/spam?environment=staging&at=2026-01-05T10:00:00",
    "/use-cases/churn",
    "/use-cases/churn/quality?environment=production",
    "/use-cases/spam/comparison?environment=production",
    "/use-cases/spam/releases",
    "/use-cases/spam/releases/{first}",
    "/use-cases/spam/releases/compare?this={second}&other={first}",
    "/use-cases/spam/production/change?action=promote",
    "/use-cases/spam/production/change?action=canary",
    "/use-cases/spam/production/change?action=rollback",
    "/use-cases/spam/staging/change?action=rollback",
    "/use-cases/spam/production/change?action=abort",
    "/use-cases/spam/predictions?q=win&environment=production",
    "/use-cases/spam/try?example=spam",
    "/use-cases/churn/try",
    "/runs",
    "/runs/spam/retrain-r1",
    "/retraining",
    "/datasets",
    "/batch",
)
"""Each page is listed here; a new page adds a line."""
WIDTHS = (390, 1440)
SCHEMES = ("light", "dark")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPTIONS = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
STICKING_OUT = """width => [...document.querySelectorAll("main *, header *, footer *")]
    .filter(e => e.getBoundingClientRect().right > width + 1)
    .filter(e => !e.closest(".scroll, .visually-hidden, details:not([open])"))
    .map(e => e.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="session")
def address(world) -> Callable[[str], str]:
    """Return a function that fills the ids of the world into a path."""
    write_reports(world.store, "churn", NOON)
    write_retraining(world.store, "r1")
    first, second = (one.id for one in world.releases["spam"])
    ids = {
        "suggestion": world.suggestion,
        "failed": world.failed,
        "first": first,
        "second": second,
    }
    return lambda path: path.format(**ids)


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_and_the_page_fits(path, open_page, axe, address):
    page = open_page(address(path))
    page.evaluate(axe)
    for scheme, width in product(SCHEMES, WIDTHS):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        found = page.evaluate("options => axe.run(document, options)", OPTIONS)
        problems = [
            f"{one['id']}: {node['target']} {node['failureSummary']}"
            for one in found["violations"]
            for node in one["nodes"]
        ]
        assert problems == [], f"{path} at {width} px, {scheme}"
        assert sticking_out(page, width) == [], f"{path} at {width} px"


def sticking_out(page, width: int) -> list[str]:
    """Return the elements that make the page scroll sideways."""
    if page.evaluate("document.documentElement.scrollWidth") <= width:
        return []
    return page.evaluate(STICKING_OUT, width) or ["something"]


def test_the_sign_in_form_is_accessible_and_begins_in_its_field(chromium, console_url, axe):
    for scheme in SCHEMES:
        context = chromium.new_context(color_scheme=scheme)
        page = context.new_page()
        page.goto(f"{console_url}/sign-in")
        assert page.evaluate("document.activeElement.id") == "key"
        page.fill("#key", "wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector("[role=alert]")
        page.evaluate(axe)
        assert page.evaluate("() => axe.run()")["violations"] == []
        context.close()


def test_the_keyboard_reaches_the_content_first(open_page):
    page = open_page("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_a_menu_opens_and_closes_by_keyboard(open_page):
    page = open_page("/")
    page.focus("details.menu > summary")
    page.keyboard.press("Enter")
    assert page.is_visible(".menu-list a[href='/use-cases/iris']")
    page.keyboard.press("Escape")
    assert not page.is_visible(".menu-list a[href='/use-cases/iris']")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_a_time_shows_utc_and_the_local_time_on_hover(open_page):
    page = open_page("/", timezone_id="America/New_York", locale="en-US")
    title = page.get_attribute("#serving time", "title")
    assert "UTC" in title
    assert "(your time)" in title
    assert page.get_attribute("#serving time", "datetime").endswith("Z")


@pytest.mark.parametrize("path", ["/", "/use-cases/spam", "/changes/{suggestion}"])
def test_every_page_works_without_javascript(path, open_page, address):
    page = open_page(address(path), java_script_enabled=False)
    assert page.is_visible("main h1")
    page.click("nav[aria-label=Main] >> text=Changes")
    assert page.inner_text("h1") == "Changes"


def test_a_refresh_that_needs_a_new_sign_in_loads_the_page_again(
    chromium, console_url, signed_in_state
):
    context = chromium.new_context(base_url=console_url, storage_state=signed_in_state)
    page = context.new_page()
    page.clock.install()
    page.goto("/")
    accepted = []

    def refuse(route) -> None:
        request = route.request
        if request.resource_type == "document":
            route.continue_()
        else:
            accepted.append(request.headers["accept"])
            route.fulfill(status=401, json={})

    page.route(f"{console_url}/", refuse)
    with page.expect_event("load"):
        page.clock.run_for(11_000)
    assert accepted == ["application/json, text/html"]
    context.close()
