"""API keys, roles and rate limits."""

import json
from typing import Any

import pytest

from api_gateway.auth.keys import DEVELOPMENT_KEYS, AccessRole, ApiKeys, hash_key
from mlplatform_client.retries import LONGEST_RETRY_AFTER
from platform_core.contracts.environments import Environment
from platform_core.errors import ConfigurationError

JOB = "0" * 32
# Method, path, body, the lowest role, and what that role is answered.
ENDPOINTS = [
    ("POST", "/predict", "spam", "operator", 200),
    ("POST", "/predict/batch-sync", "spams", "operator", 200),
    ("POST", "/models/iris/predict", "iris", "operator", 200),
    ("POST", "/models/iris/predict/batch-sync", "irises", "operator", 200),
    ("POST", "/batch/submit", "job", "operator", 422),
    ("GET", f"/batch/{JOB}", None, "viewer", 404),
    ("DELETE", f"/batch/{JOB}", None, "operator", 404),
    ("GET", "/model/info", None, "viewer", 200),
    ("GET", "/metrics/drift", None, "viewer", 200),
    ("GET", "/metrics/quality", None, "viewer", 200),
    ("POST", "/admin/inference-log/flush", None, "admin", 200),
    ("GET", "/no-such-path", None, "viewer", 404),
]
OPEN = ["/health", "/health/live", "/health/ready", "/metrics", "/docs", "/openapi.json"]
ROLES = ["viewer", "operator", "admin"]


@pytest.fixture
def bodies(spam: dict[str, Any], iris: dict[str, Any]) -> dict[str | None, Any]:
    job = {"input_path": "batch/none.parquet", "output_path": "batch/out.parquet"}
    return {
        "spam": spam,
        "spams": {"emails": [spam]},
        "iris": iris,
        "irises": {"records": [iris]},
        "job": job,
        None: None,
    }


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: f"{e[0]} {e[1]}")
async def test_every_endpoint_for_every_role(running, bodies, keys, endpoint) -> None:
    method, path, body, lowest, status = endpoint
    for key in (None, "", "wrong", keys["admin"] + "x", hash_key(keys["admin"])):
        headers = {} if key is None else {"X-API-Key": key}
        response = await running.client.request(method, path, headers=headers, json=bodies[body])
        assert response.status_code == 401, key
        assert response.json()["code"] == "unauthenticated"
        assert response.headers["www-authenticate"].startswith("ApiKey")
    for role in ROLES:
        response = await running.ask(method, path, role, json=bodies[body])
        allowed = ROLES.index(role) >= ROLES.index(lowest)
        assert response.status_code == (status if allowed else 403), response.text
        if not allowed:
            assert response.json()["code"] == "forbidden"


@pytest.mark.parametrize("path", OPEN)
async def test_probes_metrics_and_documentation_need_no_key(serve, path) -> None:
    running = await serve()
    await running.gateway.catalog.refresh()
    assert (await running.client.get(path)).status_code == 200


async def test_two_keys_at_once_are_refused(running, keys, spam) -> None:
    headers = [("X-API-Key", keys["admin"]), ("X-API-Key", keys["operator"])]
    response = await running.client.post("/predict", headers=headers, json=spam)
    assert response.status_code == 401


async def test_without_configured_keys_every_request_is_refused(serve, spam) -> None:
    running = await serve(api_keys_file=None)
    assert (await running.predict()).status_code == 401
    headers = {"X-API-Key": ""}
    assert (await running.client.post("/predict", headers=headers, json=spam)).status_code == 401


async def test_a_changed_key_file_takes_effect_at_once(running, keys) -> None:
    running.write_keys({"viewer": keys["operator"], "operator": "a-brand-new-key"})
    assert (await running.predict()).status_code == 403
    response = await running.predict(headers={"X-API-Key": "a-brand-new-key"})
    assert response.status_code == 200


async def test_with_the_key_file_removed_every_request_is_refused(running) -> None:
    running.keys_file.unlink()
    assert (await running.predict()).status_code == 401


async def test_an_invalid_key_file_keeps_the_previous_keys(running) -> None:
    running.keys_file.write_text("[{")
    assert (await running.predict()).status_code == 200


async def test_development_keys_are_refused_in_a_changed_file(running) -> None:
    running.write_keys({"admin": DEVELOPMENT_KEYS[2]})
    response = await running.predict(headers={"X-API-Key": DEVELOPMENT_KEYS[2]})
    assert response.status_code == 401


@pytest.mark.parametrize("key", DEVELOPMENT_KEYS)
def test_development_keys_are_refused_unless_allowed(tmp_path, key) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps([{"name": "dev", "role": "admin", "sha256": hash_key(key)}]))
    with pytest.raises(ConfigurationError, match="ALLOW_DEVELOPMENT_KEYS"):
        ApiKeys(file, allow_development_keys=False)
    caller = ApiKeys(file, allow_development_keys=True).find(key)
    assert caller.role is AccessRole.ADMIN


@pytest.mark.parametrize(
    "content",
    [
        "no json",
        "{}",
        '[{"name": "a", "role": "king", "sha256": "' + "0" * 64 + '"}]',
        '[{"name": "a", "role": "admin", "sha256": "plain-text-key"}]',
        '[{"name": "a", "role": "admin", "key": "secret"}]',
    ],
)
def test_an_invalid_key_file_prevents_the_start(tmp_path, content) -> None:
    file = tmp_path / "keys.json"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=r"keys\.json"):
        ApiKeys(file, allow_development_keys=False)


async def test_a_key_is_limited_to_its_requests(serve, spam) -> None:
    running = await serve(rate_limit="2/day")
    assert [(await running.predict()).status_code for _ in range(2)] == [200, 200]
    response = await running.predict()
    assert response.status_code == 429
    assert response.json()["code"] == "rate-limited"
    assert int(response.headers["retry-after"]) >= 1
    # Another key has its own; what never came to the limit did not count.
    assert (await running.predict(role="admin")).status_code == 200
    assert (await running.ask("POST", "/predict", "viewer", json=spam)).status_code == 403


async def test_refused_requests_are_not_counted(serve) -> None:
    running = await serve(rate_limit="1/day")
    for _ in range(3):
        assert (await running.predict({"email_id": "1"})).status_code == 422
    assert (await running.predict()).status_code == 200


async def test_a_missing_release_is_reported_before_the_rate_limit(
    serve, blob_store, releases, activate
) -> None:
    activate(blob_store, releases["spam"], Environment.STAGING)
    running = await serve(rate_limit="1/day", served=())
    await running.gateway.catalog.refresh()
    assert (await running.predict()).status_code == 200
    response = await running.predict(headers={"X-Environment": "production"})
    assert (response.status_code, response.json()["code"]) == (503, "no-release-served")
    assert int(response.headers["retry-after"]) > LONGEST_RETRY_AFTER, "a client would wait"
    assert (await running.predict()).status_code == 429


async def test_an_invalid_limit_prevents_the_start(serve) -> None:
    with pytest.raises(ConfigurationError, match="RATE_LIMIT"):
        await serve(rate_limit="a lot")
