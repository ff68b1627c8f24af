"""A blob store in an Azure storage account, or in Azurite: one blob container per container."""

from functools import cached_property
from urllib.parse import quote, unquote, urlsplit

from azure.identity import DefaultAzureCredential
from obstore.auth.azure import AzureCredentialProvider
from obstore.store import AzureStore
from pydantic import SecretStr

from platform_core.adapters.blob_store.network import RETRIES, client_options, retry_options
from platform_core.adapters.blob_store.objects import ObjectBlobStore
from platform_core.errors import ConfigurationError, InvalidPath
from platform_core.ports.blob_paths import validate_path


class AzureBlobStore(ObjectBlobStore):
    """Blobs of one account.

    `account_url` is `https://<account>.blob.core.windows.net`, or path-style
    `http://host:port/<account>` for Azurite. Without a key the workload's identity is used.
    """

    def __init__(
        self, account_url: str, key: SecretStr | None = None, retries: int = RETRIES
    ) -> None:
        super().__init__()
        self._url = account_url.rstrip("/")
        self._account = _account_name(self._url)
        self._key = key
        self._retries = retries
        self.name = f"the storage account {self._url}"

    def uri(self, path: str) -> str:
        """Return the URL of `path`."""
        return f"{self._url}/{quote(validate_path(path), safe='/=')}"

    def path(self, uri: str) -> str:
        """Return the path of a URI made by `uri`."""
        root = f"{self._url}/"
        if not uri.startswith(root):
            raise InvalidPath(f"{uri!r:.200} is not in the storage account {root}")
        return validate_path(unquote(uri.removeprefix(root)))

    def _open_container(self, container: str) -> AzureStore:
        secret = self._key.get_secret_value() if self._key else None
        identity = {"account_key": secret} if secret else {"credential_provider": self._identity}
        return AzureStore(
            container,
            account_name=self._account,
            endpoint=self._url,
            client_options=client_options(self._url),
            retry_config=retry_options(self._retries),
            **identity,
        )

    @cached_property
    def _identity(self) -> AzureCredentialProvider:
        return AzureCredentialProvider(DefaultAzureCredential())

    def __getstate__(self) -> dict[str, object]:
        state = super().__getstate__()
        state.pop("_identity", None)
        return state


def _account_name(url: str) -> str:
    parts = urlsplit(url)
    name = parts.path.strip("/") or parts.netloc.partition(".")[0]
    if parts.scheme not in {"http", "https"} or not name or "/" in name:
        raise ConfigurationError(
            f"{url!r:.200} names no storage account; use https://<account>.blob.core.windows.net"
        )
    return name
