"""The inference services of the environments, by the Open Inference Protocol (V2) over REST."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from platform_core.contracts.environments import Environment
from platform_core.errors import Unavailable
from platform_core.open_inference import (
    FEATURE_PREFIX,
    PREDICTION,
    PROBABILITIES,
    RETURN_FEATURES,
    tensors_from_batch,
)
from platform_core.open_inference.client import InferenceResult, V2Client
from platform_core.settings import ServingSettings
from use_cases import use_case, use_case_names

PROBE_SECONDS = 2.0
Place = tuple[str, Environment]


@dataclass(frozen=True)
class Scores:
    """Answers to N records: `probabilities` N rows of C, `features` by name, N values each."""

    probabilities: list[list[float]]
    predictions: list[str]
    features: Mapping[str, list[float | None]]
    release_id: str
    model_version: str
    degraded: bool


class InferenceServices:
    """One client per service; its connections are shared by the use cases it serves."""

    def __init__(self, settings: ServingSettings, timeout_seconds: float, connections: int) -> None:
        self._probe_timeout = min(timeout_seconds, PROBE_SECONDS)
        self._clients: dict[Place, V2Client] = {}
        by_url: dict[str, V2Client] = {}
        for name in use_case_names():
            for environment in Environment:
                url = settings.inference_url(environment, name)
                if url not in by_url:
                    service = f"the inference service in {environment.value}"
                    by_url[url] = V2Client(url, timeout_seconds, service, connections)
                self._clients[name, environment] = by_url[url]
        self._outages: dict[Place, tuple[type[Unavailable], str]] = {}

    @property
    def places(self) -> tuple[Place, ...]:
        """Every use case with every environment."""
        return tuple(self._clients)

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()

    def outage(self, place: Place) -> Unavailable | None:
        """Return why the last call there failed, `None` when it did not."""
        known = self._outages.get(place)
        return known[0](known[1]) if known else None

    async def infer(self, place: Place, records: pa.RecordBatch, request_id: str) -> Scores:
        """Return the answers to `records` (`record_schema`, N rows) in one call.

        Raises:
            ModelNotReady: the service has no such model ready.
            UpstreamUnavailable: it is down, too slow, or its response is not V2.
        """
        client, parameters = self._clients[place], {RETURN_FEATURES: True}
        try:
            result = await client.infer(
                place[0], tensors_from_batch(records), id=request_id, parameters=parameters
            )
            scores = _scores(result, records.num_rows, place, client)
        except Unavailable as error:
            self._outages[place] = (type(error), str(error))
            raise
        self._outages.pop(place, None)
        return scores

    async def served_release(self, place: Place) -> str:
        """Return the release the service says it serves.

        Raises:
            ModelNotReady: it serves none.
            UpstreamUnavailable: it is down, too slow, or its response is not V2.
        """
        return await self._clients[place].served_release(place[0], self._probe_timeout)


def _scores(result: InferenceResult, rows: int, place: Place, client: V2Client) -> Scores:
    try:
        outputs, parameters = result.outputs, result.parameters
        probabilities = outputs[PROBABILITIES]
        count, width = probabilities["shape"]
        data = probabilities["data"]
        scores = Scores(
            [data[start : start + width] for start in range(0, count * width, width)],
            outputs[PREDICTION]["data"],
            {
                name.removeprefix(FEATURE_PREFIX): tensor["data"]
                for name, tensor in outputs.items()
                if name.startswith(FEATURE_PREFIX)
            },
            parameters["release_id"],
            str(parameters["model_version"]),
            bool(parameters["degraded"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise client.not_v2(f"{error!r:.100}") from error
    wrong = _mismatch(scores, rows, place[0])
    if wrong:
        raise client.not_v2(wrong)
    return scores


def _mismatch(scores: Scores, rows: int, name: str) -> str | None:
    """Return what does not fit `rows` records of the use case `name`, `None` if everything does."""
    classes = use_case(name).classes
    columns = [scores.predictions, scores.probabilities, *scores.features.values()]
    if any(len(column) != rows for column in columns):
        return f"its tensors do not have {rows} rows"
    if any(len(row) != len(classes) for row in scores.probabilities):
        return f"its probabilities are not for {len(classes)} classes"
    if not set(scores.predictions) <= set(classes):
        return "it predicts a class that the use case does not have"
    return None
