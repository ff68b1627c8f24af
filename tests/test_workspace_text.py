"""The repository contains nothing unfinished and nothing private."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SKIPPED = {"node_modules", "__pycache__", "dist", "build"}
SUFFIXES = {
    ".py", ".md", ".toml", ".env", ".yml", ".yaml", ".sh", ".tf", ".tfvars", ".hcl", ".json",
    ".txt", ".html", ".cfg", ".ini", "",
}  # fmt: skip
FORBIDDEN = {
    "unfinished work": r"\b(TO" + r"DO|FIX" + r"ME)\b",
    "asking for the mode": r"\bif (not )?(is_)?embed" + r"ded\b",
    "somebody's machine": r"(?<![\w.}])/(home|Users|work|root)/[a-z]",
    "what wrote it": r"(?i)\b(chat" + r"gpt|clau" + r"de|co" + r"pilot|language mo" + r"del)\b",
    "a merge conflict": r"^(<{7}|>{7}|\|{7}) ",
    "a private key": "-----BEGIN [A-Z ]*PRIVATE" + " KEY-----",
}


def texts() -> Iterator[Path]:
    folders = [ROOT]
    while folders:
        for path in sorted(folders.pop().iterdir()):
            hidden = path.name.startswith(".") and path.name not in {".ci", ".github"}
            if path.is_symlink() or hidden or path.name in SKIPPED or path.suffix == ".egg-info":
                continue
            if path.is_dir():
                folders.append(path)
            elif path.suffix in SUFFIXES:
                yield path


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_contains(what: str):
    pattern = re.compile(FORBIDDEN[what])
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip():.100}"
        for path in texts()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        if pattern.search(line)
    ]
    assert found == []
