"""Signing in, the session, forms, headers."""

import pytest
from console_world import KEYS

from console.entry.sign_in import local_path
from console.settings import ConsoleSettings
from platform_core.errors import ConfigurationError


def test_a_page_without_a_session_leads_to_the_sign_in_form_and_back(browser):
    one = browser(None)
    asked = one.get("/?live=off")
    assert (asked.status_code, asked.headers["location"]) == (303, "/sign-in?next=%2F%3Flive%3Doff")
    assert 'name="next" value="/?live=off"' in one.page(asked.headers["location"])
    done = one.sign_in(KEYS["viewer"], next="/?live=off")
    assert (done.status_code, done.headers["location"]) == (303, "/?live=off")
    assert "test-viewer" in one.page("/")


@pytest.mark.parametrize(
    "given",
    [
        "https://evil.example/",
        "//evil.example/",
        "//[",
        "/\\evil.example",
        "javascript:alert(1)",
        "",
    ],
)
def test_signing_in_never_leads_to_another_site(given):
    assert local_path(given) == "/"


def test_a_key_that_the_gateway_does_not_know_is_refused(browser):
    one = browser(None)
    for key in ("wrong", "", "schlüssel"):
        refused = one.sign_in(key)
        assert refused.status_code == 401
        assert "This API key is not known" in refused.text
    assert one.get("/").status_code == 303


def test_the_key_is_in_no_page_and_in_no_readable_cookie(browser):
    one = browser("admin")
    cookies = [cookie.value for cookie in one.client.cookies.jar]
    assert cookies
    assert KEYS["admin"] not in one.page("/") + "".join(cookies)
    signed_out = one.post("/sign-out", {})
    assert (signed_out.status_code, signed_out.headers["clear-site-data"]) == (303, '"cache"')
    assert one.get("/").status_code == 303


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(
    browser, start_console, gateway_url
):
    def cookie(url: str) -> str:
        signed_in = browser(None, url).sign_in(KEYS["viewer"])
        return next(
            one
            for one in signed_in.headers.get_list("set-cookie")
            if "max-age=0" not in one.lower()
        )

    with start_console(gateway_url, console_url="http://127.0.0.1") as plain:
        given = cookie(plain)
        assert given.startswith("console=")
        assert {"HttpOnly", "SameSite=strict"} <= set(given.split("; "))
    with start_console(gateway_url, console_url="https://console.example") as secure:
        one = browser(None, secure)
        given = one.get("/sign-in").headers["set-cookie"]
        assert given.startswith("__Host-console-form=")
        assert {"HttpOnly", "Secure", "SameSite=strict", "Path=/"} <= set(given.split("; "))
        assert "strict-transport-security" in one.get("/sign-in").headers


def test_a_session_of_another_secret_is_none(browser, start_console, gateway_url):
    one = browser("admin")
    with start_console(gateway_url) as url:
        other = browser(None, url)
        other.client.cookies = one.client.cookies
        assert other.get("/").status_code == 303


def test_a_form_without_the_token_of_its_session_is_refused(browser):
    one, other = browser("admin"), browser("admin")
    for token in ("", "wrong", other.csrf()):
        refused = one.client.post("/sign-out", data={"csrf": token})
        assert refused.status_code == 403
        assert "This form has expired" in refused.text
    assert one.get("/").status_code == 200


@pytest.mark.parametrize("more", [{"key": "x" * (64 << 10)}, {str(n): "" for n in range(1000)}])
def test_a_form_without_a_session_is_small(browser, more):
    one = browser(None)
    refused = one.client.post("/sign-in", data={"csrf": one.csrf("/sign-in"), **more})
    assert refused.status_code == 413
    assert "The form is too large" in refused.text


def test_a_form_with_a_session_may_hold_a_long_record(browser):
    sent = browser("operator").post("/use-cases/spam/try", {"field-body": "word " * 100_000})
    assert sent.status_code != 413


def test_every_response_forbids_inline_scripts_framing_and_caching(browser):
    one = browser("viewer")
    for path in ("/", "/sign-in", "/no-such-page"):
        headers = one.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"


def test_a_link_on_another_site_is_followed_with_the_cookie(browser):
    """Browsers withhold a strict cookie from the first request; the page repeats it."""
    hop = browser(None).get("/", headers={"Sec-Fetch-Site": "cross-site"})
    assert hop.status_code == 200
    assert 'http-equiv="refresh"' in hop.text
    assert "set-cookie" not in hop.headers


@pytest.mark.parametrize("given", ["gateway:8000", "ftp://gateway", ""])
def test_the_address_of_the_gateway_is_a_url(given):
    with pytest.raises(ConfigurationError, match="GATEWAY_URL"):
        ConsoleSettings(gateway_url=given, console_generate_secret=True)


@pytest.mark.parametrize("given", [{}, {"console_secret": "short"}])
def test_without_a_secret_the_console_does_not_start(given):
    with pytest.raises(ConfigurationError, match="CONSOLE_SECRET"):
        ConsoleSettings(gateway_url="http://127.0.0.1:9", **given)


def test_static_files_are_compressed_and_cached_for_good(browser):
    one = browser(None)
    page = one.page("/sign-in")
    urls = [part.split('"')[0] for part in page.split('="/static/')[1:]]
    assert len(urls) >= 4
    for url in urls:
        found = one.get(f"/static/{url}", headers={"Accept-Encoding": "gzip"})
        assert found.status_code == 200
        assert found.headers["content-encoding"] == "gzip"
        if "?v=" in url:
            assert "immutable" in found.headers["cache-control"]
    assert one.get("/static/../settings.py").status_code == 404
    assert one.get("/static/%2e%2e%2fsettings.py").status_code == 404
