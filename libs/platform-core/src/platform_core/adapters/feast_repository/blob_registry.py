"""Feast's registry in one blob, written only over the version that was read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobClient
from feast.infra.registry.registry_store import RegistryStore
from feast.protos.feast.core.Registry_pb2 import Registry
from feast.repo_config import RegistryConfig
from google.protobuf.message import DecodeError

from platform_core.adapters.feast_repository.file_registry import no_registry
from platform_core.errors import Conflict, NotFound, UpstreamUnavailable

CONNECT_SECONDS = 5
READ_SECONDS = 20


class BlobRegistryStore(RegistryStore):
    """Feast makes it from the registry's configuration: `path` is the blob's URL."""

    def __init__(self, registry_config: RegistryConfig, repo_path: Path) -> None:  # noqa: ARG002
        self._url = registry_config.path
        self._read_only = bool(getattr(registry_config, "read_only", False))
        self._blob = BlobClient.from_blob_url(
            self._url,
            credential=getattr(registry_config, "account_key", None) or DefaultAzureCredential(),
            connection_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retry_total=2,
        )
        self._etag: str | None = None

    def get_registry_proto(self) -> Registry:
        """Return the registry; `FileNotFoundError`, as Feast expects it, when there is none."""
        registry = Registry()
        with self._translated():
            try:
                stream = self._blob.download_blob()
                registry.ParseFromString(stream.readall())
            except ResourceNotFoundError as error:
                self._etag = None
                raise FileNotFoundError(self._url) from error
            self._etag = stream.properties.etag
        return registry

    def update_registry_proto(self, registry_proto: Registry) -> None:
        """Replace the registry.

        Raises:
            Conflict: somebody else replaced it since it was read.
        """
        if self._read_only:
            raise NotFound(no_registry(self._url))
        registry_proto.version_id = uuid4().hex
        seen: dict[str, Any] = {"overwrite": False}
        if self._etag:
            matching = MatchConditions.IfNotModified
            seen = {"overwrite": True, "etag": self._etag, "match_condition": matching}
        with self._translated():
            written = self._blob.upload_blob(registry_proto.SerializeToString(), **seen)
            self._etag = written["etag"]

    def teardown(self) -> None:
        """Delete the registry."""
        with self._translated():
            self._blob.delete_blob()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (ResourceModifiedError, ResourceExistsError) as error:
            raise Conflict(
                f"the feature registry {self._url} was changed by somebody else at the same "
                "time; try again"
            ) from error
        except (AzureError, DecodeError) as error:
            raise UpstreamUnavailable(
                f"the feature registry {self._url} cannot be reached or read: {error}"
            ) from error
