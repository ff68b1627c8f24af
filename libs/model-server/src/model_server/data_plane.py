"""KServe's data plane for releases: what REST and gRPC have in common."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from kserve import InferOutput, InferRequest, InferResponse
from kserve.metrics import PREDICT_HIST_TIME, get_labels
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.infer_type import RequestedOutput
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from prometheus_client import Histogram

from platform_core.errors import InvalidInput

PLATFORM = "onnxruntime_onnx"


class ReleaseDataPlane(DataPlane):
    """Inference with one set of checks for both transports; metadata that name the release."""

    async def infer(
        self,
        model_name: str,
        request: InferRequest,
        headers: dict[str, str] | None = None,
    ) -> tuple[InferResponse, dict[str, str]]:
        """Return the response to `request` with the outputs it asks for, and no headers.

        KServe's own times three more steps and passes headers along, which a release does not use.

        Raises:
            InvalidInput: a tensor does not fit, or an output does not exist.
            ModelNotFound: nothing is deployed under this name.
            Unavailable: the release cannot answer now.
        """
        del headers
        model = self.get_model_from_registry(model_name)
        with _histogram(model.name).time():
            response = await model.predict(request)
        if request.request_outputs:
            response.outputs = _requested(response.outputs, request.request_outputs)
        return response, {}

    async def model_metadata(self, model_name: str) -> dict[str, Any]:
        """Return the V2 metadata of a model; `versions` is its release id."""
        metadata = await super().model_metadata(model_name)
        model = self.get_model_from_registry(model_name)
        return {**metadata, "platform": PLATFORM, "versions": [model.release_id]}


class ReleaseRepositoryExtension(ModelRepositoryExtension):
    """Load and unload; errors keep their type, and gRPC gets the fields it expects."""

    async def load(self, model_name: str) -> dict[str, Any]:
        """Load what the pointer names; see `ReleaseRepository.load`."""
        loaded = await self._model_registry.load(model_name)
        return {"name": model_name, "load": loaded}

    async def unload(self, model_name: str) -> dict[str, Any]:
        """Stop serving a model; see `ReleaseRepository.withdraw`."""
        await self._model_registry.withdraw(model_name)
        return {"name": model_name, "unload": True}


@lru_cache(maxsize=64)  # reading the labels from the environment costs 50 µs
def _histogram(use_case: str) -> Histogram:
    # The label is the use case: releases would add series without end.
    histogram: Histogram = PREDICT_HIST_TIME.labels(**get_labels(use_case))
    return histogram


def _requested(
    outputs: Sequence[InferOutput], requested: Sequence[RequestedOutput]
) -> list[InferOutput]:
    by_name = {output.name: output for output in outputs}
    unknown = [output.name for output in requested if output.name not in by_name]
    if unknown:
        raise InvalidInput(
            f"there is no output {unknown[0]!r:.100}; this response has {', '.join(by_name)}"
        )
    return [by_name[output.name] for output in requested]
