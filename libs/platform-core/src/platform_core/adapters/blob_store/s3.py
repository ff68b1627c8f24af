"""A blob store in one bucket of Amazon S3 or of a compatible server: one prefix per container."""

from typing import Any
from urllib.parse import urlsplit

from obstore.store import S3Store

from platform_core.adapters.blob_store.network import RETRIES, client_options, retry_options
from platform_core.adapters.blob_store.objects import ObjectBlobStore
from platform_core.errors import ConfigurationError, InvalidPath
from platform_core.ports.blob_paths import validate_path
from platform_core.settings import StorageSettings


class S3BlobStore(ObjectBlobStore):
    """Objects below the `s3://<bucket>[/<prefix>]` that the settings name.

    Without keys the identity of the workload is used (web identity, container or instance
    role). The server must honour `If-None-Match` and `If-Match`: the ledger depends on them.
    """

    def __init__(self, settings: StorageSettings, retries: int = RETRIES) -> None:
        super().__init__()
        url = settings.blob_store_url
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
            raise ConfigurationError(f"{url!r:.200} names no bucket; use s3://<bucket>")
        endpoint = settings.s3_endpoint_url
        if endpoint and not endpoint.startswith(("http://", "https://")):
            raise ConfigurationError(
                f"S3_ENDPOINT_URL={endpoint!r:.200} is not the URL of a server; "
                "use https://<host>[:<port>]"
            )
        self._bucket = parts.netloc
        self._prefix = parts.path.strip("/")
        self._root = f"s3://{'/'.join(filter(None, (self._bucket, self._prefix)))}/"
        self._settings = settings
        self._retries = retries
        self.name = f"the bucket {self._root}"

    def uri(self, path: str) -> str:
        """Return the `s3://` URI of `path`; nothing is encoded, as is usual for S3."""
        return self._root + validate_path(path)

    def path(self, uri: str) -> str:
        """Return the path of a URI made by `uri`."""
        if not uri.startswith(self._root):
            raise InvalidPath(f"{uri!r:.200} is not in {self.name}")
        return validate_path(uri.removeprefix(self._root))

    def _open_container(self, container: str) -> S3Store:
        endpoint = self._settings.s3_endpoint_url
        return S3Store(
            self._bucket,
            prefix="/".join(filter(None, (self._prefix, container))),
            client_options=client_options(endpoint or "https://"),
            retry_config=retry_options(self._retries),
            virtual_hosted_style_request=endpoint is None,
            **self._options(),
        )

    def _options(self) -> dict[str, Any]:
        settings = self._settings
        options: dict[str, Any] = {"region": settings.s3_region}
        if settings.s3_endpoint_url:
            options["endpoint"] = settings.s3_endpoint_url
        if settings.s3_access_key_id and settings.s3_secret_access_key:
            options["access_key_id"] = settings.s3_access_key_id.get_secret_value()
            options["secret_access_key"] = settings.s3_secret_access_key.get_secret_value()
        return options
