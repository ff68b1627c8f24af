"""Starts the compared endpoints, and records why one could not be started."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest
from bench_report import say

from platform_core.errors import PlatformError, Unavailable
from serving.endpoint import Endpoint, EndpointKind
from serving.floor import CONSTANT
from serving.kserve import KServe
from serving.ours import StackHome, endpoints, our_path
from serving.peers import PEERS
from serving.subject import Subject

STARTS_AT_ONCE = 3


class Contestant(Protocol):
    """A program that serves one or more endpoints."""

    name: str

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its endpoints."""

    def serve(self, subject: Subject, folder: Path) -> AbstractContextManager[list[Endpoint]]:
        """Run the program until the block ends."""


@dataclass(frozen=True)
class Ours:
    """The platform's path; its releases are in `home`, its online store is already running."""

    home: StackHome
    online: dict[str, int]
    name: str = "ours"
    names: tuple[str, ...] = ("ours", "service")

    @contextmanager
    def serve(self, subject: Subject, folder: Path) -> Iterator[list[Endpoint]]:
        """Run gateway and inference service until the block ends."""
        del folder
        with our_path(self.home, self.online) as processes:
            yield endpoints(self.home, subject, processes)


@dataclass
class Field:
    """The running endpoints, and why the others could not be started."""

    endpoints: list[Endpoint] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)


OTHERS: tuple[Contestant, ...] = (KServe(), *PEERS, CONSTANT)
NAMES = ("ours", "service", *(name for each in OTHERS for name in each.names))


@contextmanager
def started(
    contestants: Sequence[Contestant], subject: Subject, folder: Path, wanted: Sequence[str]
) -> Iterator[Field]:
    """Start the programs of the selected endpoints, and stop them when the block ends."""
    chosen = [each for each in contestants if set(each.names) & set(wanted)]
    with ExitStack() as stack, ThreadPoolExecutor(STARTS_AT_ONCE) as pool:
        found = Field()
        starts = [(each, pool.submit(_start, each, subject, folder)) for each in chosen]
        for each, start in starts:
            _collect(each, start, stack, found)
        if reason := found.absent.get(EndpointKind.OURS.value):
            raise Unavailable(f"our own path did not start: {reason}")
        found.endpoints = [e for e in found.endpoints if e.name in wanted]
        yield found


def _start(
    contestant: Contestant, subject: Subject, folder: Path
) -> tuple[ExitStack, list[Endpoint]]:
    with ExitStack() as stack:
        running = stack.enter_context(contestant.serve(subject, folder))
        say(f"  {contestant.name} is ready")
        return stack.pop_all(), running


def _collect(
    contestant: Contestant,
    start: Future[tuple[ExitStack, list[Endpoint]]],
    stack: ExitStack,
    found: Field,
) -> None:
    try:
        server, running = start.result()
    except (PlatformError, OSError, pytest.fail.Exception) as error:
        say(f"  {contestant.name} is left out: {error}")
        reason = str(error).strip().splitlines()[-1]  # the last line of a server that ended
        found.absent |= dict.fromkeys(contestant.names, reason)
    else:
        stack.push(server)
        found.endpoints += running
