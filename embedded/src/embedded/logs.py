"""The log files of the programs."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from embedded.stack_folder import StackFolder
from platform_core.errors import NotFound


def tail(path: Path, lines: int) -> list[str]:
    """Return the last lines of a file; an absent file has none."""
    if not path.exists():
        return []
    return path.read_text(errors="replace").splitlines()[-lines:]


def log_files(run: StackFolder, programs: Sequence[str], wanted: str | None) -> list[Path]:
    """Return the log files of one program, or of every program that has one.

    Raises:
        NotFound: the program does not exist, or there is no log yet.
    """
    if wanted is not None and wanted not in programs:
        raise NotFound(f"unknown program {wanted!r}; the programs are {', '.join(programs)}")
    files = [run.log(name) for name in ([wanted] if wanted else programs)]
    present = [file for file in files if file.exists()]
    if not present:
        raise NotFound(f"there is no log in {run.logs} yet; start the stack with `make up`")
    return present


def follow_logs(files: Sequence[Path], lines: int) -> int:
    """Show the last `lines` of `files` and what is appended to them, until Ctrl-C."""
    command = ["tail", "-n", str(lines), "-F", *(str(file) for file in files)]
    with subprocess.Popen(command) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.terminate()
            return 0
