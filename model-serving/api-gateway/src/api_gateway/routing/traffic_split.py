"""Which routing keys a canary answers, and which requests a shadow gets: pure functions.

A key has a position from 0 to 99 that depends on the key and on the change which began the canary
or shadow, and on nothing else. A canary answers the positions below its percent. So a key keeps its
release while the percent grows, every gateway decides alike, and another canary begins with other
keys.
"""

from hashlib import blake2b

from platform_core.contracts.serving_state import Canary, Shadow

POSITIONS = 100
_BYTES = 8
_BITS = 8 * _BYTES


def position(key: str, change_id: str) -> int:
    """Return the position of a routing key, 0 to 99, uniform over keys."""
    content = f"{change_id}\n{key}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(content, digest_size=_BYTES).digest()) * POSITIONS >> _BITS


def answers(canary: Canary, key: str) -> bool:
    """Return whether the canary answers this key."""
    return position(key, canary.change_id) < canary.percent


def mirrors(shadow: Shadow, key: str) -> bool:
    """Return whether the shadow gets a copy of the requests with this key."""
    if shadow.sample_percent == POSITIONS:
        return True
    return position(key, shadow.change_id) < shadow.sample_percent
