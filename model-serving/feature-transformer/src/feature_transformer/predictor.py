"""The predictor of the transformer: any V2 server over REST."""

import contextlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from platform_core.errors import NotFound
from platform_core.open_inference import PREDICTION, PROBABILITIES, tensors_from_batch
from platform_core.open_inference.client import InferenceResult, V2Client


@dataclass(frozen=True)
class PredictorAnswer:
    """Probabilities [N, C] float32, or the numbers [N] of a regression, and the release that the
    predictor says it serves.
    """

    values: np.ndarray
    release_id: str | None
    model_version: str | None


class PredictorClient:
    """Calls the predictor at `url`."""

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._client = V2Client(url, timeout_seconds, f"the predictor at {url}")
        self._loads_models: bool | None = None

    async def predict(
        self, use_case: str, model: str, features: pa.RecordBatch, classes: int
    ) -> PredictorAnswer:
        """Return what the graph answers to N rows, sent as texts [N, 1] and one block [N, K]:
        probabilities of `classes`, or numbers where there is none.

        `model` names the use case or one of its releases; a server without KServe's extension,
        for example Triton, has one release, which it names by the use case.

        Raises:
            ModelNotReady: it has no such model.
            UpstreamUnavailable: it is down, too slow, or cannot use the features.
        """
        rows = features.num_rows
        tensors = tensors_from_batch(features)
        inputs = [t | {"shape": [rows, 1]} if t["shape"] == [rows] else t for t in tensors]
        name = PROBABILITIES if classes else PREDICTION
        if model != use_case and not await self._offers_extension():
            model = use_case
        result = await self._client.infer(model, inputs, outputs=[{"name": name}])
        return PredictorAnswer(
            values=self._values(result, name, (rows, classes) if classes else (rows,)),
            release_id=result.parameters.get("release_id"),
            model_version=result.parameters.get("model_version"),
        )

    async def load(self, model: str) -> None:
        """Have the predictor load what is deployed under a name, if it offers KServe's extension.

        Raises:
            ReleaseRefused: it refused the release.
            UpstreamUnavailable: it is down or not ready.
        """
        if await self._offers_extension():
            await self._client.load(model)

    async def unload(self, model: str) -> None:
        """Have the predictor stop serving a name, if it offers KServe's extension.

        Raises:
            UpstreamUnavailable: it is down or not ready.
        """
        with contextlib.suppress(NotFound):
            if await self._offers_extension():
                await self._client.unload(model)

    async def close(self) -> None:
        """Close the connections."""
        self._client.close()

    async def _offers_extension(self) -> bool:
        if self._loads_models is None:
            self._loads_models = await self._client.loads_models()
        return self._loads_models

    def _values(self, result: InferenceResult, name: str, shape: tuple[int, ...]) -> np.ndarray:
        try:
            data = result.outputs[name]["data"]
            values = np.asarray(data, dtype=np.float32).reshape(shape)
        except (KeyError, TypeError, ValueError) as error:
            raise self._client.not_v2(f"no {name!r} {list(shape)}: {error!r}") from error
        if not np.isfinite(values).all():
            raise self._client.not_v2(f"values of {name!r} are not finite")
        return values
