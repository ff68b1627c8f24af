"""Deploys to local inference services through pointers and the V2 model repository API.

A pointer names a release that a server loads when it starts (the layout is in
`platform_core.storage.model_repository`); `POST /v2/repository/models/<name>/load` makes a running
server read it again. The server of canaries and shadows listens only while it has pointers.
"""

import time
from collections.abc import Collection
from pathlib import Path

from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingRole, model_name
from platform_core.errors import ReleaseRefused, UpstreamUnavailable
from platform_core.settings import ServingSettings
from platform_core.storage.model_repository import ServerPool, pointer_folder, pointer_names
from releases.deployers.pointer import pointer, read_pointer
from releases.deployers.port import Assignment, DeployableRelease
from releases.deployers.v2 import NotListening, V2Model, V2Services

POLL_SECONDS = 0.1
ROLES = {ServerPool.STABLE: ServingRole.STABLE, ServerPool.CANDIDATES: ServingRole.CANARY}


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

    def ensure(
        self, environment: Environment, release: DeployableRelease, role: ServingRole
    ) -> None:
        """Load the release into the server of its role, and wait until it answers."""
        use_case, release_id = release.use_case, release.release_id
        if self._quietly_ready(environment, use_case, release_id, role):
            return
        file = self._file(environment, role, model_name(use_case, release_id))
        if _release_of(file) != release_id:
            _replace(file, _content(release))
        model = self._services.model(environment, use_case, release_id, role)
        self._load_and_wait(model, release_id, waits=_pool(role) is ServerPool.CANDIDATES)

    def is_ready(
        self, environment: Environment, use_case: str, release_id: str, role: ServingRole
    ) -> bool:
        """Return whether a pointer names the release, and the server answers with it."""
        file = self._file(environment, role, model_name(use_case, release_id))
        if _release_of(file) != release_id:
            return False
        return self._services.answers(environment, use_case, release_id, role)

    def prune(
        self, environment: Environment, use_case: str, keep: Collection[Assignment]
    ) -> list[str]:
        """Remove the pointers of all other releases, and unload them."""
        removed = set()
        for pool, role in ROLES.items():
            kept = {model_name(use_case, r) for r, kept_role in keep if _pool(kept_role) is pool}
            folder = pointer_folder(self._repository, environment, pool)
            for name in pointer_names(folder):
                if name.startswith(f"{use_case}-") and name not in kept:
                    file = folder / f"{name}.json"
                    removed.add(_release_of(file) or name)
                    url = self._services.model(environment, use_case, "", role).url
                    self._unload(file, V2Model(environment, url, name))
        return sorted(removed)

    def refresh(self, environment: Environment, use_case: str) -> list[str]:
        """Change nothing: the servers read their settings when they start."""
        del environment, use_case
        return []

    def set_stable(
        self, environment: Environment, use_case: str, release: DeployableRelease | None
    ) -> None:
        """Have the pointer of the plain name, and the main server, name the release."""
        model = self._services.plain(environment, use_case)
        file = self._file(environment, ServingRole.STABLE, use_case)
        if release is None:
            self._unload(file, model)
            return
        own = self._file(environment, ServingRole.STABLE, model_name(use_case, release.release_id))
        same = _release_of(own) == release.release_id
        # The same content: the server holds one model for both names.
        _replace(file, own.read_bytes() if same else _content(release))
        self._load_and_wait(model, release.release_id, waits=False)

    def is_stable(self, environment: Environment, use_case: str, release_id: str | None) -> bool:
        """Return whether the pointer names the release, and the main server answers with it."""
        file = self._file(environment, ServingRole.STABLE, use_case)
        if _release_of(file) != release_id:
            return False
        return self._services.served(self._services.plain(environment, use_case)) == release_id

    def _quietly_ready(
        self, environment: Environment, use_case: str, release_id: str, role: ServingRole
    ) -> bool:
        try:
            return self.is_ready(environment, use_case, release_id, role)
        except UpstreamUnavailable:
            return False

    def _load_and_wait(self, model: V2Model, release_id: str, waits: bool) -> None:
        """Load a model until it answers with the release; `waits`: the server starts meanwhile."""
        deadline = time.monotonic() + self._timeout
        reason = "the service is not ready"
        while True:
            try:
                self._services.load(model, self._timeout)
                if self._services.answers_with(model, release_id):
                    return
            except UpstreamUnavailable as error:  # it may be ending after its last release
                if not waits:
                    raise
                reason = str(error)
            if time.monotonic() > deadline:
                raise UpstreamUnavailable(
                    f"{model.name} in {model.environment} did not answer with release "
                    f"{release_id:.12} within {self._timeout:g} s ({reason}); look at the log of "
                    "the inference service"
                )
            time.sleep(POLL_SECONDS)

    def _unload(self, file: Path, model: V2Model) -> None:
        """Remove a pointer and unload its model.

        A server that does not listen has nothing loaded. The pointer of one that does not answer
        is kept, so that the next attempt finds it.
        """
        content = file.read_bytes() if file.exists() else None
        file.unlink(missing_ok=True)
        try:
            self._services.unload(model)
        except NotListening:
            return
        except (UpstreamUnavailable, ReleaseRefused):
            if content is not None:
                _replace(file, content)
            raise

    def _file(self, environment: Environment, role: ServingRole, name: str) -> Path:
        return pointer_folder(self._repository, environment, _pool(role)) / f"{name}.json"


def _pool(role: ServingRole) -> ServerPool:
    return ServerPool.STABLE if role is ServingRole.STABLE else ServerPool.CANDIDATES


def _content(release: DeployableRelease) -> bytes:
    return pointer(release.use_case, release.release_id, release.uri, release.model_version)


def _release_of(file: Path) -> str | None:
    """Return the release that a pointer names, "" if it is unreadable, `None` without one."""
    try:
        return read_pointer(file.read_bytes())
    except FileNotFoundError:
        return None


def _replace(file: Path, data: bytes) -> None:
    """Replace the file atomically: a server that starts reads the old pointer or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_bytes(data)
    partial.replace(file)
