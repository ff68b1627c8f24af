"""A blob store in an Azure storage account, or in Azurite: one blob container per container."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobClient, BlobServiceClient, ExponentialRetry
from pyarrow import fs
from pydantic import SecretStr

from platform_core.errors import (
    BlobExists,
    BlobNotFound,
    ConfigurationError,
    InvalidPath,
    UpstreamUnavailable,
)
from platform_core.ports.blob_store import BlobInfo
from platform_core.storage import validate_path

CONNECT_SECONDS = 5
READ_SECONDS = 30
RETRIES = 3
PUBLIC_SUFFIX = ".blob.core.windows.net"


class AzureBlobStore:
    """Blobs of one account.

    `account_url` is `https://<account>.blob.core.windows.net`, or path-style
    `http://host:port/<account>` for Azurite. Without a key the workload's identity is used.
    """

    def __init__(
        self, account_url: str, key: SecretStr | None = None, retries: int = RETRIES
    ) -> None:
        self._url = account_url.rstrip("/")
        self._account = _account_name(self._url)
        self._key = key
        self._service = BlobServiceClient(
            self._url,
            credential=key.get_secret_value() if key else DefaultAzureCredential(),
            connection_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retry_policy=ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=retries),
        )

    def read(self, path: str) -> bytes:
        """Return the whole object."""
        with self._blob(path) as blob:
            return blob.download_blob().readall()

    def write(self, path: str, data: bytes) -> None:
        """Write the object in one step, replacing what was there."""
        with self._blob(path) as blob:
            blob.upload_blob(data, overwrite=True)

    def create(self, path: str, data: bytes) -> None:
        """Write the object only when nothing is there; `BlobExists` otherwise."""
        with self._blob(path) as blob:
            blob.upload_blob(data, overwrite=False)  # sent with If-None-Match: *

    def exists(self, path: str) -> bool:
        """Say whether there is an object at `path`."""
        with self._blob(path) as blob:
            return blob.exists()

    def list(self, prefix: str) -> Iterator[BlobInfo]:
        """Yield the objects below the folder `prefix`, ordered by path."""
        container, name = _split(prefix if "/" in prefix else f"{prefix}/_")
        start = f"{name}/" if "/" in prefix else None
        with _translated(prefix, self._url):
            found = self._service.get_container_client(container).list_blobs(start)
            infos = [
                BlobInfo(f"{container}/{blob.name}", blob.size, blob.last_modified)
                for blob in found
            ]
        yield from sorted(infos, key=lambda info: info.path)

    def delete(self, path: str) -> None:
        """Delete the object; one that is not there is fine."""
        try:
            with self._blob(path) as blob:
                blob.delete_blob()
        except BlobNotFound:
            return

    def upload(self, source: Path, path: str) -> None:
        """Copy a local file to `path`; the blob appears when its last block is there."""
        with self._blob(path) as blob, source.open("rb") as file:
            blob.upload_blob(file, overwrite=True)

    def download(self, path: str, target: Path) -> None:
        """Copy the object to a local file, creating its folder."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._blob(path) as blob:
            stream = blob.download_blob()
            with target.open("wb") as file:
                stream.readinto(file)

    def filesystem(self) -> fs.FileSystem:
        """Return an Arrow file system whose paths are `<container>/<path>`."""
        parts = urlsplit(self._url)
        options: dict[str, Any] = {}
        if not parts.netloc.endswith(PUBLIC_SUFFIX):  # Azurite, or a sovereign cloud
            options["blob_storage_scheme"] = options["dfs_storage_scheme"] = parts.scheme
            authority = parts.netloc if parts.path else f".{parts.netloc.split('.', 1)[1]}"
            options["blob_storage_authority"] = authority
            options["dfs_storage_authority"] = authority.replace(".blob.", ".dfs.")
        if self._key:
            options["account_key"] = self._key.get_secret_value()
        return fs.AzureFileSystem(self._account, **options)

    def uri(self, path: str) -> str:
        """Return the `https://` URL of `path`."""
        return f"{self._url}/{quote(validate_path(path), safe='/=')}"

    def path(self, uri: str) -> str:
        """Return the path of a URI made by `uri`."""
        root = f"{self._url}/"
        if not uri.startswith(root):
            raise InvalidPath(f"{uri!r:.200} is not in the storage account {root}")
        return validate_path(unquote(uri.removeprefix(root)))

    @contextmanager
    def _blob(self, path: str) -> Iterator[BlobClient]:
        container, name = _split(path)
        with _translated(path, self._url):
            yield self._service.get_blob_client(container, name)


def _split(path: str) -> tuple[str, str]:
    container, _, name = validate_path(path).partition("/")
    return container, name


def _account_name(url: str) -> str:
    parts = urlsplit(url)
    name = parts.path.strip("/") or parts.netloc.partition(".")[0]
    if parts.scheme not in {"http", "https"} or not name or "/" in name:
        raise ConfigurationError(
            f"{url!r:.200} names no storage account; use https://<account>.blob.core.windows.net"
        )
    return name


@contextmanager
def _translated(path: str, account: str) -> Iterator[None]:
    try:
        yield
    except ResourceNotFoundError as error:
        if error.error_code == "ContainerNotFound":
            raise UpstreamUnavailable(
                f"the storage account {account} lacks the container of {path}; create it"
            ) from error
        raise BlobNotFound(f"there is no blob {path}") from error
    except ResourceExistsError as error:
        raise BlobExists(f"the blob {path} exists already") from error
    except HttpResponseError as error:
        raise UpstreamUnavailable(
            f"the storage account {account} refused {path}: {error.status_code} {error.reason}; "
            "check the workload's role (Storage Blob Data Contributor) and the network rules"
        ) from error
    except AzureError as error:
        raise UpstreamUnavailable(
            f"the storage account {account} cannot be reached for {path}: {error}"
        ) from error
