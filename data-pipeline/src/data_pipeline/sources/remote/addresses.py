"""Which machines a URL may lead to."""

import ipaddress
import socket
from urllib.parse import urlsplit

import httpx

from data_pipeline.sources.request import shown
from platform_core.errors import InvalidData

# Where clouds answer machines about themselves, keys included, beside the link-local range.
METADATA = frozenset(
    ipaddress.ip_address(text) for text in ("168.63.129.16", "100.100.100.200", "fd00:ec2::254")
)


def refuse_forbidden_host(url: str) -> None:
    """Refuse a URL that is not http(s) or leads to a metadata service.

    Raises:
        InvalidData: it must not be fetched.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidData(f"{shown(url)} is no URL: {error}") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise InvalidData(f"{shown(url)} is no http or https address; give one, or a path")
    try:
        found = socket.getaddrinfo(host, port or parts.scheme, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return  # a proxy may know the name; where there is none, connecting fails and says so
    for entry in found:
        _refuse(str(entry[4][0]), url)


def refuse_forbidden_peer(response: httpx.Response, url: str) -> None:
    """Refuse an answer that came from such a place: a name may lead elsewhere the second time.

    Raises:
        InvalidData: it must not be used.
    """
    stream = response.extensions.get("network_stream")
    peer = stream.get_extra_info("server_addr") if stream else None
    if peer:
        _refuse(str(peer[0]), url)


def _refuse(text: str, url: str) -> None:
    address = ipaddress.ip_address(text.partition("%")[0])
    inner = getattr(address, "ipv4_mapped", None) or address
    forbidden = inner.is_link_local or inner.is_multicast or inner.is_unspecified
    if forbidden or inner in METADATA:
        raise InvalidData(
            f"{shown(url)} leads to {inner}, where a machine's own metadata is served; refused"
        )
