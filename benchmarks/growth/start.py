"""Start-up time of a program, and the share of it that is Python imports."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from subprocess import Popen

from serving.ours import StackHome

IMPORT = re.compile(r"^import time:\s+(\d+) \|", re.MULTILINE)
IMPORT_TIMES = ("-X", "importtime")


@dataclass(frozen=True)
class Start:
    """Seconds from the start of the process until it is ready, and of these in imports."""

    total: float
    imports: float

    @property
    def rest(self) -> float:
        """Seconds without imports."""
        return self.total - self.imports


def measured(home: StackHome) -> dict[str, Start]:
    """Start each program normally, and again with `-X importtime`.

    Imports are those of the whole start, also those made on use. Measuring them takes time as well:
    their share of the second start is applied to the first.
    """
    with _timed(home.inference()) as inference, _timed(home.gateway()) as gateway:
        pass
    with (
        _import_share(home, home.inference, "inference_service") as inference_share,
        _import_share(home, home.gateway, "api_gateway") as gateway_share,
    ):
        pass
    return {
        "inference service": Start(inference, inference * inference_share),
        "gateway": Start(gateway, gateway * gateway_share),
    }


@contextmanager
def _timed(program: AbstractContextManager[Popen]) -> Iterator[float]:
    """Run a program until the block ends; yield the seconds until it was ready."""
    start = time.perf_counter()
    with program:
        yield time.perf_counter() - start


@contextmanager
def _import_share(
    home: StackHome, program: Callable[..., AbstractContextManager[Popen]], module: str
) -> Iterator[float]:
    """Run a program until the block ends; yield the share of imports in its start-up time."""
    with _timed(program(*IMPORT_TIMES)) as seconds:
        log = home.folder / f"run-{module}" / "server.log"
        found = IMPORT.findall(log.read_text(errors="replace"))
        yield sum(map(int, found)) / 1e6 / seconds
