"""Commands that benchmarks run in processes of their own."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from platform_core.errors import Unavailable

SHOWN_CHARACTERS = 800


def printed_by(command: Sequence[str], **options: Any) -> str:
    """Return what a command prints; `options` are those of `subprocess.run`.

    Raises:
        Unavailable: it failed; the message has the end of what it printed.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        reason = (done.stderr or done.stdout).strip()[-SHOWN_CHARACTERS:]
        raise Unavailable(f"{' '.join(command[1:4])} failed: {reason}")
    return done.stdout


def result_of(command: Sequence[str], **options: Any) -> Any:
    """Return the JSON value in the last line that a command prints; see `printed_by`."""
    return json.loads(printed_by(command, **options).splitlines()[-1])


def install_use_case(folder: str) -> None:
    """Install the package of a use case that `new-use-case` wrote."""
    printed_by([*_PIP, "install", "--quiet", "--no-deps", "--editable", folder])


def uninstall_use_case(name: str) -> None:
    """Uninstall the package of a use case, if it is installed."""
    package = f"{name.replace('_', '-')}-use-case"
    subprocess.run([*_PIP, "uninstall", "--yes", "--quiet", package], check=False)


_PIP = (sys.executable, "-m", "pip")
