"""KServe's data plane with the release as the model's version."""

from typing import Any

from kserve.protocol.dataplane import DataPlane
from kserve.protocol.model_repository_extension import ModelRepositoryExtension

PLATFORM = "onnxruntime_onnx"


class ReleaseDataPlane(DataPlane):
    """Metadata name the release: `versions` is its id."""

    async def model_metadata(self, model_name: str) -> dict[str, Any]:
        """Return the V2 metadata of a model; models offer `release_id`."""
        metadata = await super().model_metadata(model_name)
        model = self.get_model_from_registry(model_name)
        return {**metadata, "platform": PLATFORM, "versions": [model.release_id]}


class ReleaseRepositoryExtension(ModelRepositoryExtension):
    """Load and unload; errors keep their type, and gRPC gets the answers it expects."""

    async def load(self, model_name: str) -> dict[str, Any]:
        """Load what the pointer says; see `ReleaseRepository.load`."""
        loaded = await self._model_registry.load(model_name)
        return {"name": model_name, "load": loaded}

    async def unload(self, model_name: str) -> dict[str, Any]:
        """Stop serving a model; see `ReleaseRepository.withdraw`."""
        await self._model_registry.withdraw(model_name)
        return {"name": model_name, "unload": True}
