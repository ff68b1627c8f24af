"""The settings of the console; the README explains every key."""

import secrets
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from platform_core.contracts.defaults import DEFAULT_CONSOLE_URL
from platform_core.settings import Settings

MIN_SECRET = 32
WebAddress = Annotated[str, Field(pattern=r"^(https?://\S+)?$")]
"""An address that a browser opens, or nothing."""


class ConsoleSettings(Settings):
    """Where the console listens, the gateway it shows, and its sessions.

    `console_url` is the address in the browser; with https the session cookie is `Secure`.
    `console_secret` encrypts the cookie; all replicas have the same. Without one, the console
    starts only if `console_generate_secret` lets each process make its own.
    """

    gateway_url: Annotated[str, Field(pattern=r"^https?://\S+$")]
    console_host: str = "127.0.0.1"
    console_port: int = Field(default=8080, ge=0, le=65535)
    console_url: str = DEFAULT_CONSOLE_URL
    console_secret: SecretStr | None = None
    console_generate_secret: bool = False
    console_session_hours: float = Field(default=12.0, gt=0)
    console_timeout_seconds: float = Field(default=5.0, gt=0)
    console_mlflow_url: WebAddress = ""
    console_kubeflow_url: WebAddress = ""
    console_ray_url: WebAddress = ""
    console_grafana_url: WebAddress = ""

    @model_validator(mode="after")
    def _has_a_secret(self) -> Self:
        given = self.console_secret
        if given is None and not self.console_generate_secret:
            raise ValueError(
                "CONSOLE_SECRET is missing; give all replicas the same random text of at least "
                f"{MIN_SECRET} characters, or set CONSOLE_GENERATE_SECRET=true on your own machine"
            )
        if given is not None and len(given.get_secret_value()) < MIN_SECRET:
            found = len(given.get_secret_value())
            raise ValueError(f"CONSOLE_SECRET has {found} characters; use at least {MIN_SECRET}")
        return self

    @property
    def secure(self) -> bool:
        """Whether browsers reach the console by https."""
        return self.console_url.startswith("https://")

    @property
    def links(self) -> dict[str, str]:
        """Return the addresses of other programs, by name, as far as they are set."""
        found = {
            "MLflow": self.console_mlflow_url,
            "Kubeflow Pipelines": self.console_kubeflow_url,
            "Ray": self.console_ray_url,
            "Grafana": self.console_grafana_url,
        }
        return {name: url for name, url in found.items() if url}

    def session_secret(self) -> str:
        """Return the secret of the sessions, a new one where none is set."""
        given = self.console_secret
        return given.get_secret_value() if given else secrets.token_urlsafe(MIN_SECRET)
