"""Ports for servers that start side by side."""

import os
import socket
from itertools import count

# Below what systems give to outgoing connections and to servers that take any port: between our
# choice and our server's start nobody is handed one of these.
FIRST, LAST = 20_000, 32_000
_numbers = count(os.getpid())


def unused_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on and that was not returned before."""
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
