"""Settings that several programs share. `config/*.env` documents every key.

A program reads them once, in its composition root, from the process environment.
"""

from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from platform_core.contracts.defaults import DEFAULT_CONSOLE_URL
from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import MODEL_DIGITS, ServingRole
from platform_core.errors import ConfigurationError


class Settings(BaseSettings):
    """Base of all settings: frozen, read from the environment, empty means not set."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        hide_input_in_errors=True,  # the value may be a secret
    )

    def __init__(self, **values: Any) -> None:
        """Read the settings; arguments win over the environment.

        Raises:
            ConfigurationError: settings are missing or invalid; all are named.
        """
        try:
            super().__init__(**values)
        except ValidationError as error:
            found = sorted((".".join(map(str, e["loc"])).upper(), e["msg"]) for e in error.errors())
            listed = "; ".join(f"{name}: {reason}" if name else reason for name, reason in found)
            raise ConfigurationError(f"settings are missing or invalid: {listed}") from None


class StorageSettings(Settings):
    """Where the blobs are.

    `blob_store_url` is `file:///folder`, `az://<account>` (or the account's `https://` URL) or
    `s3://<bucket>[/<prefix>]`. `azure_storage_key` is an Azure account's key. `s3_endpoint_url`
    names an S3-compatible server. Without keys the identity of the workload is used.
    """

    blob_store_url: str
    azure_storage_key: SecretStr | None = None
    s3_endpoint_url: str | None = None
    s3_region: str = "us-east-1"
    s3_access_key_id: SecretStr | None = None
    s3_secret_access_key: SecretStr | None = None


class RegistrySettings(Settings):
    """The MLflow server."""

    mlflow_tracking_uri: str


class OnlineStoreSettings(StorageSettings):
    """The Feast repository, and Redis for its online store (`redis://…`; SQLite without).

    `feast_repository` is the folder of `feature_store.yaml`; the registry is in the blob store.
    Values of an entity are cached for `online_store_max_age_seconds` (0: not at all).
    """

    feast_repository: Path
    feast_online_path: Path
    redis_url: SecretStr | None = None
    online_store_timeout_seconds: float = Field(default=0.25, gt=0)
    online_store_max_age_seconds: float = Field(default=30.0, ge=0)


class RaySettings(Settings):
    """The Ray cluster: `ray_address` for drivers, `ray_dashboard_url` for the Jobs API."""

    ray_address: str
    ray_dashboard_url: str
    ray_auth_token_path: Path | None = None


class ServingSettings(Settings):
    """Where the releases of an environment answer.

    `{use_case}` is replaced by the use case's name and `{release}` by the first digits of the
    release id. Canaries and shadows answer at `candidate_url_…`, where it is set, all other
    releases at `inference_url_…`.
    """

    inference_url_staging: str
    inference_url_production: str
    candidate_url_staging: str | None = None
    candidate_url_production: str | None = None

    def candidate_url(self, environment: Environment) -> str | None:
        """Return where canaries and shadows answer, `None` where all releases answer alike."""
        url: str | None = getattr(self, f"candidate_url_{environment}")
        return url

    def release_url(
        self, environment: Environment, use_case: str, release_id: str, role: ServingRole
    ) -> str:
        """Return the base URL of the service that answers for a release in this role."""
        template: str = getattr(self, f"inference_url_{environment}")
        if role is not ServingRole.STABLE:
            template = self.candidate_url(environment) or template
        name, digits = use_case.replace("_", "-"), release_id[:MODEL_DIGITS]
        return template.format(use_case=name, release=digits).rstrip("/")


class ConsoleAddressSettings(Settings):
    """The address of the console in a browser."""

    console_url: str = DEFAULT_CONSOLE_URL


class GatewayClientSettings(Settings):
    """How the platform's own programs call the gateway (smoke requests, flushing the log)."""

    gateway_url: str
    gateway_api_key: SecretStr
