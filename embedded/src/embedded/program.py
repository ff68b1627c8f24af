"""A supervised program, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import httpx

from platform_core.storage.model_repository import pointer_names

PROBE_SECONDS = 2.0


@dataclass(frozen=True)
class Port:
    """A TCP port of 127.0.0.1 that a program listens on, and the setting that changes it."""

    number: int
    setting: str


@dataclass(frozen=True)
class Probe:
    """A program is ready when `url` answers 200 with `text` in its body."""

    url: str
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def holds(self) -> bool:
        """Return whether one request succeeds."""
        try:
            answer = _client().get(self.url, headers=dict(self.headers))
        except httpx.TransportError:
            return False
        return answer.status_code == httpx.codes.OK and self.text in answer.text


@cache
def _client() -> httpx.Client:
    limits = httpx.Limits(max_keepalive_connections=0)  # a restarted program is a new peer
    return httpx.Client(timeout=PROBE_SECONDS, limits=limits, trust_env=False)


@dataclass(frozen=True)
class Program:
    """A program to run and how to check that it is ready.

    Without a `probe`, a program is ready once it has run for `settle_seconds`. A program that
    exits within `start_seconds` has failed to start: supervisord retries a few times and then
    gives up. One that exits later is restarted. It has `stop_seconds` to exit after SIGTERM,
    which goes to its process group if `stop_group` is set.

    A program with a folder of `pointers` works on demand: without pointers it waits and counts as
    ready, and it may exit at any time to wait again.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[Port, ...] = ()
    probe: Probe | None = None
    url: str = ""
    settle_seconds: float = 4
    start_seconds: int = 20
    stop_seconds: int = 20
    stop_group: bool = True
    pointers: Path | None = None

    def waits(self) -> bool:
        """Return whether the program has nothing to do now."""
        return self.pointers is not None and not pointer_names(self.pointers)
