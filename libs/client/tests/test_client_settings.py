"""Where the URL and the API key of a client come from."""

import pytest

from mlplatform_client import AsyncClient, Client, ClientOptionsError, MlplatformError


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("MLPLATFORM_URL", "MLPLATFORM_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_what_is_missing_is_named(kind, environment) -> None:
    with pytest.raises(ClientOptionsError, match="MLPLATFORM_URL"):
        kind()
    with pytest.raises(ClientOptionsError, match="MLPLATFORM_API_KEY"):
        kind("http://127.0.0.1:1")
    environment.setenv("MLPLATFORM_URL", "http://127.0.0.1:1")
    environment.setenv("MLPLATFORM_API_KEY", "a-key")
    kind()


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "file:///etc/passwd", "http://"])
def test_a_url_that_is_not_one_of_http_is_refused(url) -> None:
    with pytest.raises(MlplatformError, match="is not the URL of a gateway"):
        Client(url, "a-key")


@pytest.mark.parametrize("key", ["two\nlines", "schlüssel", "a\x00b"])
def test_a_key_that_no_header_can_carry_is_refused(key) -> None:
    with pytest.raises(ClientOptionsError, match="characters"):
        Client("http://127.0.0.1:1", key)


def test_no_representation_shows_the_key() -> None:
    client = Client("http://127.0.0.1:1", "a-secret-key")
    assert "a-secret-key" not in f"{client!r} {vars(client)!r} {client.releases!r}"
