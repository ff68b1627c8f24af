"""The folder of the stack's state, and the temporary folder of its sockets."""

import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from platform_core.errors import Refused

SHORT_FOLDER = "/tmp"  # noqa: S108 - a socket's path may have 104 bytes; the folder is private
MARKER = "README.txt"
MARKER_TEXT = "The state of the embedded stack. `make clean` deletes this folder.\n"


@dataclass(frozen=True)
class StackFolder:
    """The folders of a stack: `home` for all state, `folder` for files that need a short path."""

    home: Path
    folder: Path

    @property
    def python_folder(self) -> Path:
        """The folder of the programs of this Python environment."""
        return Path(sys.executable).parent

    @property
    def logs(self) -> Path:
        """The folder of the log files, one per program."""
        return self.home / "logs"

    @property
    def socket(self) -> Path:
        """Where supervisord listens."""
        return self.folder / "supervisor.sock"

    @property
    def config(self) -> Path:
        """The configuration that supervisord was started with."""
        return self.home / "supervisord.conf"

    def log(self, program: str) -> Path:
        """Return the log file of a program."""
        return self.logs / f"{program}.log"

    def delete_ray_sessions(self) -> None:
        """Delete the files of earlier Ray sessions, which would accumulate."""
        shutil.rmtree(self.folder / "ray", ignore_errors=True)

    def delete(self) -> None:
        """Delete all state.

        Raises:
            Refused: `home` is not the folder of a stack.
        """
        if not (self.home / MARKER).exists():
            raise Refused(
                f"{self.home} is not the folder of a stack ({MARKER} is missing); "
                "nothing was deleted: check PLATFORM_HOME"
            )
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.home)


def open_stack_folder(home: Path) -> StackFolder:
    """Return the folders of the stack at `home`; missing ones are created.

    `home/run` links to a private temporary folder. Only a folder that was empty gets the marker
    file, so that `delete` never removes the files of others.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not any(home.iterdir()):
        (home / MARKER).write_text(MARKER_TEXT)
    (home / "logs").mkdir(exist_ok=True)
    (home / "mlflow").mkdir(exist_ok=True)
    link = home / "run"
    if not link.is_dir():
        link.unlink(missing_ok=True)
        link.symlink_to(tempfile.mkdtemp(prefix="mlplatform-", dir=SHORT_FOLDER))
    return StackFolder(home, link.resolve())
