"""The server behind the transformer: any that speaks V2 over REST."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import aiohttp
import numpy as np
import orjson
import pyarrow as pa

from platform_core.errors import NotFound, PlatformError, Refused, UpstreamUnavailable
from platform_core.open_inference import PROBABILITIES, tensors_from_batch

# KServe's spelling of the extension; other servers load by their own means.
REPOSITORY_EXTENSION = "model_repository_extension"
MAX_REASON = 500  # characters
# Loading fetches, verifies and warms up a release: however little patience inference has.
CHANGE_TIMEOUT = aiohttp.ClientTimeout(total=60)
JSON = {"Content-Type": "application/json"}
# What a change of the repository may be answered with. Inference has no such cases: a caller's
# record was checked before, so whatever the predictor says is the predictor's trouble.
CHANGE_FAILURES = {HTTPStatus.NOT_FOUND: NotFound, HTTPStatus.CONFLICT: Refused}


@dataclass(frozen=True)
class Prediction:
    """Probabilities [N, C] float32, and what the predictor says of the release it serves."""

    probabilities: np.ndarray
    release_id: str | None
    model_version: str | None


class Predictor:
    """Calls one V2 server over one pool of connections."""

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._url = url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def predict(self, use_case: str, features: pa.RecordBatch, classes: int) -> Prediction:
        """Return the probabilities of N rows, sent as texts [N, 1] and one block [N, K].

        Raises:
            UpstreamUnavailable: it is down, not ready, too slow, or cannot use the features.
        """
        rows = features.num_rows
        tensors = tensors_from_batch(features)
        inputs = [t | {"shape": [rows, 1]} if t["shape"] == [rows] else t for t in tensors]
        body = {"inputs": inputs, "outputs": [{"name": PROBABILITIES}]}
        answer = await self._call("POST", f"/v2/models/{use_case}/infer", body)
        parameters = answer.get("parameters") or {}
        return Prediction(
            probabilities=_probabilities(answer, rows, classes),
            release_id=parameters.get("release_id"),
            model_version=parameters.get("model_version"),
        )

    async def load(self, use_case: str) -> None:
        """Have the predictor load what is deployed, where it offers KServe's extension.

        Raises:
            Refused: it refused the release.
            UpstreamUnavailable: it is down or not ready.
        """
        await self._change(use_case, "load")

    async def unload(self, use_case: str) -> None:
        """Have the predictor stop serving a use case, where it offers KServe's extension.

        Raises:
            UpstreamUnavailable: it is down or not ready.
        """
        with contextlib.suppress(NotFound):
            await self._change(use_case, "unload")

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _change(self, use_case: str, action: str) -> None:
        server = await self._call("GET", "/v2")
        if REPOSITORY_EXTENSION in server.get("extensions", ()):
            path = f"/v2/repository/models/{use_case}/{action}"
            await self._call("POST", path, failures=CHANGE_FAILURES, timeout=CHANGE_TIMEOUT)

    async def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        failures: Mapping[int, type[PlatformError]] = MappingProxyType({}),
        timeout: aiohttp.ClientTimeout | None = None,
    ) -> dict[str, Any]:
        data = None if body is None else orjson.dumps(body)
        try:
            async with self._connected().request(
                method, self._url + path, data=data, headers=JSON, timeout=timeout or self._timeout
            ) as response:
                content = await response.read()
                if response.status != HTTPStatus.OK:
                    kind = failures.get(response.status, UpstreamUnavailable)
                    raise kind(_reason(self._url + path, response.status, content))
                return orjson.loads(content)
        except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
            raise UpstreamUnavailable(
                f"the predictor at {self._url} does not answer: {error!r}"
            ) from error

    def _connected(self) -> aiohttp.ClientSession:
        # A session belongs to the event loop that runs when it is made.
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0)
            self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout)
        return self._session


def _reason(url: str, status: int, content: bytes) -> str:
    return f"{url} answered {status}: {content.decode(errors='replace')[:MAX_REASON]}"


def _probabilities(answer: Mapping[str, Any], rows: int, classes: int) -> np.ndarray:
    try:
        (tensor,) = (o for o in answer["outputs"] if o["name"] == PROBABILITIES)
        values = np.asarray(tensor["data"], dtype=np.float32).reshape(rows, classes)
    except (KeyError, TypeError, ValueError) as error:
        raise UpstreamUnavailable(
            f"the predictor did not answer {PROBABILITIES!r} [{rows}, {classes}]: {error!r}"
        ) from error
    if not np.isfinite(values).all():
        raise UpstreamUnavailable("the predictor answered probabilities that are not finite")
    return values
