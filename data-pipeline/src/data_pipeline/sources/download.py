"""A file from a URL, in a folder of this machine."""

import ipaddress
import re
import socket
import time
from email.message import Message
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit

import httpx

from data_pipeline.settings import IngestSettings
from data_pipeline.sources.formats.opening import (
    PARQUET,
    SUPPORTED,
    kind_of_name,
    without_packing,
)
from data_pipeline.sources.request import shown
from platform_core.errors import InvalidData, UpstreamUnavailable

MAX_REDIRECTS = 5
CONNECT_SECONDS = 10
SERVER_ERROR, BUSY = 500, 429
HEAD_BYTES = 512
_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)
# Metadata services of clouds, which return credentials, outside the link-local range.
METADATA = frozenset(
    ipaddress.ip_address(text) for text in ("168.63.129.16", "100.100.100.200", "fd00:ec2::254")
)
_SUFFIX_OF = {
    "text/csv": ".csv",
    "application/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/x-ndjson": ".jsonl",
    "application/jsonl": ".jsonl",
    "application/json": ".json",
    "application/vnd.apache.parquet": ".parquet",
    "application/x-parquet": ".parquet",
    "application/parquet": ".parquet",
    "application/mbox": ".mbox",
    "message/rfc822": ".eml",
}


def download(url: str, folder: Path, settings: IngestSettings) -> Path:
    """Fetch `url` into `folder` and return the file, called as the server calls it.

    Redirects are followed by hand, so that each is looked at like the first address.

    Raises:
        InvalidData: the address is not allowed, nothing is there, or it is not a data file.
        UpstreamUnavailable: the server does not answer, or not to the end, after all attempts.
    """
    timeout = httpx.Timeout(
        settings.data_download_timeout_seconds,
        connect=min(CONNECT_SECONDS, settings.data_download_timeout_seconds),
    )
    for attempt in range(1, settings.data_download_attempts + 1):
        try:
            with httpx.Client(timeout=timeout, headers={"Accept-Encoding": "identity"}) as client:
                return _follow(client, url, folder, settings.data_download_max_bytes)
        except (httpx.TransportError, UpstreamUnavailable) as error:
            if attempt == settings.data_download_attempts:
                raise UpstreamUnavailable(
                    f"{shown(url)} could not be fetched in {attempt} attempts: {_why(error)}; try "
                    "later, or download the file and name its path"
                ) from error
            time.sleep(settings.data_download_pause_seconds * attempt)
        except httpx.InvalidURL as error:
            raise InvalidData(f"{shown(url)} is not a valid URL: {error}") from error
    raise AssertionError("unreachable: an attempt returns or raises")


def _follow(client: httpx.Client, url: str, folder: Path, limit: int) -> Path:
    here = url
    for _ in range(MAX_REDIRECTS + 1):
        _refuse_forbidden_host(here)
        with client.stream("GET", here, follow_redirects=False) as response:
            _refuse_forbidden_peer(response, here)
            if not response.has_redirect_location:
                return _keep(response, url, here, folder, limit)
            target = urljoin(here, response.headers["location"])
        if urlsplit(here).scheme == "https" and urlsplit(target).scheme != "https":
            raise InvalidData(f"{shown(here)} redirects from https to http; refused")
        here = target
    raise InvalidData(f"{shown(url)} redirects more than {MAX_REDIRECTS} times; name the file")


def _keep(response: httpx.Response, url: str, here: str, folder: Path, limit: int) -> Path:
    _check_status(response, here)
    declared = int(response.headers.get("content-length", 0) or 0)
    if declared > limit:
        raise _too_large(here, limit)
    content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    path = folder / "download"
    _write(response, here, path, limit)
    if declared and response.num_bytes_downloaded != declared:
        got = response.num_bytes_downloaded
        raise UpstreamUnavailable(f"the download ended after {got} of {declared} bytes")
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if content_type in {"text/html", "application/xhtml+xml"} or _HTML.match(head):
        raise InvalidData(
            f"{shown(here)} returned a web page instead of a data file; use the direct URL of the "
            "file (the page may require a login)"
        )
    return path.rename(folder / _name(response, url, here, content_type, head))


def _check_status(response: httpx.Response, here: str) -> None:
    status = response.status_code
    if status >= SERVER_ERROR or status == BUSY:
        raise UpstreamUnavailable(f"the server returned {status}")
    if status != httpx.codes.OK:
        raise InvalidData(
            f"{shown(here)} answered {status} {response.reason_phrase}; check the address and "
            "whether it may be read without logging in"
        )


def _write(response: httpx.Response, here: str, path: Path, limit: int) -> None:
    size = 0
    with path.open("wb") as file:
        for chunk in response.iter_bytes():
            size += len(chunk)
            if size > limit:
                raise _too_large(here, limit)
            file.write(chunk)


def _name(response: httpx.Response, url: str, here: str, content_type: str, head: bytes) -> str:
    """Return a name that tells the kind: the server's, the URL's, or one by the content."""
    disposition = Message()
    disposition["content-disposition"] = response.headers.get("content-disposition", "")
    given = [disposition.get_filename() or "", *(unquote(urlsplit(u).path) for u in (here, url))]
    names = [re.sub(r"[^\w.+-]", "_", PurePosixPath(name).name)[-150:] for name in given]
    telling = next((name for name in names if kind_of_name(name)), None)
    if telling:
        return telling
    stem = next((name.lstrip("._") for name in names if name.strip("._")), "data")
    suffix = ".parquet" if head.startswith(PARQUET) else _SUFFIX_OF.get(content_type)
    if suffix is None or without_packing(stem) != stem:
        raise InvalidData(
            f"{shown(here)} has an unknown format (content type {content_type or 'absent'}); "
            f"its name should end in one of {SUPPORTED}"
        )
    return f"{stem}{suffix}"


def _too_large(here: str, limit: int) -> InvalidData:
    return InvalidData(
        f"{shown(here)} has more than {limit:,} bytes; raise DATA_DOWNLOAD_MAX_BYTES or download it"
    )


def _why(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "it took too long to answer"
    return str(error)[:200] or type(error).__name__


def _refuse_forbidden_host(url: str) -> None:
    """Refuse a URL that is not http(s) or leads to a metadata service.

    Raises:
        InvalidData: it must not be fetched.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidData(f"{shown(url)} is not a valid URL: {error}") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise InvalidData(f"{shown(url)} is not an http or https address; give one, or a path")
    try:
        found = socket.getaddrinfo(host, port or parts.scheme, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return  # a proxy may know the name; where there is none, connecting fails and says so
    for entry in found:
        _refuse(str(entry[4][0]), url)


def _refuse_forbidden_peer(response: httpx.Response, url: str) -> None:
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
            f"{shown(url)} resolves to {inner}, a link-local, multicast, unspecified or cloud "
            "metadata address; refused"
        )
