"""Settings of the inference service."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from platform_core.contracts.environments import Environment
from platform_core.settings import StorageSettings
from platform_core.storage.model_repository import ServerPool, pointer_folder


class InferenceSettings(StorageSettings):
    """What is served, where the server listens, and where features are computed.

    `transformer` is `in-process` (record tensors in, complete answers out) or `separate`
    (feature tensors in, probabilities out, behind `python -m feature_transformer`).
    When a release is refused at start, the others are served (`serve`), or the program ends with
    the reason on its last line (`exit`: a pod has one release).
    A server of the pool `candidates` waits for its first pointer (see `standby.py`) and ends when
    its last release is unloaded.
    """

    serving_environment: Environment
    model_repository: Path
    inference_pool: ServerPool = ServerPool.STABLE
    transformer: Literal["in-process", "separate"] = "in-process"
    inference_refused_at_start: Literal["serve", "exit"] = "serve"
    inference_host: str = "127.0.0.1"
    inference_http_port: int = Field(default=8081, gt=0)
    inference_grpc_port: int | None = Field(default=8082, gt=0)

    @property
    def pointers(self) -> Path:
        """The folder of the pointers."""
        return pointer_folder(self.model_repository, self.serving_environment, self.inference_pool)

    @property
    def on_demand(self) -> bool:
        """Whether the server runs only while it has something to serve."""
        return self.inference_pool is ServerPool.CANDIDATES
