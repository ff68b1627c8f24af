"""How programs serve the HTML pages that are in blob storage."""

from collections.abc import Mapping
from types import MappingProxyType

STORED_PAGE_TYPE = "text/html; charset=utf-8"
# `sandbox` gives the page an origin of its own: even a page that was tampered with runs no script,
# sends no form, loads nothing, and reads nothing of the program that serves it.
STORED_PAGE_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": (
            "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        "Content-Disposition": "inline",
        "X-Content-Type-Options": "nosniff",
    }
)
