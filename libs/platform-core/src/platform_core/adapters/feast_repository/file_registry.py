"""Feast's registry in a local file that is replaced in one step.

Feast's own store overwrites the file in place, so that a reader may see half of it, and lets
the last of two writers win, so that the first one's views are lost.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from feast.infra.registry.registry_store import RegistryStore
from feast.protos.feast.core.Registry_pb2 import Registry
from feast.repo_config import RegistryConfig
from google.protobuf.message import DecodeError

from platform_core.errors import NotFound, UpstreamUnavailable


class FileRegistryStore(RegistryStore):
    """Feast makes it from the registry's configuration: `path` and `read_only`."""

    def __init__(self, registry_config: RegistryConfig, repo_path: Path) -> None:
        self._file = repo_path / registry_config.path
        self._read_only = bool(getattr(registry_config, "read_only", False))

    def get_registry_proto(self) -> Registry:
        """Return the registry; `FileNotFoundError`, as Feast expects it, when there is none."""
        registry = Registry()
        try:
            registry.ParseFromString(self._file.read_bytes())
        except FileNotFoundError:
            raise
        except (OSError, DecodeError) as error:
            raise UpstreamUnavailable(
                f"the feature registry {self._file} cannot be read: {error}"
            ) from error
        return registry

    def update_registry_proto(self, registry_proto: Registry) -> None:
        """Replace the registry."""
        if self._read_only:
            raise NotFound(no_registry(str(self._file)))
        registry_proto.version_id = uuid4().hex
        partial = self._file.with_name(f".{self._file.name}.{registry_proto.version_id}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(registry_proto.SerializeToString())
            partial.replace(self._file)
        except OSError as error:
            raise UpstreamUnavailable(
                f"the feature registry {self._file} cannot be written: {error}"
            ) from error

    def teardown(self) -> None:
        """Delete the registry."""
        self._file.unlink(missing_ok=True)


def no_registry(where: str) -> str:
    """Return what to say when nothing was ever registered."""
    return f"there is no feature registry at {where} yet; run the pipeline first"


@contextmanager
def registry_lock(file: Path) -> Iterator[None]:
    """Let one process at a time change a registry file; others wait."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_name(f".{file.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
