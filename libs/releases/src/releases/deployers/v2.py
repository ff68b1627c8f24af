"""Synchronous calls of the deployers to the inference services, by V2 over REST."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingRole, model_name
from platform_core.errors import ModelNotReady, NotFound, ReleaseRefused, UpstreamUnavailable
from platform_core.open_inference.client import ServiceTimeout, ServiceUnreachable, V2Client
from platform_core.settings import ServingSettings

ANSWER_SECONDS = 5.0
Result = TypeVar("Result")


class V2Services:
    """The inference services of all environments; `hint` says what to do when one is down."""

    def __init__(self, serving: ServingSettings, hint: str) -> None:
        self._serving = serving
        self._hint = hint

    def served(self, use_case: str, environment: Environment) -> str | None:
        """Return the release that the model's metadata names, `None` when none answers.

        Raises:
            UpstreamUnavailable: there was no usable response.
        """
        try:
            return self._call(use_case, environment, lambda c: c.served_release(use_case))
        except ModelNotReady:
            return None

    def answers_with(self, use_case: str, environment: Environment, release_id: str) -> bool:
        """Return whether the release is what answers, and is ready."""
        if self.served(use_case, environment) != release_id:
            return False
        return self._call(use_case, environment, lambda c: c.is_ready(use_case))

    def answers(
        self, environment: Environment, use_case: str, release_id: str, role: ServingRole
    ) -> bool:
        """Return whether the service of one release names it in its metadata, and is ready.

        Raises:
            UpstreamUnavailable: there was no usable response.
        """
        url = self._serving.release_url(environment, use_case, release_id, role)
        model = model_name(use_case, release_id)

        async def ask(client: V2Client) -> bool:
            return await client.served_release(model) == release_id and await client.is_ready(model)

        try:
            return self._ask(url, environment, ask)
        except ModelNotReady:
            return False

    def load(self, use_case: str, environment: Environment, seconds: float) -> None:
        """Have the service load the release that its pointer names.

        Raises:
            ReleaseRefused: the service refused the release.
            UpstreamUnavailable: there was no usable response.
        """
        try:
            self._call(use_case, environment, lambda c: c.load(use_case, seconds))
        except NotFound as error:
            raise ReleaseRefused(str(error)) from error

    def unload(self, use_case: str, environment: Environment) -> None:
        """Have the service stop serving the use case; when it serves none nothing changes."""
        try:
            self._call(use_case, environment, lambda c: c.unload(use_case))
        except NotFound:
            return

    def _call(
        self,
        use_case: str,
        environment: Environment,
        call: Callable[[V2Client], Awaitable[Result]],
    ) -> Result:
        url = self._serving.release_url(environment, use_case, "", ServingRole.STABLE)
        return self._ask(url, environment, call)

    def _ask(
        self, url: str, environment: Environment, call: Callable[[V2Client], Awaitable[Result]]
    ) -> Result:
        async def run() -> Result:
            client = V2Client(url, ANSWER_SECONDS, f"the inference service in {environment.value}")
            try:
                return await call(client)
            finally:
                client.close()

        try:
            # In a thread, because the caller may run in an event loop of its own.
            with ThreadPoolExecutor(max_workers=1) as thread:
                return thread.submit(lambda: asyncio.run(run())).result()
        except (ServiceTimeout, ServiceUnreachable) as error:
            raise UpstreamUnavailable(
                f"the inference service of {environment} does not answer at {url}: {error}; "
                f"{self._hint}"
            ) from error
