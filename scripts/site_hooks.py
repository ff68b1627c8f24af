"""Hooks of the documentation site: patterns in the navigation, links to files outside `docs/`.

A link to a source file works on GitHub as it is. On the site it leads to the repository at
`repo_url`; without one it is text whose tooltip names the file.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.pages import Page

LINK = re.compile(r"(?<!!)\[(?P<text>(?:[^\[\]]|\[[^\[\]]*\])*)\]\((?P<target>(?:\.\./)+[^)\s]*)\)")
BRANCH = "main"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Replace patterns in the navigation by the pages of the folder that no entry names."""
    named = set(_named(config.nav))
    config.nav = _expanded(config.nav, Path(config.docs_dir), named)
    return config


def _named(entry: Any) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    entries = entry.values() if isinstance(entry, dict) else entry
    return [path for inner in entries for path in _named(inner)]


def _expanded(entries: list[Any], docs: Path, named: set[str]) -> list[Any]:
    found: list[Any] = []
    for entry in entries:
        if isinstance(entry, dict):
            found.append(
                {
                    title: _expanded(inner, docs, named) if isinstance(inner, list) else inner
                    for title, inner in entry.items()
                }
            )
        elif "*" in entry:
            pages = (path.relative_to(docs).as_posix() for path in sorted(docs.glob(entry)))
            found += [page for page in pages if page not in named]
        else:
            found.append(entry)
    return found


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: Any) -> str:
    """Rewrite relative links that leave `docs/`."""
    folder = posixpath.dirname(page.file.src_uri)
    root = Path(config.docs_dir).parent

    def rewritten(match: re.Match[str]) -> str:
        path, _, anchor = match["target"].partition("#")
        inside = posixpath.normpath(posixpath.join("docs", folder, path))
        if inside.startswith("docs/") or not (root / inside).exists():
            return match[0]  # a page, or a dead link that the strict build reports
        if not config.repo_url:
            return f'<span title="{inside}">{match["text"]}</span>'
        kind = "tree" if (root / inside).is_dir() else "blob"
        url = f"{config.repo_url.rstrip('/')}/{kind}/{BRANCH}/{inside}"
        return f"[{match['text']}]({url}{'#' if anchor else ''}{anchor})"

    return LINK.sub(rewritten, markdown)
