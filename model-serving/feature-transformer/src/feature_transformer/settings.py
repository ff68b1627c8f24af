"""Settings of the transformer as its own process."""

from pathlib import Path

from pydantic import Field

from platform_core.contracts.environments import Environment
from platform_core.settings import StorageSettings


class TransformerSettings(StorageSettings):
    """The model repository, the predictor, and where the transformer listens."""

    serving_environment: Environment
    model_repository: Path
    predictor_url: str
    predictor_timeout_seconds: float = Field(default=10, gt=0)
    transformer_host: str = "127.0.0.1"
    transformer_http_port: int = Field(default=8080, gt=0)
    transformer_grpc_port: int | None = Field(default=None, gt=0)
