"""What routing costs: one POST endpoint with three headers and a body, reached in three ways.

Everything runs in this process, without sockets. CPU time per request, the median of interleaved
rounds.
"""

import argparse
import asyncio
import time
from statistics import median
from typing import Annotated, Any

from bench_report import table
from fastapi import Depends, FastAPI, Header
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message

from api_gateway.http.direct_dispatch import DirectRoute, DirectRouteMiddleware

PATH = "/predict"
BODY = b"x" * 1200
ROUNDS, QUICK_ROUNDS = 21, 7
REQUESTS_A_ROUND = 500
MICROSECONDS = 1e6
HEADERS = [
    (b"host", b"gateway"),
    (b"x-api-key", b"key"),
    (b"x-environment", b"staging"),
    (b"content-type", b"application/json"),
    (b"content-length", str(len(BODY)).encode()),
]


def run(options: argparse.Namespace) -> bool:
    """Print the table."""
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    measured = asyncio.run(_measure(_applications(), rounds))
    lines = [[name, f"{median(values):.1f}"] for name, values in measured.items()]
    table("routing of a request", ["", "CPU us/request"], lines)
    return True


def _applications() -> dict[str, ASGIApp]:
    ordinary, direct = FastAPI(), FastAPI()
    ordinary.post(PATH)(_with_dependencies)
    direct.router.add_api_route(
        PATH, _with_request, methods=["POST"], response_model=None, route_class_override=DirectRoute
    )
    return {
        "FastAPI with dependencies": ordinary,
        "DirectRoute, routed by FastAPI": direct,
        "DirectRouteMiddleware": DirectRouteMiddleware(direct, direct.routes, ()),
    }


async def _measure(applications: dict[str, ASGIApp], rounds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in applications}
    for _ in range(rounds):
        for name, application in applications.items():
            start = time.process_time()
            for _ in range(REQUESTS_A_ROUND):
                await _request(application)
            seconds = time.process_time() - start
            found[name].append(seconds / REQUESTS_A_ROUND * MICROSECONDS)
    return found


async def _request(application: ASGIApp) -> None:
    scope = {"type": "http", "method": "POST", "path": PATH, "headers": HEADERS, "root_path": ""}
    scope |= {"asgi": {"version": "3.0"}, "http_version": "1.1", "query_string": b"", "scheme": ""}

    async def receive() -> Message:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: Message) -> None:
        assert message.get("status", 200) == 200  # noqa: S101, PLR2004

    await application(scope, receive, send)


async def _key(x_api_key: Annotated[str, Header()]) -> str:
    return x_api_key


async def _environment(x_environment: Annotated[str, Header()]) -> str:
    return x_environment


async def _body(request: Request) -> bytes:
    return await request.body()


async def _with_dependencies(
    key: Annotated[str, Depends(_key)],
    environment: Annotated[str, Depends(_environment)],
    body: Annotated[bytes, Depends(_body)],
) -> Response:
    return _response(key, environment, body)


async def _with_request(request: Request) -> Response:
    headers = request.headers
    return _response(headers["x-api-key"], headers["x-environment"], await request.body())


def _response(*given: Any) -> Response:
    del given
    return Response(b"{}", media_type="application/json")
