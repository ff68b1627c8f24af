"""`Content-Digest` and `Repr-Digest` (RFC 9530): the SHA-256 that a sender declares.

A server may ignore digests. A sender that declares one relies on the check, so a malformed header
is refused; a well-formed one with other algorithms only is ignored, as the RFC allows.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping

from api_gateway.errors import ContentMismatch, InvalidRange

CONTENT_DIGEST = "Content-Digest"
REPR_DIGEST = "Repr-Digest"
SHA256_BYTES = 32
_MEMBER = re.compile(r"([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):")


def declared_sha256(headers: Mapping[str, str], name: str) -> str | None:
    """Return the SHA-256 (hexadecimal) in the header `name`; `None` without one.

    Raises:
        InvalidRange: the header is malformed, or has two different ones.
    """
    text = headers.get(name.lower(), "")
    if not text:
        return None
    members = [_MEMBER.fullmatch(member.strip(" \t")) for member in text.split(",")]
    digests = {_decoded(found[2]) for found in members if found and found[1] == "sha-256"}
    wrong = any(digest is None or len(digest) != SHA256_BYTES for digest in digests)
    if None in members or wrong or len(digests) > 1:
        raise InvalidRange(f"the {name} is {text!r:.100}; send sha-256=:<32 bytes as base64>:")
    return next((digest.hex() for digest in digests if digest is not None), None)


def check_body_digests(headers: Mapping[str, str], body: bytes) -> None:
    """Check a body that is a whole representation against the digests that its sender declared.

    Raises:
        ContentMismatch: it has another one.
        InvalidRange: as above.
    """
    for name in (CONTENT_DIGEST, REPR_DIGEST):
        declared = declared_sha256(headers, name)
        if declared is not None:
            require_digest(name, declared, hashlib.sha256(body).hexdigest())


def require_digest(name: str, declared: str, received: str) -> None:
    """Compare two SHA-256; `ContentMismatch` (422) when they differ."""
    if declared != received:
        raise ContentMismatch(
            f"what arrived has the SHA-256 {received}, and {name} declares {declared}; send it "
            "again"
        )


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
