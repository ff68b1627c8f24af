"""The pointer: the JSON document that tells an inference service which release to load."""

from pydantic import ValidationError

from platform_core.contracts.release import ReleasePointer
from platform_core.hashing import canonical_json


def pointer(use_case: str, release_id: str, release_uri: str, model_version: str) -> bytes:
    """Return the content of a pointer."""
    content = ReleasePointer(
        use_case=use_case,
        release_id=release_id,
        release_uri=release_uri,
        model_version=model_version,
    )
    return canonical_json(content.model_dump())


def read_pointer(content: bytes | str) -> str:
    """Return the release id in a pointer, "" if there is none."""
    try:
        return ReleasePointer.model_validate_json(content).release_id
    except ValidationError:
        return ""
