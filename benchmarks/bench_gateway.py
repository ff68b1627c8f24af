"""What the gateway costs: a bounded load on it, and on the bare inference service behind it."""

import argparse
import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, islice
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
from bench_report import interleaved, median, ratios, table
from bench_traffic import as_sent, generated

from platform_core.contracts.environments import Environment
from platform_core.contracts.inference_record import Purpose
from platform_core.errors import ConfigurationError, Unavailable
from platform_core.open_inference import RETURN_FEATURES, tensors_from_batch
from platform_core.settings import GatewayClientSettings, ServingSettings
from use_cases import UseCase, use_case

CLIENTS = (1, 16)
REQUESTS, QUICK_REQUESTS = 400, 100
ROUNDS, QUICK_ROUNDS = 6, 4
WARM_UP = 20
CELL_SECONDS = 20
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class Target:
    """Where requests go, and their bodies, one per record."""

    url: str
    headers: dict[str, str]
    bodies: Sequence[bytes]

    def requests(self) -> Iterator[bytes]:
        """Yield complete HTTP requests for ever."""
        parts = urlsplit(self.url)
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{lines}"
        head += "Content-Type: application/json\r\n"
        for body in cycle(self.bodies):
            yield f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass
class Cell:
    """One load: the milliseconds of each request, and how long all took."""

    milliseconds: list[float] = field(default_factory=list)
    seconds: float = 0.0


def run(options: argparse.Namespace) -> bool:
    """Load both, each with 1 and 16 clients, in interleaved rounds."""
    case, environment = use_case(options.use_case), Environment(options.environment)
    count = QUICK_REQUESTS if options.quick else REQUESTS
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    targets = _targets(case, environment, generated(case, 200, seed=21))
    for target in targets.values():
        _load(target, 1, WARM_UP)
    for clients in CLIENTS:
        cells: dict[str, list[Cell]] = {name: [] for name in targets}
        for name in interleaved(list(targets), rounds):
            cells[name].append(_load(targets[name], clients, count))
        _show(f"{case.name}, {clients} client(s), {rounds} rounds of {count} requests", cells)
    return True


def _targets(
    case: UseCase, environment: Environment, rows: list[dict[str, Any]]
) -> dict[str, Target]:
    gateway = GatewayClientSettings()
    service = ServingSettings().inference_url(environment, case.name)
    headers = {
        "X-API-Key": gateway.gateway_api_key.get_secret_value(),
        "X-Environment": environment.value,
        "X-Purpose": Purpose.DRILL.value,
    }
    targets = {
        "gateway /predict": Target(
            f"{gateway.gateway_url}/models/{case.name}/predict",
            headers,
            [json.dumps(as_sent(case, row)).encode() for row in rows],
        ),
        "inference service V2": Target(
            f"{service}/v2/models/{case.name}/infer", {}, [_v2(case, row) for row in rows]
        ),
    }
    for target in targets.values():
        if urlsplit(target.url).hostname not in LOOPBACK:
            raise ConfigurationError(f"{target.url} is not on this machine; load only your own")
    return targets


def _v2(case: UseCase, row: dict[str, Any]) -> bytes:
    batch = pa.RecordBatch.from_pylist([row], schema=case.record_schema)
    body = {"inputs": tensors_from_batch(batch), "parameters": {RETURN_FEATURES: True}}
    return json.dumps(body).encode()


def _load(target: Target, clients: int, count: int) -> Cell:
    return asyncio.run(_closed_loop(target, clients, count))


async def _closed_loop(target: Target, clients: int, count: int) -> Cell:
    """Let each client send its next request when it has its answer, `count` in all."""
    cell, requests = Cell(), islice(target.requests(), count)
    start = time.perf_counter()
    try:
        async with asyncio.timeout(CELL_SECONDS), asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(_client(target.url, requests, cell))
    except* (OSError, TimeoutError, asyncio.IncompleteReadError) as errors:
        reason = errors.exceptions[0]
        raise Unavailable(
            f"{target.url} did not answer {count} requests in {CELL_SECONDS} s: {reason!r}"
        ) from reason
    cell.seconds = time.perf_counter() - start
    return cell


async def _client(url: str, requests: Iterator[bytes], cell: Cell) -> None:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        for request in requests:
            start = time.perf_counter()
            writer.write(request)
            status, body = await _answer(reader)
            cell.milliseconds.append(1000 * (time.perf_counter() - start))
            if status != 200:  # noqa: PLR2004 (HTTP's OK)
                raise Unavailable(f"{url} answers {status}: {body[:300]!r}")
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read one response with a Content-Length: a full client would cost more than the server."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    return int(head[0].split()[1]), await reader.readexactly(int(headers["content-length"]))


def _show(title: str, cells: dict[str, list[Cell]]) -> None:
    figures = {name: _figures(rounds) for name, rounds in cells.items()}
    bare = figures["inference service V2"]
    table(
        title,
        ["", "p50 ms", "p99 ms", "requests/s", "p50, times the service's"],
        [
            [name, *(median(values) for values in columns), ratios(columns[0], bare[0])]
            for name, columns in figures.items()
        ],
    )


def _figures(rounds: list[Cell]) -> tuple[list[float], ...]:
    percentile = partial(np.percentile, method="nearest")
    return (
        [float(percentile(cell.milliseconds, 50)) for cell in rounds],
        [float(percentile(cell.milliseconds, 99)) for cell in rounds],
        [len(cell.milliseconds) / cell.seconds for cell in rounds],
    )
