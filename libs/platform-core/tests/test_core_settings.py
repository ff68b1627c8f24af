"""Settings: frozen, from the environment, secrets hidden."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import ConfigurationError
from platform_core.settings import (
    OnlineStoreSettings,
    RegistrySettings,
    ServingSettings,
    Settings,
    StorageSettings,
)

URL = "https://account.blob.core.windows.net"


class ExampleSettings(Settings):
    number: int = 1


def test_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLOB_STORE_URL", URL)
    monkeypatch.setenv("AZURE_STORAGE_KEY", "")
    monkeypatch.setenv("SOMETHING_ELSE", "1")
    settings = StorageSettings()
    assert settings.blob_store_url == URL
    assert settings.azure_storage_key is None  # empty means not set


def test_empty_takes_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBER", "")
    assert ExampleSettings().number == 1


def test_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        StorageSettings(blob_store_url=URL).blob_store_url = "file:///tmp"


def test_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(ConfigurationError, match="MLFLOW_TRACKING_URI"):
        RegistrySettings()


def test_secrets_are_not_shown() -> None:
    storage = StorageSettings(blob_store_url=URL, azure_storage_key="topsecret")
    online = OnlineStoreSettings(
        feast_repository=Path(),
        blob_store_url=URL,
        feast_online_path=Path("online.db"),
        redis_url="redis://:topsecret@host:6379/0",
    )
    assert "topsecret" not in f"{storage!r}{online!r}{storage.model_dump_json()}"


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_is_positive(limit: float) -> None:
    with pytest.raises(ConfigurationError, match="greater than 0"):
        OnlineStoreSettings(
            feast_repository=Path(),
            blob_store_url=URL,
            feast_online_path=Path("o"),
            online_store_timeout_seconds=limit,
        )


def test_where_an_environment_answers() -> None:
    settings = ServingSettings(
        inference_url_staging="http://127.0.0.1:8081/",
        inference_url_production="http://{use_case}-production.serving.svc",
        candidate_url_production="http://{use_case}-production-{release}.serving.svc",
    )
    assert settings.release_url(Environment.STAGING, "spam", "a" * 32, ServingRole.CANARY) == (
        "http://127.0.0.1:8081"
    )
    expected = "http://churn-telco-production.serving.svc"
    assert settings.release_url(
        Environment.PRODUCTION, "churn_telco", "a" * 32, ServingRole.STABLE
    ) == (expected)
    expected = "http://churn-telco-production-aaaaaaaa.serving.svc"
    for role in (ServingRole.CANARY, ServingRole.SHADOW):
        found = settings.release_url(Environment.PRODUCTION, "churn_telco", "a" * 32, role)
        assert found == expected
