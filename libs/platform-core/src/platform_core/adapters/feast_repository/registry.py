"""Feast's registry as one object of the blob store, written only over the version that was read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from feast.infra.registry.registry_store import RegistryStore
from feast.protos.feast.core.Registry_pb2 import Registry
from google.protobuf.message import DecodeError

from platform_core.errors import (
    BlobChanged,
    BlobExists,
    BlobNotFound,
    Conflict,
    NotFound,
    UpstreamUnavailable,
)
from platform_core.ports.blob_store import BlobStore


class BlobRegistryStore(RegistryStore):
    """Feast makes it from the registry's configuration: `path`, `blob_store` and `read_only`."""

    # `Any`: Feast's RegistryConfig takes fields of its own for each type of registry.
    def __init__(self, registry_config: Any, repo_path: Path) -> None:  # noqa: ARG002
        self._path: str = registry_config.path
        self._store: BlobStore = registry_config.blob_store
        self._read_only: bool = registry_config.read_only
        self._etag: str | None = None

    def get_registry_proto(self) -> Registry:
        """Return the registry; `FileNotFoundError`, as Feast expects it, when there is none."""
        registry = Registry()
        try:
            etag = self._store.info(self._path).etag
            registry.ParseFromString(self._store.read(self._path))
        except BlobNotFound as error:
            self._etag = None
            raise FileNotFoundError(self._path) from error
        except DecodeError as error:
            raise UpstreamUnavailable(
                f"the feature registry {self._path} cannot be read: {error}"
            ) from error
        self._etag = etag
        return registry

    def update_registry_proto(self, registry_proto: Registry) -> None:
        """Replace the registry.

        Raises:
            Conflict: another process replaced it since it was read.
        """
        if self._read_only:
            raise NotFound(
                f"there is no feature registry at {self._path} yet; run the pipeline first"
            )
        registry_proto.version_id = uuid4().hex
        data = registry_proto.SerializeToString()
        with self._translated():
            if self._etag is None:
                self._etag = self._store.create(self._path, data)
            else:
                self._etag = self._store.replace(self._path, data, self._etag)

    def teardown(self) -> None:
        """Delete the registry."""
        self._store.delete(self._path)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (BlobChanged, BlobExists) as error:
            raise Conflict(
                f"the feature registry {self._path} was changed by another process at the same "
                "time; try again"
            ) from error
