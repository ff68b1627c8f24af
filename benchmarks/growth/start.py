"""How long a program takes until it is ready, and how much of that is Python importing modules."""

import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

IMPORT = re.compile(r"^import time:\s+(\d+) \|", re.MULTILINE)
SERVER_LOG = "server.log"


@dataclass(frozen=True)
class Start:
    """Seconds from the start of the process until it is ready, and of these in imports."""

    total: float
    imports: float

    @property
    def rest(self) -> float:
        """Seconds that are not imports."""
        return self.total - self.imports


def measured(program: Callable[..., AbstractContextManager[Popen]], folder: Path) -> Start:
    """Start a program, once as it is and once with Python telling what each import takes.

    `program` takes options of the interpreter. Imports are those of the whole start, also those
    that are made on use; the share of the second start is applied to the first, because telling
    takes time as well.
    """
    total = _seconds(program())
    traced = _seconds(program("-X", "importtime"))
    microseconds = map(int, IMPORT.findall((folder / SERVER_LOG).read_text(errors="replace")))
    return Start(total, total * sum(microseconds) / 1e6 / traced)


def _seconds(program: AbstractContextManager[Popen]) -> float:
    start = time.perf_counter()
    with program:
        return time.perf_counter() - start
