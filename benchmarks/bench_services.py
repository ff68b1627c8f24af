"""The services that a section of the benchmarks needs, checked before anything starts."""

import socket
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlsplit

from bench_settings import SHARED_DATA

from platform_core.errors import Unavailable
from platform_core.settings import GatewayClientSettings, RaySettings

TIMEOUT_SECONDS = 2.0
TELCO = "churn_telco.parquet"
Urls = Callable[[], list[tuple[str, str]]]


def _gateway() -> list[tuple[str, str]]:
    return [("the gateway", GatewayClientSettings().gateway_url)]


def _ray() -> list[tuple[str, str]]:
    settings = RaySettings()
    return [("Ray", f"ray://{settings.ray_address}"), ("Ray", settings.ray_dashboard_url)]


NEEDED: Mapping[str, Urls] = {
    "skew": _gateway,
    "batch": _ray,
    "references": lambda: [*_gateway(), *_ray()],
    "byo": lambda: [*_gateway(), *_ray()] if (SHARED_DATA / TELCO).is_file() else [],
}
"""By section, a function that returns its services as (name, URL)."""


def check_services(sections: Iterable[str]) -> None:
    """Connect once to every service that `sections` need.

    Raises:
        Unavailable: some do not accept connections; all are named.
    """
    missing = [
        f"{name} at {url} (needed by {section})"
        for section in sections
        for name, url in NEEDED.get(section, list)()
        if not _accepts(url)
    ]
    if missing:
        raise Unavailable(f"no connection to {', '.join(missing)}; start the stack with `make up`")


def _accepts(url: str) -> bool:
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname, parts.port), TIMEOUT_SECONDS):
            return True
    except OSError:
        return False
