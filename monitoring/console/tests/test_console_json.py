"""The JSON behind a table, with the session's key."""

import pytest


@pytest.mark.parametrize(
    "path", ["releases", "releases/spam?limit=1", "changes?status=suggested", "traffic", "health"]
)
def test_it_is_the_gateways_answer(browser, path):
    found = browser("viewer").get(f"/json/{path}")
    assert found.status_code == 200
    assert found.headers["content-type"].startswith("application/json")
    assert isinstance(found.json(), dict)


@pytest.mark.parametrize(
    "path",
    [
        "admin/inference-log/flush",
        "metrics",
        "docs",
        "openapi.json",
        "releases/../metrics",
        "batch/files/a",
    ],
)
def test_no_other_part_of_the_gateway_can_be_read(browser, path):
    assert browser("admin").get(f"/json/{path}").status_code == 404


def test_it_refuses_what_the_key_may_not_read(browser):
    found = browser("viewer").get("/json/predictions?use_case=spam")
    assert (found.status_code, found.json()["code"]) == (403, "forbidden")


def test_it_only_reads(browser):
    one = browser("admin")
    assert one.post("/json/releases/spam/production", {"action": "rollback"}).status_code == 405


def test_files_of_any_size_are_not_read_into_memory(browser):
    found = browser("admin").get("/json/batch/files/large.parquet")
    assert (found.status_code, found.headers["content-type"]) == (404, "text/html; charset=utf-8")
