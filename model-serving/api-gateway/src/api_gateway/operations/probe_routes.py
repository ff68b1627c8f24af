"""Health and metrics: open to everybody inside the cluster."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.gateway import Gateway
from api_gateway.http.documentation import health_operation, live_operation, metrics_operation
from api_gateway.http.replies import json_reply


def operation_routes(gateway: Gateway) -> APIRouter:
    """Return the endpoints for probes and Prometheus."""
    router = APIRouter(tags=["operations"])

    @router.get("/metrics", **metrics_operation())
    async def metrics(request: Request) -> Response:
        del request
        return Response(gateway.metrics.render(), media_type=CONTENT_TYPE_LATEST)

    @router.get("/health", **health_operation())
    async def health(request: Request) -> Response:
        del request
        return json_reply(await gateway.health.report())

    @router.get("/health/live", **live_operation("The process answers"))
    async def live(request: Request) -> Response:
        del request
        return json_reply({"status": "ok"})

    @router.get("/health/ready", **live_operation("Every served environment can be answered for"))
    async def ready(request: Request) -> Response:
        del request
        await gateway.health.require_ready()
        return json_reply({"status": "ok"})

    return router
