"""The headers of the HTTP contract, and the headers of a request as a dictionary."""

from collections.abc import Iterable, Mapping

API_KEY = "X-API-Key"
ENVIRONMENT = "X-Environment"
PURPOSE = "X-Purpose"
RELEASE_ROLE = "X-Release-Role"
REQUEST_ID = "X-Request-ID"
ROUTING_KEY = "X-Routing-Key"


def read_headers(raw: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    """Return headers by lower-case name; the values of a repeated one are joined by a comma.

    Blanks around a value do not belong to it (RFC 9110, section 5.5).
    """
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1").strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
