"""Synchronous calls of the inference services, by V2 over REST."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingRole, model_name
from platform_core.errors import ModelNotReady, NotFound, ReleaseRefused, UpstreamUnavailable
from platform_core.open_inference import RETURN_FEATURES, Tensor
from platform_core.open_inference.client import (
    InferenceResult,
    ServiceTimeout,
    ServiceUnreachable,
    V2Client,
)
from platform_core.settings import ServingSettings

ANSWER_SECONDS = 5.0
Result = TypeVar("Result")


class NotListening(UpstreamUnavailable):
    """Nothing listens where a service should be."""


@dataclass(frozen=True)
class V2Model:
    """One model of one server."""

    environment: Environment
    url: str
    name: str


class V2Services:
    """The inference services of all environments; `hint` says what to do when one is down."""

    def __init__(self, serving: ServingSettings, hint: str) -> None:
        self._serving = serving
        self._hint = hint

    def model(
        self, environment: Environment, use_case: str, release_id: str, role: ServingRole
    ) -> V2Model:
        """Return the model of one release where it answers in this role."""
        url = self._serving.release_url(environment, use_case, release_id, role)
        return V2Model(environment, url, model_name(use_case, release_id))

    def plain(self, environment: Environment, use_case: str) -> V2Model:
        """Return the model that answers with the stable release of a use case."""
        url = self._serving.release_url(environment, use_case, "", ServingRole.STABLE)
        return V2Model(environment, url, use_case)

    def served(self, model: V2Model) -> str | None:
        """Return the release that the metadata names, `None` when there is no such model.

        Raises:
            UpstreamUnavailable: there was no usable response.
        """
        try:
            return self._call(model, lambda c: c.served_release(model.name))
        except ModelNotReady:
            return None

    def answers(
        self, environment: Environment, use_case: str, release_id: str, role: ServingRole
    ) -> bool:
        """Return whether the service of one release names it in its metadata, and is ready.

        Raises:
            UpstreamUnavailable: there was no usable response.
        """
        return self.answers_with(self.model(environment, use_case, release_id, role), release_id)

    def answers_with(self, model: V2Model, release_id: str) -> bool:
        """Return whether a model answers with the release, and is ready; raises like `answers`."""

        async def ask(client: V2Client) -> bool:
            served = await client.served_release(model.name)
            return served == release_id and await client.is_ready(model.name)

        try:
            return self._call(model, ask)
        except ModelNotReady:
            return False

    def infer(self, model: V2Model, inputs: Sequence[Tensor]) -> InferenceResult:
        """Return the outputs of a model, features included.

        Raises:
            ModelNotReady: there is no such model.
            UpstreamUnavailable: there was no usable response.
        """
        parameters = {RETURN_FEATURES: True}
        return self._call(model, lambda c: c.infer(model.name, inputs, parameters=parameters))

    def load(self, model: V2Model, seconds: float) -> None:
        """Have the service load the release that its pointer names.

        Raises:
            ReleaseRefused: the service refused the release.
            UpstreamUnavailable: there was no usable response.
        """
        try:
            self._call(model, lambda c: c.load(model.name, seconds))
        except NotFound as error:
            raise ReleaseRefused(str(error)) from error

    def unload(self, model: V2Model) -> None:
        """Have the service stop serving a model; when there is none nothing changes."""
        try:
            self._call(model, lambda c: c.unload(model.name))
        except NotFound:
            return

    def _call(self, model: V2Model, call: Callable[[V2Client], Awaitable[Result]]) -> Result:
        what = f"the inference service in {model.environment.value}"

        async def run() -> Result:
            client = V2Client(model.url, ANSWER_SECONDS, what)
            try:
                return await call(client)
            finally:
                client.close()

        try:
            # In a thread, because the caller may run in an event loop of its own.
            with ThreadPoolExecutor(max_workers=1) as thread:
                return thread.submit(lambda: asyncio.run(run())).result()
        except (ServiceTimeout, ServiceUnreachable) as error:
            kind = NotListening if isinstance(error, ServiceUnreachable) else UpstreamUnavailable
            raise kind(f"{what} does not answer at {model.url}: {error}; {self._hint}") from error
