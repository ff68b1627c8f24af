"""An inference service that does not answer is left alone for a while, and holds up nobody else.

After several calls in a row to which nobody answered, the circuit of that use case and environment
opens: callers are refused at once instead of waiting for the time-out. When it has been open long
enough one call is let through; its success closes the circuit. An answer that is wrong is an
answer: it is refused where it is read and opens nothing.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from api_gateway.routing.upstream import InferenceServices, Place, Scores
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
    """Nobody answered there lately; `retry_after` seconds until it is tried again."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.retry_after = max(1, math.ceil(seconds))


class Circuit:
    """What is known of one place."""

    def __init__(self, limits: CircuitLimits, now: Callable[[], float] = time.monotonic) -> None:
        """Begin closed; `now` tells seconds that never go back."""
        self._limits = limits
        self._now = now
        self._failures = 0
        self._open_until = 0.0
        self._reason = ""

    @property
    def _open(self) -> bool:
        return self._failures >= self._limits.failures

    def enter(self) -> None:
        """Begin a call.

        Raises:
            CircuitOpen: the circuit is open, or one call is finding out whether it still must be.
        """
        if self._open:
            now = self._now()
            if now < self._open_until:
                raise CircuitOpen(self._reason, self._open_until - now)
            # This call is the one that tries; the others wait for its outcome.
            self._open_until = now + self._limits.seconds

    def leave(self, error: BaseException | None) -> None:
        """End a call that failed with `error`, or did not fail."""
        if isinstance(error, NO_RESPONSE):
            self._failures += 1
            self._reason = str(error)
            if self._open:
                self._open_until = self._now() + self._limits.seconds
        elif error is None or isinstance(error, Exception):
            self._failures = 0


class ProtectedServices(InferenceServices):
    """Inference services with a circuit for each place."""

    def __init__(
        self,
        settings: ServingSettings,
        timeout_seconds: float,
        connections: int,
        limits: CircuitLimits,
    ) -> None:
        super().__init__(settings, timeout_seconds, connections)
        self._limits = limits
        self._circuits: dict[Place, Circuit] = {}

    async def infer(self, place: Place, records: pa.RecordBatch, request_id: str) -> Scores:
        """Return the answers to `records`; see `InferenceServices.infer`.

        Raises:
            CircuitOpen: nobody answered there lately.
        """
        circuit = self._circuits.get(place)
        if circuit is None:
            circuit = self._circuits[place] = Circuit(self._limits)
        circuit.enter()
        try:
            scores = await super().infer(place, records, request_id)
        except BaseException as error:
            circuit.leave(error)
            raise
        circuit.leave(None)
        return scores
