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
    """Run the `bash` blocks of a tutorial in one shell; blocks with a title become files before.

    `instead` replaces whole lines: steps that the stack has behind it, or that only fit a machine
    of the reader's own. Every line of it must be in the page. Returns what the commands printed.
    """
    gateway = platform.settings["GATEWAY_URL"].removeprefix("http://")
    script, left = ["set -euxo pipefail"], set(instead)
    for block in code_blocks((TUTORIALS / page).read_text()):
        lines = block.text.splitlines()
        text = "\n".join(instead.get(line.strip(), line) for line in lines)
        left -= {line.strip() for line in lines}
        for address in ADDRESSES:
            text = text.replace(address, gateway)
        if block.title:
            (folder / block.title).write_text(text)
        elif block.language == "bash":
            script.append(text)
    assert left == set(), f"{page} has no such lines"
    return _run("\n".join(script), platform, folder)


def _run(script: str, platform: Platform, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, **platform.settings, "PATH": path}, cwd=folder,
        capture_output=True, text=True, check=False, timeout=platform.deadline_seconds,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout
