"""The links of the frame keep the use case that is viewed."""

import html
import re

import pytest

LISTS = ("/changes", "/predictions", "/runs", "/datasets")


def main_links(page: str) -> dict[str, str]:
    """Return the URLs of the main navigation by their text."""
    navigation = re.search(r'<nav aria-label="Main">.*?</nav>', page, re.S)
    assert navigation
    found = re.findall(r'<li><a href="([^"]+)"[^>]*>([^<]+)</a></li>', navigation[0])
    return {name: html.unescape(url) for url, name in found}


@pytest.mark.parametrize(
    "path",
    [
        "/use-cases/churn",
        "/use-cases/churn/releases",
        "/use-cases/churn/quality?environment=staging",
        "/changes?use_case=churn",
        "/runs?use_case=churn",
        "/datasets?use_case=churn",
    ],
)
def test_the_lists_of_the_main_navigation_show_the_use_case_that_is_viewed(browser, path):
    links = main_links(browser("operator").page(path))
    for url in LISTS:
        assert f"{url}?use_case=churn" in links.values()
    assert (links["Overview"], links["Batch"]) == ("/", "/batch")


def test_predictions_of_the_main_navigation_are_those_of_the_use_case(browser):
    one = browser("operator")
    link = main_links(one.page("/use-cases/churn"))["Predictions"]
    found = one.get(link)
    assert found.is_redirect
    assert found.headers["location"] == "/use-cases/churn/predictions"


def test_a_suggestion_has_the_use_case_of_its_change(browser, world):
    links = main_links(browser("operator").page(f"/changes/{world.suggestion}"))
    assert links["Runs"] == "/runs?use_case=spam"


def test_pages_about_the_whole_platform_link_to_all_use_cases(browser):
    links = main_links(browser("operator").page("/"))
    assert set(LISTS) <= set(links.values())


def test_the_page_that_is_shown_is_marked(browser):
    page = browser("operator").page("/runs?use_case=churn")
    assert '<a href="/runs?use_case=churn" aria-current="page">Runs</a>' in page
