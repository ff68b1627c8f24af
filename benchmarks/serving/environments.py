"""The peers' environments: one each, installed from pinned versions on first use."""

import re
import subprocess
import sys
from pathlib import Path

from bench_report import say
from bench_settings import BenchSettings

from platform_core.errors import Unavailable

PINS = Path(__file__).parent.parent / "peers"
INSTALL_SECONDS = 600


def python_of(name: str) -> Path:
    """Return the interpreter of a peer's environment, after installing what is missing.

    Raises:
        Unavailable: it cannot be installed; the message is the reason.
    """
    root = BenchSettings().platform_root.resolve()
    folder, pins = root / ".tools" / "peers" / name, PINS / f"{name}.txt"
    stamp, python = folder / "installed.txt", folder / "bin" / "python"
    if stamp.exists() and stamp.read_bytes() == pins.read_bytes():
        return python
    uv = root / ".tools" / "uv" / "bin" / "uv"
    say(f"installing {name} into {folder.relative_to(root)} …")
    _run([str(uv), "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)])
    _run([str(uv), "pip", "install", "--quiet", "--python", str(python), "-r", str(pins)])
    stamp.write_bytes(pins.read_bytes())
    return python


def version_of(name: str) -> str:
    """Return the pinned version of a peer, whose package has the same name."""
    pins = (PINS / f"{name}.txt").read_text()
    return re.search(rf"^{name}(?:\[\w+\])?==(\S+)", pins, re.MULTILINE)[1]


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except FileNotFoundError as error:
        raise Unavailable(f"{command[0]} is missing; `make setup` installs it") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"installing took more than {INSTALL_SECONDS} s") from error
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or "").strip().splitlines() or ["no reason given"]
        raise Unavailable(f"cannot be installed: {lines[-1]:.200}") from error
