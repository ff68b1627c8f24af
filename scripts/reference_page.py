"""A generated page of `docs/reference`: written by its script, checked with `--check`."""

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "reference"


@dataclass(frozen=True)
class ReferencePage:
    """A page, the script that writes it, and the function that makes its text from the code."""

    name: str
    script: str
    render: Callable[[], str]

    @property
    def path(self) -> Path:
        """The file of the page."""
        return FOLDER / f"{self.name}.md"

    def text(self) -> str:
        """Return the page as it has to be."""
        return self.render().rstrip() + "\n"

    def main(self) -> int:
        """Write the page; with `--check`, return 1 if it is out of date."""
        text = self.text()
        if "--check" not in sys.argv[1:]:
            self.path.write_text(text)
            return 0
        if self.path.exists() and self.path.read_text() == text:
            return 0
        print(f"{self.path.relative_to(ROOT)} is out of date: run python scripts/{self.script}")
        return 1


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; cells may contain line breaks and bars."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines) + "\n"


def code(text: object) -> str:
    """Return `text` as Markdown code, nothing for an empty text."""
    return f"`{text}`" if str(text) else ""


def prose(text: str) -> str:
    """Return `text` in one line, with `<` shown as it is wherever it is not in backquotes."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in parts)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
