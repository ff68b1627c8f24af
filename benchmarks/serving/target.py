"""The address of a load and its bytes, which is all the load generator needs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Target:
    """Complete HTTP/1.1 requests for an address, or messages for a gRPC method."""

    host: str
    port: int
    requests: Sequence[bytes]
    grpc_method: str | None = None


@dataclass(frozen=True)
class Load:
    """A closed loop: each client sends its next request after the response.

    With `rate`, in requests a second, an open loop instead: requests are sent at their time on
    as many connections as it takes, `clients` at most.
    """

    target: Target
    clients: int
    seconds: float
    rate: float | None = None


@dataclass(frozen=True)
class Outcome:
    """The outcome of a load: number, status, body and seconds of each response.

    A latency of an open loop counts from when the request should have been sent. `cpu_share` is
    the load generator's own, 1 = its core was full; `error` says why the load broke off.
    """

    numbers: Sequence[int]
    statuses: Sequence[int]
    bodies: Sequence[bytes]
    latencies: Sequence[float]
    seconds: float
    cpu_share: float
    error: str = ""


def http_target(
    port: int, path: str, bodies: Sequence[Any], headers: Mapping[str, str] | None = None
) -> Target:
    """Return the requests that post JSON bodies to a server on this machine."""
    fields = {"Host": f"127.0.0.1:{port}", "Content-Type": "application/json", **(headers or {})}
    head = f"POST {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items())
    encoded = [json.dumps(body, separators=(",", ":")).encode() for body in bodies]
    requests = [f"{head}Content-Length: {len(b)}\r\n\r\n".encode() + b for b in encoded]
    return Target("127.0.0.1", port, requests)
