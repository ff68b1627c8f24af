"""Where the stack keeps its state, and the short-lived folder of its sockets."""

import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from platform_core.errors import Refused

SHORT_FOLDER = "/tmp"  # noqa: S108 - a socket's path may have 104 bytes; the folder is private
NOTE = "README.txt"
NOTE_TEXT = "The state of the embedded stack. `make clean` deletes this folder.\n"


@dataclass(frozen=True)
class RunFolder:
    """The folders of a stack: `home` for all state, `folder` for what must have a short path."""

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

    def forget_ray(self) -> None:
        """Delete what Ray left of earlier runs: it would pile up."""
        shutil.rmtree(self.folder / "ray", ignore_errors=True)

    def delete(self) -> None:
        """Delete all state.

        Raises:
            Refused: this is not the folder of a stack.
        """
        if not (self.home / NOTE).exists():
            raise Refused(
                f"{self.home} is not the folder of a stack (it has no {NOTE} of ours): nothing is "
                "deleted; look at PLATFORM_HOME"
            )
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.home)


def open_run_folder(home: Path) -> RunFolder:
    """Return the folders of the stack at `home`, made where they are missing.

    The short folder is `home/run`, a link to a private folder that only this stack knows. Only
    a folder that was empty is marked as ours, so that `delete` never takes what is not.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not any(home.iterdir()):
        (home / NOTE).write_text(NOTE_TEXT)
    (home / "logs").mkdir(exist_ok=True)
    (home / "mlflow").mkdir(exist_ok=True)
    link = home / "run"
    if not link.is_dir():
        link.unlink(missing_ok=True)
        link.symlink_to(tempfile.mkdtemp(prefix="mlplatform-", dir=SHORT_FOLDER))
    return RunFolder(home, link.resolve())
