"""The releases of a server: loaded from pointers, replaced in one step."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from kserve import Model, ModelRepository

from model_server.pointers import ReleasePointers, release_name, use_case_of
from platform_core.contracts.release import ReleasePointer
from platform_core.errors import ModelNotReady, NotFound, PlatformError

logger = logging.getLogger(__name__)

Loader = Callable[[ReleasePointer], Model]


class Backend(Protocol):
    """A server behind this one that must serve the same releases."""

    async def load(self, name: str) -> None:
        """Load what is deployed under a model name."""
        ...

    async def unload(self, name: str) -> None:
        """Stop serving a model name."""
        ...


@dataclass(frozen=True)
class _Loaded:
    """What a pointer named when it was loaded."""

    pointer: ReleasePointer
    model: Model


@dataclass(frozen=True)
class _Refusal:
    """Why the release of a pointer is not served, and the names it would answer under."""

    names: Sequence[str]
    reason: str


class ReleaseRepository(ModelRepository):
    """Loads what the pointers name; when a release is refused, the old one keeps serving.

    A release answers under the name of its pointer and under its own name, `<use case>-<digits>`.
    It is loaded once, even if two pointers name it, and it is dropped with the last of them.

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
        self._loaded: dict[str, _Loaded] = {}  # by the name of the pointer
        self._refusals: dict[str, _Refusal] = {}  # by the name of the pointer
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._emptied: Callable[[], None] | None = None
        self._closed = False

    @property
    def empty(self) -> bool:
        """Whether no pointer was loaded or refused."""
        return not self._loaded and not self._refusals

    def close_when_empty(self, then: Callable[[], None]) -> None:
        """Load nothing more, and call `then`, once the last model is unloaded."""
        self._emptied = then

    def load_models(self) -> None:
        """Load every pointer; one that is refused is logged and the others are served.

        Raises:
            PlatformError: `strict` is set, and a release is refused or cannot be fetched.
        """
        for name in self._pointers.names():
            try:
                self._load_at_start(name)
            except Exception:
                if self._strict:
                    raise

    async def load(self, name: str) -> bool:
        """Load what the pointer of `name` says and replace what is served.

        Requests in flight finish on the release they started with.

        Raises:
            PlatformError: the release is absent, refused or cannot be fetched; what was served
                before is still served.
            ModelNotReady: the last model was unloaded and the server ends.
        """
        async with self._locks[use_case_of(name)]:
            if self._closed:
                raise ModelNotReady(
                    "the server is shutting down because its last release was unloaded"
                )
            if self._backend is not None:
                await self._backend.load(name)
            pointer = await asyncio.to_thread(self._pointers.read, name)
            model = self._shared(pointer) or await asyncio.to_thread(self._loader, pointer)
            self._serve(name, pointer, model)
        return True

    def get_model(self, name: str) -> Model | None:
        """Return the model of `name`, `None` when nothing was deployed.

        Raises:
            ModelNotReady: its release was refused at start.
        """
        model = self.models.get(name)
        if model is None:
            for refusal in self._refusals.values():
                if name in refusal.names:
                    raise ModelNotReady(f"{name} is not served: {refusal.reason}")
        return model

    async def withdraw(self, name: str) -> None:
        """Stop serving `name` here and in the backend; see `unload`."""
        async with self._locks[use_case_of(name)]:
            if self._backend is not None:
                await self._backend.unload(name)
            self.unload(name)

    def unload(self, name: str) -> None:
        """Forget the pointer `name`; requests in flight are still answered.

        A release that another pointer names keeps its own name.

        Raises:
            NotFound: nothing is served under this name.
        """
        known = name in self._loaded or name in self._refusals or name in self.models
        if not known:
            raise NotFound(f"nothing is served under the name {name!r:.100}")
        self._loaded.pop(name, None)
        self._refusals.pop(name, None)
        self._name_models()
        if self.empty and self._emptied is not None:
            self._closed = True
            self._emptied()

    def _load_at_start(self, name: str) -> None:
        names = [name]
        try:
            pointer = self._pointers.read(name)
            names.append(release_name(pointer))
            self._serve(name, pointer, self._shared(pointer) or self._loader(pointer))
        except PlatformError as error:
            logger.error("%s is not served: %s", name, error)  # noqa: TRY400
            self._refusals[name] = _Refusal(names, str(error))
            raise
        except Exception:  # an error in one use case must not affect the others
            logger.exception("%s is not served", name)
            reason = "loading it failed; the server's log has the details"
            self._refusals[name] = _Refusal(names, reason)
            raise

    def _shared(self, pointer: ReleasePointer) -> Model | None:
        """Return the model of the same release that another pointer loaded.

        A model with a backend follows what that serves under each name, so it is not shared.
        """
        if self._backend is not None:
            return None
        wanted = _identity(pointer)
        same = (one.model for one in self._loaded.values() if _identity(one.pointer) == wanted)
        return next(same, None)

    def _serve(self, name: str, pointer: ReleasePointer, model: Model) -> None:
        self._loaded[name] = _Loaded(pointer, model)
        self._refusals.pop(name, None)
        self._name_models()
        logger.info("serving release %s as %s", pointer.release_id, name)

    def _name_models(self) -> None:
        """Name the models by their releases and by their pointers, in one step."""
        own = {release_name(one.pointer): one.model for one in self._loaded.values()}
        self.models = own | {name: one.model for name, one in self._loaded.items()}


def _identity(pointer: ReleasePointer) -> tuple[str, str, str]:
    return pointer.use_case, pointer.release_id, pointer.version
