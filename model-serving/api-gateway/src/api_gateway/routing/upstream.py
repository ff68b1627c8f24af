"""The inference services of the environments, by the Open Inference Protocol (V2) over REST."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from api_gateway.routing.target import RoutedRelease
from platform_core.contracts.release import TensorSpec
from platform_core.errors import ModelNotReady, Unavailable, UpstreamUnavailable
from platform_core.open_inference import (
    FEATURES,
    INTERVAL,
    PREDICTION,
    PROBABILITIES,
    RETURN_FEATURES,
    Tensor,
    tensor_specs,
)
from platform_core.open_inference.client import InferenceResult, V2Client
from platform_core.settings import ServingSettings
from use_cases import use_case

PROBE_SECONDS = 2.0


@dataclass(frozen=True)
class ServedScores:
    """Answers to N records: `probabilities` N rows of C, `features` N rows of K numbers. For
    regression C is 0, the predictions are numbers and `intervals` has N rows of low and high.
    `service_ms` is what the call took there without waiting for a processor, `None` if unknown.
    """

    probabilities: list[list[float]]
    predictions: list[str] | list[float]
    intervals: list[list[float]] | None
    features: list[list[float | None]]
    release_id: str
    model_version: str
    degraded: bool
    service_ms: float | None = None


SERVICE_ERRORS = (ModelNotReady, UpstreamUnavailable)
"""What a call raises when the service of a release cannot answer."""


class WrongRelease(UpstreamUnavailable):
    """The service answered with a release other than the requested one."""


class ServiceClients:
    """One client per service; its connections are shared by the releases it serves."""

    def __init__(self, settings: ServingSettings, timeout_seconds: float, connections: int) -> None:
        self._settings = settings
        self._timeout, self._connections = timeout_seconds, connections
        self._probe_timeout = min(timeout_seconds, PROBE_SECONDS)
        self._clients: dict[RoutedRelease, V2Client] = {}
        self._by_url: dict[str, V2Client] = {}
        self._outages: dict[RoutedRelease, tuple[type[Unavailable], str]] = {}

    def close(self) -> None:
        """Close all connections."""
        for client in self._by_url.values():
            client.close()

    def _client(self, release: RoutedRelease) -> V2Client:
        client = self._clients.get(release)
        if client is None:
            (use_case, environment), release_id, role = release
            url = self._settings.release_url(environment, use_case, release_id, role)
            if url not in self._by_url:
                service = f"the inference service of {role} releases in {environment.value}"
                self._by_url[url] = V2Client(url, self._timeout, service, self._connections)
            client = self._clients[release] = self._by_url[url]
        return client

    def outage(self, release: RoutedRelease) -> Unavailable | None:
        """Return why the last call there failed, `None` when it did not."""
        known = self._outages.get(release)
        return known[0](known[1]) if known else None

    async def infer(
        self, release: RoutedRelease, columns: Mapping[str, Sequence[Any]], request_id: str
    ) -> ServedScores:
        """Return the scores of N records by one call; `columns` of `record_schema` have N values.

        Raises:
            ModelNotReady: the service does not have the release.
            WrongRelease: another release answered.
            UpstreamUnavailable: the service is down, too slow, or its response is not V2.
        """
        client, parameters = self._client(release), {RETURN_FEATURES: True}
        use_case = release.target.use_case
        tensors = _input_tensors(use_case, columns)
        try:
            result = await client.infer(
                release.model, tensors, id=request_id, parameters=parameters
            )
            scores = _scores(result, tensors[0]["shape"][0], use_case, client)
            if scores.release_id != release.release_id:
                raise WrongRelease(
                    f"release {scores.release_id} answered instead of {release}; try again"
                )
        except Unavailable as error:
            self._outages[release] = (type(error), str(error))
            raise
        self._outages.pop(release, None)
        return scores

    async def served_release(self, release: RoutedRelease) -> str:
        """Return the release that the service names for this model.

        Raises:
            ModelNotReady: it does not have it.
            UpstreamUnavailable: it is down, too slow, or its response is not V2.
        """
        return await self._client(release).served_release(release.model, self._probe_timeout)


@cache
def _input_specs(use_case_name: str) -> tuple[TensorSpec, ...]:
    return tensor_specs(use_case(use_case_name).record_schema)


def _input_tensors(use_case_name: str, columns: Mapping[str, Sequence[Any]]) -> list[Tensor]:
    return [
        {
            "name": spec.name,
            "shape": [len(columns[spec.name])],
            "datatype": spec.datatype,
            "data": columns[spec.name],
        }
        for spec in _input_specs(use_case_name)
    ]


def _scores(result: InferenceResult, rows: int, name: str, client: V2Client) -> ServedScores:
    classes = use_case(name).classes
    try:
        outputs, parameters = result.outputs, result.parameters
        scores = ServedScores(
            _matrix(outputs[PROBABILITIES]) if classes else [[] for _ in range(rows)],
            outputs[PREDICTION]["data"],
            None if classes else _matrix(outputs[INTERVAL]),
            _matrix(outputs[FEATURES]) if FEATURES in outputs else [[] for _ in range(rows)],
            parameters["release_id"],
            str(parameters["model_version"]),
            bool(parameters["degraded"]),
            None if result.service_us is None else result.service_us / 1000,
        )
        mismatch = _mismatch(scores, rows, classes)
    except (KeyError, TypeError, ValueError) as error:
        raise client.not_v2(f"{error!r:.100}") from error
    if mismatch:
        raise client.not_v2(mismatch)
    return scores


def _matrix(tensor: Mapping[str, Any]) -> list[list[Any]]:
    """Return a tensor [N, M] as N lists."""
    count, width = tensor["shape"]
    data = tensor["data"]
    return [data[start : start + width] for start in range(0, count * width, width)]


def _mismatch(scores: ServedScores, rows: int, classes: Sequence[str]) -> str | None:
    """Return what does not fit `rows` records and `classes`, `None` if everything does."""
    columns: tuple[Sequence[object], ...] = (scores.predictions, scores.probabilities)
    if any(len(column) != rows for column in (*columns, scores.features)):
        return f"its tensors do not have {rows} rows"
    if any(len(row) != len(classes) for row in scores.probabilities):
        return f"its probabilities are not for {len(classes)} classes"
    if scores.intervals is not None:
        return _interval_mismatch(scores.predictions, scores.intervals)
    if not set(scores.predictions) <= set(classes):
        return "it predicts a class that the use case does not have"
    return None


def _interval_mismatch(
    predictions: Sequence[Any], intervals: Sequence[Sequence[float]]
) -> str | None:
    if len(intervals) != len(predictions):
        return f"its tensors do not have {len(predictions)} rows"
    for prediction, (low, high) in zip(predictions, intervals, strict=True):
        if not -math.inf < low <= prediction <= high < math.inf:
            return f"its interval [{low}, {high}] does not contain the prediction {prediction}"
    return None
