"""A tutorial as a reader follows it: its blocks run in order, on the stack of a test."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from documented_commands import code_blocks
from embedded_platform import ROOT, Platform

TUTORIALS = ROOT / "docs" / "tutorial"
ADDRESSES = ("localhost:8000", "127.0.0.1:8000")


def follow(page: str, platform: Platform, folder: Path, instead: Mapping[str, str]) -> str:
    """Run the `bash` blocks of a tutorial in `folder`, and write its blocks that have a title.

    `instead` replaces whole lines: steps that the stack has behind it, or that only fit a machine
    of the reader's own. Every line of it must be in the page. Returns what the commands printed.
    """
    printed, left = [], set(instead)
    for block in code_blocks((TUTORIALS / page).read_text()):
        lines = [
            line.strip() if line.strip() in instead else line for line in block.text.splitlines()
        ]
        text = _with_addresses("\n".join(instead.get(line, line) for line in lines), platform)
        left -= set(lines)
        if block.title:
            (folder / block.title).write_text(f"{text}\n")
        elif block.language == "bash":
            printed.append(_run(text, platform, folder))
    assert left == set(), f"{page} has no such lines"
    return "".join(printed)


def _with_addresses(text: str, platform: Platform) -> str:
    """Replace the gateway's documented addresses with that of the test's stack."""
    for address in ADDRESSES:
        text = text.replace(address, platform.settings["GATEWAY_URL"].removeprefix("http://"))
    return text


def _run(script: str, platform: Platform, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={**os.environ, **platform.settings, "PATH": path}, cwd=folder,
        capture_output=True, text=True, check=False, timeout=platform.deadline_seconds,
    )  # fmt: skip
    assert done.returncode == 0, f"{script}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout
