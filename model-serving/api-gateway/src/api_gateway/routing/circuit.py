"""Circuit breakers: a service that does not respond is not called for a while.

After several calls in a row without a response the circuit of that release opens: requests are
refused at once instead of waiting for the time-out. After `CircuitLimits.seconds` one call is let
through; its success closes the circuit. A response that cannot be used is a response: it does not
open the circuit.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api_gateway.routing.target import RoutedRelease
from api_gateway.routing.upstream import ServedScores, ServiceClients
from platform_core.errors import UpstreamUnavailable
from platform_core.open_inference.client import ServiceTimeout, ServiceUnreachable
from platform_core.settings import ServingSettings

NO_RESPONSE = (ServiceTimeout, ServiceUnreachable)


@dataclass(frozen=True)
class CircuitLimits:
    """`failures` in a row open a circuit for `seconds`."""

    failures: int
    seconds: float


class CircuitOpen(UpstreamUnavailable):
    """The service did not respond recently; it is tried again in `retry_after` seconds."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.retry_after = max(1, math.ceil(seconds))


class Circuit:
    """The state of one circuit."""

    def __init__(self, limits: CircuitLimits, now: Callable[[], float] = time.monotonic) -> None:
        """Start closed; `now` returns seconds of a monotonic clock."""
        self._limits = limits
        self._now = now
        self._failures = 0
        self._open_until = 0.0
        self._reason = ""

    @property
    def _open(self) -> bool:
        return self._failures >= self._limits.failures

    def enter(self) -> None:
        """Start a call.

        Raises:
            CircuitOpen: the circuit is open, or a trial call is in progress.
        """
        if self._open:
            now = self._now()
            if now < self._open_until:
                raise CircuitOpen(self._reason, self._open_until - now)
            # This call is the trial; others are refused until it has ended.
            self._open_until = now + self._limits.seconds

    def leave(self, error: BaseException | None) -> None:
        """End a call, with the `error` it failed with."""
        if isinstance(error, NO_RESPONSE):
            self._failures += 1
            self._reason = str(error)
            if self._open:
                self._open_until = self._now() + self._limits.seconds
        elif error is None or isinstance(error, Exception):
            self._failures = 0


class CircuitBreakingClients(ServiceClients):
    """Inference services with a circuit for each release."""

    def __init__(
        self,
        settings: ServingSettings,
        timeout_seconds: float,
        connections: int,
        limits: CircuitLimits,
    ) -> None:
        super().__init__(settings, timeout_seconds, connections)
        self._limits = limits
        self._circuits: dict[RoutedRelease, Circuit] = {}

    async def infer(
        self, release: RoutedRelease, columns: Mapping[str, Sequence[Any]], request_id: str
    ) -> ServedScores:
        """Return the scores of N records; see `ServiceClients.infer`.

        Raises:
            CircuitOpen: the service did not respond recently.
        """
        circuit = self._circuits.get(release)
        if circuit is None:
            circuit = self._circuits[release] = Circuit(self._limits)
        circuit.enter()
        try:
            scores = await super().infer(release, columns, request_id)
        except BaseException as error:
            circuit.leave(error)
            raise
        circuit.leave(None)
        return scores
