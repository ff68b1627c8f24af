"""The commands in the documents: found in code blocks and in backquotes, and split into words."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^( *)```(?P<info>[^\n]*)\n(?P<text>.*?)^\1```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^(?: {4}| {7}).+\n?)+", re.MULTILINE)
BACKQUOTED = re.compile(r"`([^`\n]+)`")
END = re.compile(r"\s(?:\||&&|;|>|<<|#).*$")
PLACEHOLDER = re.compile(r"<[^<>]*>|\$\([^()]*\)|…")


@dataclass(frozen=True)
class CodeBlock:
    """A fenced block: its language, the title of its fence, its text."""

    language: str
    title: str
    text: str


def code_blocks(page: str) -> Iterator[CodeBlock]:
    """Yield the fenced blocks of a page."""
    for found in FENCE.finditer(page):
        language, _, rest = found["info"].strip().partition(" ")
        title = re.search(r'title="([^"]*)"', rest)
        yield CodeBlock(language, title[1] if title else "", found["text"])


def commands(page: Path, program: str) -> Iterator[list[str]]:
    """Yield the words of every command of `program` in a page, without the program itself."""
    text = page.read_text()
    blocks = [block.text for block in code_blocks(text) if block.language != "text"]
    bare = FENCE.sub("", text)
    blocks += INDENTED.findall(bare) + BACKQUOTED.findall(bare)
    for block in blocks:
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            yield from _in_line(line, program)


def _in_line(line: str, program: str) -> Iterator[list[str]]:
    line = PLACEHOLDER.sub("x", re.sub(r"\s#.*$", "", line))
    for part in re.split(r"\s&&\s|;\s", line):
        found = re.match(rf"\s*(?:[A-Z_]+=\S*\s+)*{program}\s+(?P<words>[a-z].*)", part)
        if found:
            yield shlex.split(END.sub("", found["words"]))
