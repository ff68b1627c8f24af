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
    """Run the `bash` blocks of a tutorial in one shell in `folder`; return what they printed.

    Blocks with a title are files, written before. `instead` replaces whole lines: steps that only
    fit a machine of the reader's own, or that take long. Every line of it must be in the page.
    """
    script, left = [], set(instead)
    for block in code_blocks((TUTORIALS / page).read_text()):
        if block.title:
            (folder / block.title).write_text(_with_addresses(block.text, platform))
        elif block.language == "bash":
            lines = [line.rstrip() for line in block.text.splitlines()]
            script += [instead.get(line, line) for line in lines]
            left -= set(lines)
    assert left == set(), f"{page} has no such lines"
    return _run(_with_addresses("\n".join(script), platform), platform, folder)


def _with_addresses(text: str, platform: Platform) -> str:
    """Replace the gateway's documented addresses with that of the test's stack."""
    for address in ADDRESSES:
        text = text.replace(address, platform.settings["GATEWAY_URL"].removeprefix("http://"))
    return text


def _run(script: str, platform: Platform, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", script],
        env={**os.environ, **platform.settings, "PATH": path}, cwd=folder,
        capture_output=True, text=True, check=False, timeout=platform.deadline_seconds,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout
