"""From records to predictions: call the release's inference service, log, respond."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

from api_gateway.errors import NoReleaseServed, Overloaded
from api_gateway.operations.metrics import GatewayMetrics
from api_gateway.predict.requests import PredictionRequest
from api_gateway.predict.responses import Call, PredictedBatch, PredictedRows
from api_gateway.predict.routing import RoutedRequest, route
from api_gateway.predict.shadow import ShadowQueue, copies
from api_gateway.routing.catalog import Catalog
from api_gateway.routing.target import RoutedRelease, ServingTarget
from api_gateway.routing.upstream import (
    SERVICE_ERRORS,
    ServedScores,
    ServiceClients,
    WrongRelease,
)
from platform_core.clock import Clock
from platform_core.contracts.inference_record import Purpose
from platform_core.contracts.serving_state import ServingRole, ServingState
from platform_core.errors import ModelNotReady, UpstreamUnavailable
from platform_core.micro_batching import BatchLimits, MicroBatcher
from platform_core.open_inference.client import ServiceUnreachable, UnusableResponse
from records import InferenceLog
from use_cases import UseCase

logger = logging.getLogger(__name__)

Responses = list[dict[str, Any]]
BATCH_ROWS = 32
BATCH_BYTES = 256 << 10

MOVED = (ModelNotReady, ServiceUnreachable, WrongRelease)
"""Errors that are to be expected when the serving state has changed since it was read."""


@dataclass(frozen=True)
class PredictionLimits:
    """Concurrent calls per release, and requests without a response per use case and
    environment.
    """

    concurrent_calls: int
    pending_requests: int


class Predictor:
    """Predicts records of any use case."""

    def __init__(
        self,
        catalog: Catalog,
        upstream: ServiceClients,
        log: InferenceLog,
        metrics: GatewayMetrics,
        clock: Clock,
        limits: PredictionLimits,
        shadows: ShadowQueue,
    ) -> None:
        self._catalog = catalog
        self._upstream = upstream
        self._log = log
        self._metrics = metrics
        self._clock = clock
        self._shadows = shadows
        self._max_pending = limits.pending_requests
        self._batch = BatchLimits(BATCH_ROWS, BATCH_BYTES, limits.concurrent_calls)
        self._pending: Counter[ServingTarget] = Counter()
        self._batchers: dict[RoutedRelease, MicroBatcher[PredictionRequest, PredictedRows]] = {}

    async def predict(self, request: PredictionRequest) -> Responses:
        """Return one response per record, in order; each is in the inference log by then.

        Raises:
            NoReleaseServed: no release is served there.
            NoReleaseInRole: the request asks for a role that no release has.
            UpstreamUnavailable: the inference service is down or too slow.
            Overloaded: too many requests wait for it already.
            SpoolUnavailable: the inference log cannot be written.
        """
        target = request.target
        if self._pending[target] >= self._max_pending:
            raise Overloaded("too many requests wait for this inference service; retry shortly")
        self._pending[target] += 1
        try:
            state = await self._state(request)
            return (await self._by_state(request, state, may_read_again=True)).responses
        finally:
            self._pending[target] -= 1

    async def _state(self, request: PredictionRequest) -> ServingState:
        target = request.target
        state = self._catalog.state(target)
        if state.stable is None or request.purpose is Purpose.SMOKE:
            # A first release, or the one that is to be tested, may just have been deployed.
            state = await self._catalog.read_again(target)
        if state.stable is None:
            raise no_release(self._catalog, target)
        return state

    async def _by_state(
        self, request: PredictionRequest, state: ServingState, may_read_again: bool
    ) -> PredictedRows:
        """Predict each record with the release that `state` routes it to."""
        parts = route(request, state)
        if len(parts) == 1:
            return await self._answer(parts[0], state, may_read_again)
        answers = [self._answer(part, state, may_read_again) for part in parts]
        merged = _in_order(parts, await asyncio.gather(*answers))
        if not request.partial:
            self._record([request], [merged])
        return merged

    async def _answer(
        self, routed: RoutedRequest, state: ServingState, may_read_again: bool
    ) -> PredictedRows:
        """Predict with one release. If the serving state has changed, follow the new one, once; if
        a canary cannot answer, the stable release does.
        """
        request, release = routed.request, routed.release
        try:
            return await self._ask(release, request)
        except SERVICE_ERRORS as error:
            if may_read_again and isinstance(error, MOVED):
                current = await self._catalog.read_again(release.target)
                if current != state and current.stable is not None:
                    return await self._by_state(request, current, may_read_again=False)
            if release.role is not ServingRole.CANARY or request.role or state.stable is None:
                raise
            logger.warning("%s did not answer, the stable release does: %s", release, error)
        self._metrics.count_failures(*release.target, release.role, request.rows)
        stable = RoutedRelease(release.target, state.stable, ServingRole.STABLE)
        return await self._ask(stable, replace(request, failed=release))

    async def _ask(self, release: RoutedRelease, request: PredictionRequest) -> PredictedRows:
        batcher = self._batchers.get(release)
        if batcher is None:
            predict = partial(self._predict, release)
            batcher = MicroBatcher(predict, self._batch, UnusableResponse)
            self._batchers[release] = batcher
        return await batcher(request, request.rows, request.size)

    async def _predict(
        self, release: RoutedRelease, requests: Sequence[PredictionRequest]
    ) -> list[PredictedRows]:
        """Predict requests by one call, and log those that are not part of another request."""
        first, target = requests[0], release.target
        records = [record for request in requests for record in request.records]
        columns = first.case.declaration.values(records)
        started = time.perf_counter()
        scores = await self._upstream.infer(release, columns, first.context.request_id)
        call_ms = (time.perf_counter() - started) * 1000
        candidate = self._catalog.candidate(target, scores.release_id)
        call = Call(release, candidate, self._clock.now(), call_ms)
        predicted = PredictedBatch(requests, columns, scores, call)
        self._record(requests, predicted.rows)
        self._metrics.count_answers(
            target, scores.release_id, release.role, scores.degraded, len(records)
        )
        self._metrics.count_truncated(target.use_case, predicted.truncated)
        self._measure(target, first.case, columns, scores)
        return predicted.rows

    def _record(
        self, requests: Sequence[PredictionRequest], predicted: Sequence[PredictedRows]
    ) -> None:
        """Log answers, then queue copies for the shadow.

        The parts of a request are logged together, once all of them are there.
        """
        pairs = zip(requests, predicted, strict=True)
        whole = [(request, rows) for request, rows in pairs if not request.partial]
        records = chain.from_iterable((*rows.records, *rows.failures) for _, rows in whole)
        self._log.append_records(*requests[0].target, records)
        shadow = self._catalog.state(requests[0].target).shadow
        if shadow is not None:
            mirrored = (copies(request, rows, shadow) for request, rows in whole)
            self._shadows.offer(chain.from_iterable(mirrored))

    def _measure(
        self,
        target: ServingTarget,
        case: UseCase,
        columns: Mapping[str, Sequence[Any]],
        scores: ServedScores,
    ) -> None:
        if case.classes:
            self._metrics.count_predictions(*target, map(str, scores.predictions))
        for name in case.measured_texts:
            self._metrics.observe_words(target.use_case, columns[name])


def no_release(catalog: Catalog, target: ServingTarget) -> NoReleaseServed | UpstreamUnavailable:
    """Return the error for a target without a release in the ledger."""
    if not catalog.loaded:
        return UpstreamUnavailable(f"the ledger of {target} has not been read yet; retry shortly")
    return NoReleaseServed(
        f"{target.environment} serves no release of {target.use_case}; promote or stage one first"
    )


def _in_order(parts: Sequence[RoutedRequest], answers: Sequence[PredictedRows]) -> PredictedRows:
    """Return the rows of all parts in the order of the request's records."""
    pairs = list(zip(parts, answers, strict=True))
    size = sum(len(part.rows) for part in parts)
    responses: list[dict[str, Any]] = [{}] * size
    records, inputs = list(responses), list(responses)
    for part, answer in pairs:
        for place, row in enumerate(part.rows):
            responses[row] = answer.responses[place]
            records[row] = answer.records[place]
            inputs[row] = answer.inputs[place]
    failures = [one for answer in answers for one in answer.failures]
    return PredictedRows(responses, records, inputs, max(a.call_ms for a in answers), failures)
