"""The pointer: the JSON document that tells an inference service which release to load."""

import json

from platform_core.hashing import canonical_json


def pointer(use_case: str, release_id: str, release_uri: str, model_version: str) -> bytes:
    """Return the content of `<MODEL_REPOSITORY>/<environment>/<use_case>.json`."""
    return canonical_json(
        {
            "use_case": use_case,
            "release_id": release_id,
            "release_uri": release_uri,
            "model_version": model_version,
        }
    )


def read_pointer(content: bytes | str) -> str:
    """Return the release id in a pointer, "" if there is none."""
    try:
        return str(json.loads(content)["release_id"])
    except (ValueError, KeyError, TypeError):
        return ""
