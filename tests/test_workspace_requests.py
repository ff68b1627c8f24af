"""Every request in the documents, by curl or as `GET /path`, is one of the HTTP API."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from manifests import ROOT

REFERENCE = ROOT / "docs" / "reference" / "http-api.md"
DOCS = ROOT / "docs"
PAGES = sorted(p for p in [ROOT / "README.md", *DOCS.rglob("*.md")] if p != REFERENCE)
METHODS = "GET|POST|PUT|DELETE"
MENTIONED = re.compile(rf"`({METHODS}) (/[^\s`]*)`")
CALLED = re.compile(
    r"""curl [^\n]*?(?:localhost:8000|127\.0\.0\.1:8000|\$URL)(/[^\s"'`]*)([^\n]*)"""
)
ENDPOINT = re.compile(rf"^### `({METHODS}) (\S+)`\n(.*?)(?=^##)", re.MULTILINE | re.DOTALL)
VALUE = r"(?:[^/]+)"


class Request(NamedTuple):
    """A method, a path, and the names in the query."""

    method: str
    path: str
    query: set[str]


def request(method: str, target: str) -> Request:
    path, _, query = target.partition("?")
    return Request(method, path, set(re.findall(r"(?:^|&)([a-z_]+)=", query)))


def requests(page: Path) -> Iterator[Request]:
    text = re.sub(r"\\\n\s*", " ", page.read_text())
    yield from (request(method, target) for method, target in MENTIONED.findall(text))
    for target, options in CALLED.findall(text):
        yield request("POST" if " -d " in options else "GET", target)


def endpoints() -> list[tuple[str, re.Pattern[str], set[str]]]:
    """Return each endpoint's method, the pattern of its paths, and its query parameters."""
    found = []
    for method, path, described in ENDPOINT.findall(REFERENCE.read_text()):
        pattern = re.compile(re.sub(r"\{[a-z_]+\}", VALUE, path) + "$")
        found.append((method, pattern, set(re.findall(r"\| `([a-z_]+)` \| query \|", described))))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_request_is_one_of_the_api(page: Path):
    known = endpoints()
    assert len(known) > 30
    for asked in requests(page):
        queries = [q for m, pattern, q in known if m == asked.method and pattern.match(asked.path)]
        assert queries, asked
        assert any(asked.query <= query for query in queries), asked


def test_the_requests_of_the_documents_are_found():
    found = [asked for page in PAGES for asked in requests(page)]
    assert len(found) > 30
    assert {"GET", "POST"} <= {asked.method for asked in found}
    assert {"at", "replay"} <= {name for asked in found for name in asked.query}
