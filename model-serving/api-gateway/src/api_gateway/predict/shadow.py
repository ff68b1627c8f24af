"""Copies of answered records for shadows: queued after the answer, predicted in the background.

No caller waits for a shadow: a copy is one append to a queue in memory. Copies that the queue has
no room for are dropped and counted. The records that the stable release answered by one call are
copied by one call as well, so that the times of both calls can be compared; only a shadow that is
behind gets more of them at once. Nothing of a shadow is returned; its answers and its failures
become records of the inference log, with the `prediction_id` of the answer that they mirror.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
WORKERS = 2
BEHIND_CALLS = 4
"""So many calls wait: the shadow is slower than the traffic, and gets up to 32 records at once."""
BATCH_ROWS = 32


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


class ShadowQueue:
    """Holds at most `max_records` copies; `run` predicts them until it is cancelled."""

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
        self._queue: deque[list[ShadowCopy]] = deque()
        self._records = 0
        self._bytes = 0
        self._waiting = asyncio.Event()

    def offer(self, copies: Iterable[ShadowCopy]) -> None:
        """Queue the copies of what one call answered; drop and count those without room."""
        call: list[ShadowCopy] = []
        for copy in copies:
            full = self._records >= self._max_records
            if full or self._bytes + copy.size > QUEUE_BYTES:
                self._metrics.count_dropped(*copy.shadow.target)
                continue
            call.append(copy)
            self._records += 1
            self._bytes += copy.size
        if call:
            self._queue.append(call)
            self._waiting.set()

    async def run(self) -> None:
        """Predict queued copies until cancelled."""
        async with asyncio.TaskGroup() as workers:
            for _ in range(WORKERS):
                workers.create_task(self._work())

    async def _work(self) -> None:
        while True:
            if not self._queue:
                self._waiting.clear()
                await self._waiting.wait()
                continue
            batch, calls = self._next_batch()
            try:
                await self._predict(batch, calls)
            except Exception:  # the task must survive any failure
                logger.exception("%d copies were not answered by %s", len(batch), batch[0].shadow)

    def _next_batch(self) -> tuple[list[ShadowCopy], int]:
        """Take the copies of one call, and of further ones for the same shadow if it is behind;
        return how many calls these are.
        """
        calls, behind, batch = 1, len(self._queue) >= BEHIND_CALLS, self._queue.popleft()
        while behind and self._queue and self._fits(batch):
            batch += self._queue.popleft()
            calls += 1
        self._records -= len(batch)
        self._bytes -= sum(copy.size for copy in batch)
        return batch, calls

    def _fits(self, batch: Sequence[ShadowCopy]) -> bool:
        following = self._queue[0]
        same = following[0].shadow == batch[0].shadow
        return same and len(batch) + len(following) <= BATCH_ROWS

    async def _predict(self, batch: list[ShadowCopy], calls: int = 1) -> None:
        """Predict copies of `calls` calls by one call, and log the answers or the failures."""
        shadow = batch[0].shadow
        columns = {name: [copy.values[name] for copy in batch] for name in batch[0].values}
        started = time.perf_counter()
        try:
            request_id = str(batch[0].answer["request_id"])
            scores = await self._upstream.infer(shadow, columns, request_id)
        except SERVICE_ERRORS as error:
            if isinstance(error, UnusableResponse) and len(batch) > 1:
                for copy in batch:  # one of them may be the reason
                    await self._predict([copy])
                return
            logger.warning("%s failed for %d copies: %s", shadow, len(batch), error)
            self._metrics.count_failures(*shadow.target, shadow.role, len(batch))
            records = [failure(copy.answer, shadow) for copy in batch]
        else:
            call_ms = (time.perf_counter() - started) * 1000
            if calls > 1:
                scores = replace(scores, service_ms=None)  # of more records than any answer's
            records = [_record(copy, scores, row, call_ms) for row, copy in enumerate(batch)]
            self._metrics.count_mirrored(*shadow.target, len(batch))
        try:
            self._log.append_records(*shadow.target, records)
        except SpoolUnavailable as error:
            logger.warning("%d records of %s were not logged: %s", len(batch), shadow, error)


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
