"""The inference services of the environments, by the Open Inference Protocol (V2) over REST."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import orjson

from api_gateway.routing.target import ServingTarget, all_targets
from api_gateway.routing.transport import ConnectionBroken, Connections, NotHttp
from platform_core.contracts.release import TensorSpec
from platform_core.errors import ModelNotReady, Unavailable, UpstreamUnavailable
from platform_core.open_inference import (
    FEATURE_PREFIX,
    PREDICTION,
    PROBABILITIES,
    RETURN_FEATURES,
    Tensor,
    tensor_specs,
)
from platform_core.settings import ServingSettings
from use_cases import use_case

PROBE_SECONDS = 2.0


@dataclass(frozen=True)
class ServedScores:
    """Answers to N records: `probabilities` N rows of C, `features` by name, N values each."""

    probabilities: list[list[float]]
    predictions: list[str]
    features: Mapping[str, list[float | None]]
    release_id: str
    model_version: str
    degraded: bool


class ServiceClients:
    """One client for all environments and use cases; its connections are kept and shared."""

    def __init__(self, settings: ServingSettings, timeout_seconds: float, connections: int) -> None:
        self._timeout = timeout_seconds
        self._probe_timeout = min(timeout_seconds, PROBE_SECONDS)
        self._targets: dict[ServingTarget, tuple[Connections, str]] = {}
        self._origins: dict[str, Connections] = {}
        for target in all_targets():
            url = settings.inference_url(target.environment, target.use_case)
            parts = urlsplit(url)
            origin = f"{parts.scheme}://{parts.netloc}"
            pool = self._origins.setdefault(origin, Connections(url, connections))
            path = f"{parts.path.rstrip('/')}/v2/models/{target.use_case}"
            self._targets[target] = (pool, path)
        self._outages: dict[ServingTarget, tuple[type[Unavailable], str]] = {}

    @property
    def targets(self) -> tuple[ServingTarget, ...]:
        """Every use case with every environment."""
        return tuple(self._targets)

    def close(self) -> None:
        """Close all connections."""
        for pool in self._origins.values():
            pool.close()

    def outage(self, target: ServingTarget) -> Unavailable | None:
        """Return why the last call there failed, `None` when it did not."""
        known = self._outages.get(target)
        return known[0](known[1]) if known else None

    async def infer(
        self, target: ServingTarget, columns: Mapping[str, Sequence[Any]], request_id: str
    ) -> ServedScores:
        """Return the scores of N records by one call; `columns` of `record_schema` have N values.

        Raises:
            ModelNotReady: the service has no such model ready.
            UpstreamUnavailable: it is down, too slow, or answers something else than V2.
        """
        body = {
            "id": request_id,
            "inputs": _input_tensors(target.use_case, columns),
            "parameters": {RETURN_FEATURES: True},
        }
        try:
            answer = await self._post(target, orjson.dumps(body))
            scores = _scores(answer, len(next(iter(columns.values()))), target)
        except Unavailable as error:
            self._outages[target] = (type(error), str(error))
            raise
        self._outages.pop(target, None)
        return scores

    async def served_release(self, target: ServingTarget) -> str:
        """Return the release the service says it serves.

        Raises:
            ModelNotReady: it serves none.
            UpstreamUnavailable: it is down, too slow, or answers something else than V2.
        """
        metadata = await self._call("GET", target, "", b"", self._probe_timeout)
        versions = metadata.get("versions")
        if not isinstance(versions, list) or len(versions) != 1:
            raise _not_v2(target, "it names no single version")
        return str(versions[0])

    async def _post(self, target: ServingTarget, body: bytes) -> dict[str, Any]:
        try:
            return await self._call("POST", target, "/infer", body, self._timeout)
        except ServiceUnreachable:
            # A kept connection may be closed at the very moment it is used again;
            # asking twice does no harm.
            return await self._call("POST", target, "/infer", body, self._timeout)

    async def _call(
        self, method: str, target: ServingTarget, path: str, body: bytes, seconds: float
    ) -> dict[str, Any]:
        pool, model_path = self._targets[target]
        try:
            answer = await pool.request(method, model_path + path, body, seconds)
        except TimeoutError as error:
            raise UpstreamUnavailable(
                f"the inference service of {target} did not answer in {seconds:g} s; try again"
            ) from error
        except ConnectionBroken as error:
            raise ServiceUnreachable(_down(target)) from error
        except NotHttp as error:
            raise _not_v2(target, str(error)) from error
        return _document(answer.status, answer.body, target)


class UnusableResponse(UpstreamUnavailable):
    """It answered, but not so that it is of use: perhaps for one of several requests alone."""


class ServiceUnreachable(UpstreamUnavailable):
    """Nobody listens there, or the connection broke before an answer came."""


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


def _document(status: int, body: bytes, target: ServingTarget) -> dict[str, Any]:
    if status == HTTPStatus.NOT_FOUND:
        raise ModelNotReady(f"no release is served for {target}; deploy one first")
    if status != HTTPStatus.OK:
        raise UnusableResponse(
            f"the inference service of {target} answered {status}: {_reason(body)}; see its log"
        )
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _not_v2(target, "not JSON") from error
    if not isinstance(document, dict):
        raise _not_v2(target, "not an object")
    return document


def _reason(body: bytes) -> str:
    """Return the `error` of a V2 error document; anything else may be private or endless."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "no reason given"
    error = document.get("error") if isinstance(document, dict) else None
    return f"{error:.200}" if isinstance(error, str) else "no reason given"


def _scores(answer: Mapping[str, Any], rows: int, target: ServingTarget) -> ServedScores:
    try:
        outputs = {tensor["name"]: tensor for tensor in answer["outputs"]}
        parameters = answer["parameters"]
        probabilities = outputs[PROBABILITIES]
        count, width = probabilities["shape"]
        data = probabilities["data"]
        scores = ServedScores(
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
        raise _not_v2(target, f"{error!r:.100}") from error
    _check_shapes(scores, rows, target)
    return scores


def _check_shapes(scores: ServedScores, rows: int, target: ServingTarget) -> None:
    classes = use_case(target.use_case).classes
    columns: tuple[Sequence[object], ...] = (scores.predictions, scores.probabilities)
    if any(len(column) != rows for column in (*columns, *scores.features.values())):
        raise _not_v2(target, f"its tensors do not have {rows} rows")
    if any(len(row) != len(classes) for row in scores.probabilities):
        raise _not_v2(target, f"its probabilities are not for {len(classes)} classes")
    if not set(scores.predictions) <= set(classes):
        raise _not_v2(target, "it predicts a class that the use case does not have")


def _down(target: ServingTarget) -> str:
    return f"the inference service of {target} cannot be reached; try again"


def _not_v2(target: ServingTarget, what: str) -> UnusableResponse:
    return UnusableResponse(
        f"the inference service of {target} did not answer by the V2 protocol: {what}"
    )
