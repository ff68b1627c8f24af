"""The releases of a server: loaded from pointers, replaced in one step."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

from kserve import Model, ModelRepository

from model_server.pointers import ReleasePointers
from platform_core.contracts.release import ReleasePointer
from platform_core.errors import ModelNotReady, NotFound, PlatformError

logger = logging.getLogger(__name__)

Loader = Callable[[ReleasePointer], Model]


class Backend(Protocol):
    """A server behind this one that must serve the same releases."""

    async def load(self, use_case: str) -> None:
        """Load what is deployed."""
        ...

    async def unload(self, use_case: str) -> None:
        """Stop serving a use case."""
        ...


class ReleaseRepository(ModelRepository):
    """Loads what the pointers name; when a release is refused, the old one keeps serving.

    `loader` downloads, verifies and warms up the release of a pointer; it runs in a thread.
    A `backend` goes first, so that what it refuses changes nothing here. With `strict`, a release
    that cannot be served ends the start, for a server with one release.
    """

    def __init__(
        self,
        pointers: ReleasePointers,
        loader: Loader,
        backend: Backend | None = None,
        strict: bool = False,
    ) -> None:
        super().__init__()
        self._strict = strict
        self._backend = backend
        self._pointers = pointers
        self._loader = loader
        self._refusals: dict[str, str] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def load_models(self) -> None:
        """Load every pointer; one that is refused is logged and the others are served.

        Raises:
            PlatformError: `strict` is set, and a release is refused or cannot be fetched.
        """
        for name in self._pointers.names():
            try:
                self._serve(self._loader(self._pointers.read(name)))
            except PlatformError as error:
                logger.error("%s is not served: %s", name, error)  # noqa: TRY400
                if self._strict:
                    raise
                self._refusals[name] = str(error)
            except Exception:  # an error in one use case must not affect the others
                logger.exception("%s is not served", name)
                if self._strict:
                    raise
                self._refusals[name] = "loading it failed; the server's log has the details"

    async def load(self, name: str) -> bool:
        """Load what the pointer of `name` says and replace what is served.

        Requests in flight finish on the release they started with.

        Raises:
            PlatformError: the release is absent, refused or cannot be fetched; what was served
                before is still served.
        """
        async with self._locks[name]:
            if self._backend is not None:
                await self._backend.load(name)
            model = await asyncio.to_thread(lambda: self._loader(self._pointers.read(name)))
            self._serve(model)
            self._refusals.pop(name, None)
        return True

    def get_model(self, name: str) -> Model | None:
        """Return the model of `name`, `None` when nothing was deployed.

        Raises:
            ModelNotReady: its release was refused at start.
        """
        if name not in self.models and name in self._refusals:
            raise ModelNotReady(f"{name} is not served: {self._refusals[name]}")
        return self.models.get(name)

    async def withdraw(self, name: str) -> None:
        """Stop serving `name` here and in the backend; see `unload`."""
        if self._backend is not None:
            await self._backend.unload(name)
        self.unload(name)

    def unload(self, name: str) -> None:
        """Stop serving `name`; requests in flight are still answered.

        Raises:
            NotFound: nothing is served under this name.
        """
        if self.models.pop(name, None) is None and self._refusals.pop(name, None) is None:
            raise NotFound(f"nothing is served under the name {name!r:.100}")

    def _serve(self, model: Model) -> None:
        self.update(model)
        logger.info("serving release %s of %s", model.release_id, model.name)
