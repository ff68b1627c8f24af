"""Copies of answered records for shadows: queued after the answer, predicted in the background.

No caller waits for a shadow: a copy is one append to a queue in memory. Copies that the queue has
no room for are dropped and counted. Nothing of a shadow is returned; its answers and its failures
become records of the inference log, with the `prediction_id` of the answer that they mirror.

A call costs much more than one further record in it. So only some calls are timed: their records
are copied by one call of the same size, so that latency and failures can be compared. The records
of other small calls are gathered for a moment and sent together; they have no latency. A program
that is called seldom is slower, so timed calls come in short runs, each after a gathered call.
"""

import asyncio
import logging
import math
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from api_gateway.operations.metrics import GatewayMetrics
from api_gateway.predict.requests import PredictionRequest
from api_gateway.predict.responses import LATENCY_DIGITS, PredictedRows, failure
from api_gateway.predict.routing import routing_key
from api_gateway.routing.target import RoutedRelease
from api_gateway.routing.traffic_split import mirrors
from api_gateway.routing.upstream import SERVICE_ERRORS, ServedScores, ServiceClients
from platform_core.contracts.inference_record import Purpose
from platform_core.contracts.prediction_ids import random_digits
from platform_core.contracts.serving_state import ServingRole, Shadow
from platform_core.errors import SpoolUnavailable
from platform_core.open_inference.client import UnusableResponse
from records import InferenceLog

logger = logging.getLogger(__name__)

QUEUE_BYTES = 64 << 20
TIMED_SHARE = 0.03
"""Timed calls take the service at most this share of the time on average, apart from those with as
many records as a gathered call. Its waiting for a processor does not count: on a busy machine, too,
enough calls are timed.
"""
RUN_SECONDS = 0.01
"""How long the timed calls of a run take the service together: some calls of a few milliseconds, or
one.
"""
MAX_TIMED_WAITING = 8
"""While so many calls wait, no further small one is timed: the shadow is behind the traffic."""
GATHER_SECONDS = 0.25
GATHERED_ROWS = 32


@dataclass(frozen=True, slots=True)
class ShadowCopy:
    """An answered record: `values` are its fields, `answer` is its inference record.

    It took the answer `overhead_ms` besides the call of its inference service. `size` is the number
    of bytes of the record as it was sent.
    """

    shadow: RoutedRelease
    values: Mapping[str, Any]
    answer: Mapping[str, Any]
    overhead_ms: float
    size: int


Copies = list[ShadowCopy]


@dataclass
class WaitingCopies:
    """The copies of one shadow that wait.

    `ready` are those of the next calls, and whether each is timed. `gathered` are sent at `due`,
    infinite if there are none. A run of timed calls lasts while `budget`, in seconds, is positive;
    the next one begins when it is full again, with a gathered call. It was counted last at
    `counted`.
    """

    ready: deque[tuple[Copies, bool]] = field(default_factory=deque)
    gathered: Copies = field(default_factory=list)
    due: float = math.inf
    budget: float = RUN_SECONDS
    counted: float = 0.0
    timing: bool = True
    calling: bool = False

    def add(self, call: Copies, now: float) -> None:
        """Add the copies of one call."""
        if len(call) >= GATHERED_ROWS or self._may_be_timed(now):
            self.ready.append((call, True))
            return
        if len(self.gathered) + len(call) > GATHERED_ROWS:
            self._send_gathered()
        if not self.gathered:
            self.due = now + GATHER_SECONDS
        self.gathered = self.gathered + call
        if len(self.gathered) == GATHERED_ROWS:
            self._send_gathered()

    def due_in(self, now: float) -> float:
        """Return in how many seconds the next call is due; infinite if none is."""
        if self.calling:
            return math.inf
        return 0.0 if self.ready else max(0.0, self.due - now)

    def take(self) -> tuple[Copies, bool]:
        """Take the copies for the call that is due; return also whether it is timed."""
        if not self.ready:
            self._send_gathered()
        return self.ready.popleft()

    def timed_call_ended(self, seconds: float) -> None:
        """Count a timed call that took the service so many seconds."""
        self.budget -= seconds

    def _may_be_timed(self, now: float) -> bool:
        self.budget = min(RUN_SECONDS, self.budget + TIMED_SHARE * (now - self.counted))
        self.counted = now
        if self.budget <= 0:
            self.timing = False
        elif self.budget == RUN_SECONDS and not self.timing:
            self.timing = True
            if self.gathered:
                self._send_gathered()
        return self.timing and len(self.ready) < MAX_TIMED_WAITING

    def _send_gathered(self) -> None:
        self.ready.append((self.gathered, False))
        self.gathered, self.due = [], math.inf


class ShadowQueue:
    """Holds at most `max_records` copies; `run` predicts them until it is cancelled.

    Each shadow has one call at a time, so a timed call does not wait for one with more records.
    """

    def __init__(
        self,
        upstream: ServiceClients,
        log: InferenceLog,
        metrics: GatewayMetrics,
        max_records: int,
    ) -> None:
        self._upstream = upstream
        self._log = log
        self._metrics = metrics
        self._max_records = max_records
        self._waiting: dict[RoutedRelease, WaitingCopies] = defaultdict(WaitingCopies)
        self._records = 0
        self._bytes = 0
        self._changed = asyncio.Event()

    def offer(self, copies: Iterable[ShadowCopy]) -> None:
        """Queue the copies of what one call answered; drop and count those without room."""
        call: Copies = []
        for copy in copies:
            full = self._records >= self._max_records
            if full or self._bytes + copy.size > QUEUE_BYTES:
                self._metrics.count_dropped(*copy.shadow.target)
                continue
            call.append(copy)
            self._records += 1
            self._bytes += copy.size
        if call:
            waiting, now = self._waiting[call[0].shadow], time.monotonic()
            before = waiting.due_in(now)
            waiting.add(call, now)
            if waiting.due_in(now) < before:
                self._changed.set()

    async def run(self) -> None:
        """Predict queued copies until cancelled."""
        async with asyncio.TaskGroup() as calls:
            while True:
                self._changed.clear()
                pause = self._start_calls(calls)
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if pause == math.inf else pause):
                        await self._changed.wait()

    def _start_calls(self, calls: asyncio.TaskGroup) -> float:
        """Start all calls that are due; return the seconds until the next one is."""
        now = time.monotonic()
        for waiting in self._waiting.values():
            if waiting.due_in(now) == 0:
                waiting.calling = True
                calls.create_task(self._call(waiting, now))
        return min((waiting.due_in(now) for waiting in self._waiting.values()), default=math.inf)

    async def _call(self, waiting: WaitingCopies, started: float) -> None:
        batch, timed = waiting.take()
        self._records -= len(batch)
        self._bytes -= sum(copy.size for copy in batch)
        service_ms = None
        try:
            service_ms = await self._predict(batch, timed)
        except Exception:  # the queue must survive any failure
            logger.exception("%d copies were not answered by %s", len(batch), batch[0].shadow)
        finally:
            if timed:
                elapsed = time.monotonic() - started
                waiting.timed_call_ended(elapsed if service_ms is None else service_ms / 1000)
            waiting.calling = False
            self._changed.set()

    async def _predict(self, batch: Copies, timed: bool) -> float | None:
        """Predict copies by one call, and log the answers or the failures. Return how many
        milliseconds the call took the service, `None` if that is not known.
        """
        shadow = batch[0].shadow
        columns = {name: [copy.values[name] for copy in batch] for name in batch[0].values}
        started, service_ms = time.perf_counter(), None
        try:
            request_id = str(batch[0].answer["request_id"])
            scores = await self._upstream.infer(shadow, columns, request_id)
        except SERVICE_ERRORS as error:
            if isinstance(error, UnusableResponse) and len(batch) > 1:
                for copy in batch:  # one of them may be the reason
                    await self._predict([copy], timed)
                return None
            logger.warning("%s failed for %d copies: %s", shadow, len(batch), error)
            self._metrics.count_failures(*shadow.target, shadow.role, len(batch))
            records = [failure(copy.answer, shadow) for copy in batch]
        else:
            call_ms, service_ms = (time.perf_counter() - started) * 1000, scores.service_ms
            records = [_record(copy, scores, row, call_ms) for row, copy in enumerate(batch)]
            self._metrics.count_mirrored(*shadow.target, len(batch))
        if not timed:
            records = [{**record, "latency_ms": None, "service_ms": None} for record in records]
        try:
            self._log.append_records(*shadow.target, records)
        except SpoolUnavailable as error:
            logger.warning("%d records of %s were not logged: %s", len(batch), shadow, error)
        return service_ms


def copies(request: PredictionRequest, rows: PredictedRows, shadow: Shadow) -> Iterator[ShadowCopy]:
    """Yield copies of the records of an answered request that the shadow gets.

    Requests for one role are not mirrored: they are no traffic.
    """
    if request.purpose is Purpose.TRY:
        return
    release = RoutedRelease(request.target, shadow.release_id, ServingRole.SHADOW)
    size = request.size // request.rows
    answered = zip(request.records, rows.inputs, rows.records, strict=True)
    for record, values, answer in answered:
        key = routing_key(request, record, random_digits(answer["prediction_id"]))
        if mirrors(shadow, key):
            overhead = max(0.0, answer["latency_ms"] - rows.call_ms)
            yield ShadowCopy(release, values, answer, overhead, size)


def _record(copy: ShadowCopy, scores: ServedScores, row: int, call_ms: float) -> dict[str, Any]:
    """Return the inference record of a shadow's answer to one copy."""
    probabilities = dict(zip(copy.answer["probabilities"], scores.probabilities[row], strict=True))
    record = {
        **copy.answer,
        "release_id": scores.release_id,
        "role": copy.shadow.role.value,
        "degraded": scores.degraded,
        "latency_ms": round(copy.overhead_ms + call_ms, LATENCY_DIGITS),
        "service_ms": scores.service_ms,
        "features": scores.features[row],
        "probabilities": probabilities,
        "prediction": scores.predictions[row],
    }
    if scores.intervals is not None:
        record["interval"] = scores.intervals[row]
    return record
