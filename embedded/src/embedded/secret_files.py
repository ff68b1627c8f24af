"""The secrets of the embedded stack: created once, readable only by their owner."""

import json
import os
import secrets
from pathlib import Path

from platform_core.hashing import sha256_bytes

ROLES = ("viewer", "operator", "admin")


def ray_token(folder: Path) -> str:
    """Return the token of the Ray cluster; `ray-token` is created if missing."""
    return _once(folder / "ray-token", secrets.token_hex(32))


def development_keys(folder: Path) -> None:
    """Write `api-keys.json` with the documented development keys if it is missing."""
    keys = [
        {"name": f"test-{role}", "role": role, "sha256": sha256_bytes(f"test-{role}-key".encode())}
        for role in ROLES
    ]
    _once(folder / "api-keys.json", json.dumps(keys, indent=1))


def _once(path: Path, content: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    return content
