"""Ports for servers that start at the same time."""

import os
import socket
from itertools import count

# Below the range that systems assign to outgoing connections and to servers without a fixed port,
# so that a chosen port is not taken before our server starts.
FIRST, LAST = 20_000, 32_000
_numbers = count(os.getpid())


def unused_port() -> int:
    """Return a free port of 127.0.0.1 that was not returned before."""
    return next(port for port in map(_nth, _numbers) if _is_free(port))


def _nth(number: int) -> int:
    return FIRST + number % (LAST - FIRST)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
