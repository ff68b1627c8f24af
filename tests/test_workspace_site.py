"""The documentation site builds without a warning or a network, and its links lead somewhere."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parent.parent
ELEMENTS = """
html head meta title link style script body div header nav a svg path form input label ul ol li main
article aside h1 h2 h3 h4 h5 h6 p em strong code pre table thead tbody tr th td img hr footer button
span sub sup br blockquote
"""
"""What the theme and the pages consist of; `<name>` in a text would be an element without end."""
REPOSITORY = "https://git.example/team/mlplatform"
SECONDS = 60


def build(output: Path, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess:
    settings = {"NO_MKDOCS_2_WARNING": "1", **environment}
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(output)],
        cwd=folder, env={**os.environ, **settings},
        capture_output=True, text=True, check=False, timeout=SECONDS,
    )  # fmt: skip


class PageLinks(HTMLParser):
    """The links, the loaded files and the ids of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.ids: set[str] = set()
        self.elements: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.elements.add(tag)
        self.ids |= {given.get("id") or "", given.get("name") or ""}
        if tag == "a" and given.get("href"):
            self.links.add(given["href"])
        elif tag == "link" and given.get("rel") in {"stylesheet", "icon"}:
            self.loaded.add(given["href"])
        elif given.get("src"):
            self.loaded.add(given["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("site")
    done = build(output, DOCS_REPO_URL=REPOSITORY)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr
    return output


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, PageLinks]:
    return {path: PageLinks(path.read_text()) for path in site.rglob("*.html")}


def test_every_page_of_the_documentation_is_on_the_site(pages: dict[Path, PageLinks], site: Path):
    sources = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    assert len(sources) > 100
    names = {site / str(path).replace("README.md", "index.md") for path in sources}
    assert {path.with_suffix(".html") for path in names} - set(pages) == set()


def test_every_page_is_in_the_navigation(pages: dict[Path, PageLinks], site: Path):
    def reached(page: Path) -> Iterator[Path]:
        for link in pages[page].links:
            url = urlsplit(link)
            if not url.scheme and url.path.endswith(".html"):
                yield (page.parent / unquote(url.path)).resolve()

    home = site / "index.html"
    found: set[Path] = {home}
    waiting = [home]
    while waiting:
        new = set(reached(waiting.pop())) - found
        found |= new
        waiting += new
    assert set(pages) - found - {site / "404.html"} == set()


def test_every_link_leads_to_a_page_and_to_a_heading_that_exist(pages: dict[Path, PageLinks]):
    dead = []
    for page, content in pages.items():
        for link in content.links:
            url = urlsplit(link)
            if url.scheme or page.name == "404.html":
                continue
            target = (page.parent / unquote(url.path)).resolve() if url.path else page
            ids = pages[target].ids if target in pages else set()
            if not target.exists() or (url.fragment and unquote(url.fragment) not in ids):
                dead.append(f"{page.name}: {link}")
    assert dead == []


def test_placeholders_are_shown_as_text(pages: dict[Path, PageLinks]):
    known = set(ELEMENTS.split())
    strange = {page.name: found for page, one in pages.items() if (found := one.elements - known)}
    assert strange == {}


def test_links_to_source_files_lead_to_files_of_the_repository(pages: dict[Path, PageLinks]):
    prefixes = (f"{REPOSITORY}/blob/main/", f"{REPOSITORY}/tree/main/")
    links = {link for page in pages.values() for link in page.links if link.startswith(prefixes)}
    assert len(links) > 50
    paths = {urlsplit(link).path.split("/main/")[1] for link in links}
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_pages_load_nothing_from_other_servers(pages: dict[Path, PageLinks]):
    loaded = {(page, url) for page, content in pages.items() for url in content.loaded}
    assert len(loaded) > len(pages)
    assert [(page.name, url) for page, url in loaded if urlsplit(url).netloc] == []
    missing = [
        (page.name, url)
        for page, url in loaded
        if page.name != "404.html" and not (page.parent / unquote(urlsplit(url).path)).exists()
    ]
    assert missing == []


def test_without_a_repository_links_to_source_files_are_text(tmp_path: Path):
    done = build(tmp_path / "site", DOCS_REPO_URL="")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "architecture.html").read_text()
    assert '<span title="libs/releases/src/releases/changes/service.py">' in page
    assert 'href="../' not in page


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("[a page](missing.md)", "missing.md"),
        ("[a heading](#missing)", "#missing"),
        ("[a file](../missing.py)", "../missing.py"),
    ],
)
def test_a_dead_link_fails_the_build(tmp_path: Path, link: str, said: str):
    settings = (ROOT / "mkdocs.yml").read_text()
    (tmp_path / "mkdocs.yml").write_text(settings.partition("\nnav:")[0] + "\nnav: [index.md]\n")
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "site_hooks.py", tmp_path / "scripts")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(f"# Home\n\n{link}\n")
    done = build(tmp_path / "site", tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
