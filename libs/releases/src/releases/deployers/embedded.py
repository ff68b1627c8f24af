"""Deploys to local inference services through the V2 model repository API.

`<repository>/<environment>/<use_case>.json` names the release that a server loads when it starts;
`POST /v2/repository/models/<use_case>/load` makes a running server read it again.
"""

import contextlib
import time
from pathlib import Path

from platform_core.contracts.environments import Environment
from platform_core.errors import PlatformError, UpstreamUnavailable
from platform_core.settings import ServingSettings
from releases.deployers.pointer import pointer, read_pointer
from releases.deployers.v2 import V2Services

POLL_SECONDS = 0.1


class EmbeddedDeployer:
    """Writes pointers below `repository` and calls the servers of `serving`.

    `timeout_seconds` bounds a deployment until the new release answers.
    """

    def __init__(
        self, repository: Path, serving: ServingSettings, timeout_seconds: float = 60.0
    ) -> None:
        self._repository = repository
        self._services = V2Services(serving, "start it with `make up`")
        self._timeout = timeout_seconds

    def deploy(
        self,
        use_case: str,
        environment: Environment,
        release_id: str,
        release_uri: str,
        model_version: str,
    ) -> None:
        """Load the release and wait until it answers; on failure restore the previous one."""
        file = self._pointer(use_case, environment)
        before = file.read_bytes() if file.exists() else None
        try:
            _replace(file, pointer(use_case, release_id, release_uri, model_version))
            self._load_and_wait(use_case, environment, release_id)
        except BaseException:
            self._restore(use_case, environment, before)
            raise

    def served(self, use_case: str, environment: Environment) -> str | None:
        """Return the release in the model's metadata, `None` if the model is not served."""
        return self._services.served(use_case, environment)

    def serves_only(self, use_case: str, environment: Environment, release_id: str | None) -> bool:
        """Return whether the server answers with the release, and its pointer names it."""
        file = self._pointer(use_case, environment)
        named = read_pointer(file.read_bytes()) if file.exists() else None
        return (named, self.served(use_case, environment)) == (release_id, release_id)

    def withdraw(self, use_case: str, environment: Environment) -> None:
        """Remove the pointer and unload the model."""
        self._pointer(use_case, environment).unlink(missing_ok=True)
        self._services.unload(use_case, environment)

    def _load_and_wait(self, use_case: str, environment: Environment, release_id: str) -> None:
        deadline = time.monotonic() + self._timeout
        self._services.load(use_case, environment, self._timeout)
        while not self._services.answers_with(use_case, environment, release_id):
            if time.monotonic() > deadline:
                raise UpstreamUnavailable(
                    f"{use_case} in {environment} did not answer with release {release_id:.12} "
                    f"within {self._timeout:g} s; look at the log of the inference service"
                )
            time.sleep(POLL_SECONDS)

    def _restore(self, use_case: str, environment: Environment, before: bytes | None) -> None:
        """Restore the pointer. A server that is down reads it when it starts."""
        with contextlib.suppress(PlatformError):
            if before is None:
                self.withdraw(use_case, environment)
                return
            _replace(self._pointer(use_case, environment), before)
            self._services.load(use_case, environment, self._timeout)

    def _pointer(self, use_case: str, environment: Environment) -> Path:
        return self._repository / environment / f"{use_case}.json"


def _replace(file: Path, data: bytes) -> None:
    """Replace the file atomically: a server that starts reads the old pointer or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_bytes(data)
    partial.replace(file)
