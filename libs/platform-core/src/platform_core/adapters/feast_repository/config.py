"""From settings to Feast's configuration: `feature_store.yaml`, with the stores filled in."""

import json
from string import Template
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import yaml
from feast import FeatureStore, RepoConfig

from platform_core.adapters.connect import blob_store
from platform_core.errors import ConfigurationError
from platform_core.settings import OnlineStoreSettings
from platform_core.storage import FEATURE_REGISTRY

PACKAGE = "platform_core.adapters.feast_repository"
REGISTRY_STORE = f"{PACKAGE}.registry.BlobRegistryStore"
REDIS_PORT = 6379


def open_repository(
    settings: OnlineStoreSettings, timeout_seconds: float, read_only: bool
) -> FeatureStore:
    """Return Feast's feature store for `settings`.

    `timeout_seconds` bounds the connection to Redis and each of its answers; `read_only`
    refuses to write the registry.

    Raises:
        ConfigurationError: the repository or the Redis URL cannot be used.
    """
    raw = _read_yaml(settings)
    raw["registry"] = _registry(settings, read_only)
    if settings.redis_url is not None:
        url = settings.redis_url.get_secret_value()
        raw["online_store"] = {
            "type": "redis",
            "connection_string": redis_connection(url, timeout_seconds),
        }
    config = RepoConfig(**raw)
    config.repo_path = settings.feast_repository
    # A view that is being written again answers with what it has. Feast warns, needlessly
    # for a registry that is a file, when it reads this from a configuration.
    config.registry.serve_features_while_materializing = True
    return FeatureStore(config=config)


def redis_connection(url: str, timeout_seconds: float) -> str:
    """Return `redis[s]://[user:password@]host[:port][/db]` in Feast's spelling.

    Raises:
        ConfigurationError: the URL names no Redis.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"redis", "rediss"} or not parts.hostname:
        raise ConfigurationError("REDIS_URL is not of the form redis://[user:password@]host:port/0")
    options: dict[str, Any] = {
        "db": int(parts.path.strip("/") or 0),
        "socket_connect_timeout": timeout_seconds,
        "socket_timeout": timeout_seconds,
        "retry": None,  # the client's own would multiply the timeout
        **dict(parse_qsl(parts.query)),
    }
    if parts.scheme == "rediss":
        options["ssl"] = True
    for name, value in (("username", parts.username), ("password", parts.password)):
        if value:
            options[name] = unquote(value)
    # Feast splits at commas and reads each value as JSON, where a comma can be escaped.
    spelt = (f"{name}={json.dumps(v)}".replace(",", "\\u002c") for name, v in options.items())
    return ",".join([f"{parts.hostname}:{parts.port or REDIS_PORT}", *spelt])


def _read_yaml(settings: OnlineStoreSettings) -> dict[str, Any]:
    path = settings.feast_repository / "feature_store.yaml"
    values = {"FEAST_ONLINE_PATH": str(settings.feast_online_path.absolute())}
    try:
        content = yaml.safe_load(Template(path.read_text()).safe_substitute(values))
        return dict(content)
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"FEAST_REPOSITORY={settings.feast_repository} has no usable feature_store.yaml: "
            f"{error}"
        ) from error


def _registry(settings: OnlineStoreSettings, read_only: bool) -> dict[str, Any]:
    return {
        "path": FEATURE_REGISTRY,
        "registry_store_type": REGISTRY_STORE,
        "blob_store": blob_store(settings),
        "read_only": read_only,
        "cache_ttl_seconds": 0,  # no expiry: the adapters refresh it when they must
    }
