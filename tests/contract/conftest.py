"""The gateway under test: BASE_URL, and one key for each role."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from use_cases import UseCase, use_case, use_case_names


class ContractSettings(BaseSettings):
    """The gateway, and keys of the roles viewer and operator; defaults are for the laptop."""

    base_url: str = ""
    contract_viewer_key: SecretStr = SecretStr("test-viewer-key")
    contract_operator_key: SecretStr = SecretStr("test-operator-key")
    contract_environment: str = Field(default="staging", pattern="^(staging|production)$")
    contract_timeout_seconds: float = 60


class Gateway:
    """A client with one role; its requests have purpose `smoke`, not `live`."""

    def __init__(self, client: httpx.Client, settings: ContractSettings) -> None:
        self.client = client
        self.environment = settings.contract_environment
        self.keys = {
            "viewer": settings.contract_viewer_key.get_secret_value(),
            "operator": settings.contract_operator_key.get_secret_value(),
            "nobody": "no-such-key",
        }

    def call(self, method: str, path: str, role: str | None = "operator", **given: Any):
        headers = {"X-Purpose": "smoke", "X-Environment": self.environment}
        if role:
            headers["X-API-Key"] = self.keys[role]
        headers |= given.pop("headers", {})
        return self.client.request(method, path, headers=headers, **given)

    def predict(self, case: UseCase, record: dict, **headers: str) -> httpx.Response:
        return self.call("POST", f"/models/{case.name}/predict", json=record, headers=headers)


@pytest.fixture(scope="session")
def settings() -> ContractSettings:
    settings = ContractSettings()
    if not re.match("https?://", settings.base_url):
        pytest.skip("BASE_URL names no gateway; make contract BASE_URL=http://127.0.0.1:8000")
    return settings


@pytest.fixture(scope="session")
def gateway(settings: ContractSettings) -> Iterator[Gateway]:
    timeout = settings.contract_timeout_seconds
    with httpx.Client(base_url=settings.base_url, timeout=timeout) as client:
        yield Gateway(client, settings)


@pytest.fixture(scope="session")
def served(gateway: Gateway) -> dict[str, dict]:
    """The served release of each use case."""
    answer = gateway.call("GET", "/model/info", "viewer")
    assert answer.status_code == 200, answer.text
    known = {name: info[gateway.environment] for name, info in answer.json().items()}
    found = {name: info for name, info in known.items() if info and name in use_case_names()}
    assert found, f"{gateway.environment} serves nothing: run the pipeline first"
    return found


@pytest.fixture(scope="session")
def cases(served: dict[str, dict]) -> list[UseCase]:
    return [use_case(name) for name in sorted(served)]


@pytest.fixture(scope="session")
def case(cases: list[UseCase]) -> UseCase:
    """A served use case, if possible the default one."""
    return next((c for c in cases if c.name == "spam"), cases[0])


@pytest.fixture(scope="session")
def record(case: UseCase) -> dict:
    return next(iter(case.examples.values()))
