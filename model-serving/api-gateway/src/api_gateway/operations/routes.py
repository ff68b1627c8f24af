"""Models, drift, quality, health, metrics, and the upload of the inference log."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

from fastapi import APIRouter, FastAPI
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api_gateway.auth.authentication import authorize
from api_gateway.auth.keys import AccessRole
from api_gateway.gateway import Gateway
from api_gateway.http.context import context_of
from api_gateway.http.openapi import operation
from api_gateway.http.validation import find_use_case
from api_gateway.operations.documents import (
    CallerInfo,
    DriftInfo,
    HealthReport,
    ModelInfo,
    UploadedLog,
    drift_info,
    model_info,
)
from api_gateway.operations.quality import QualityInfo, quality_info
from api_gateway.routing.target import ServingTarget
from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingRole
from use_cases import use_case_names

Value = TypeVar("Value")
ByTarget = dict[str, dict[Environment, Value]]
"""Values by use case and environment."""


class ProbeAnswer(BaseModel):
    """The answer of a probe that succeeds."""

    status: Literal["ok"] = "ok"


def add_operation_routes(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes about what is served, its drift, and the state of the gateway."""
    _add_model_routes(app.router, gateway)
    _add_report_routes(app.router, gateway)
    _add_caller_route(app.router, gateway)
    _add_log_route(app.router, gateway)
    _add_probes(app.router, gateway)


def _add_model_routes(router: APIRouter, gateway: Gateway) -> None:
    summary = "What each environment serves of each use case; null where nothing is served"

    @router.get("/model/info", tags=["models"], **operation(summary, AccessRole.VIEWER, [404]))
    async def info(request: Request, use_case: str | None = None) -> ByTarget[ModelInfo | None]:
        await gateway.admit(authorize(context_of(request), AccessRole.VIEWER))
        names = _selected(request, use_case)
        services = await gateway.health.services()
        versions = {
            release.target: state.model_version
            for release, state in services.items()
            if release.role is ServingRole.STABLE
        }
        served = gateway.catalog.active
        return _by_target(names, lambda t: model_info(served(t), versions.get(t)))


def _add_report_routes(router: APIRouter, gateway: Gateway) -> None:
    summary = "The latest drift report of each use case and environment"

    @router.get(
        "/metrics/drift",
        tags=["models"],
        response_model_exclude_unset=True,
        **operation(summary, AccessRole.VIEWER, [404]),
    )
    async def drift(request: Request, use_case: str | None = None) -> ByTarget[DriftInfo]:
        await gateway.admit(authorize(context_of(request), AccessRole.VIEWER))
        names = _selected(request, use_case)
        return _by_target(names, lambda target: drift_info(gateway.catalog.report(target)))

    summary = "The latest quality report of each use case and environment"

    @router.get(
        "/metrics/quality",
        tags=["models"],
        response_model_exclude_unset=True,
        **operation(summary, AccessRole.VIEWER, [404]),
    )
    async def quality(request: Request, use_case: str | None = None) -> ByTarget[QualityInfo]:
        await gateway.admit(authorize(context_of(request), AccessRole.VIEWER))
        names = _selected(request, use_case)
        return _by_target(names, lambda target: quality_info(gateway.catalog.quality(target)))


def _add_caller_route(router: APIRouter, gateway: Gateway) -> None:
    summary = "The name and role of the API key that is sent"

    @router.get("/caller", tags=["operations"], **operation(summary, AccessRole.VIEWER))
    async def caller(request: Request) -> CallerInfo:
        found = authorize(context_of(request), AccessRole.VIEWER)
        await gateway.admit(found)
        return CallerInfo(name=found.name, role=found.role.name.lower())


def _add_log_route(router: APIRouter, gateway: Gateway) -> None:
    summary = "Upload the inference log to the blob store"

    @router.post(
        "/admin/inference-log/flush",
        tags=["operations"],
        **operation(summary, AccessRole.ADMIN, [503]),
    )
    async def flush(request: Request) -> UploadedLog:
        await gateway.admit(authorize(context_of(request), AccessRole.ADMIN))
        uploaded = await gateway.log.flush()
        return UploadedLog(segments=uploaded.segments, records=uploaded.records)


def _add_probes(router: APIRouter, gateway: Gateway) -> None:
    summary = "Metrics of the gateway in Prometheus' text format"

    @router.get(
        "/metrics",
        tags=["operations"],
        response_class=PlainTextResponse,
        **operation(summary, None),
    )
    async def metrics() -> Response:
        await gateway.health.services()  # a scrape reads their state
        return Response(gateway.metrics.render(), media_type=CONTENT_TYPE_LATEST)

    @router.get("/health", tags=["operations"], **operation("The state of each dependency", None))
    async def health() -> HealthReport:
        return HealthReport(**await gateway.health.report())

    summary = "Whether the process answers"

    @router.get("/health/live", tags=["operations"], **operation(summary, None, [503]))
    async def live() -> ProbeAnswer:
        return ProbeAnswer()

    summary = "Whether the gateway can answer requests; see /health for what it depends on"

    @router.get("/health/ready", tags=["operations"], **operation(summary, None, [503]))
    async def ready() -> ProbeAnswer:
        await gateway.health.require_ready()
        return ProbeAnswer()


def _selected(request: Request, name: str | None) -> Sequence[str]:
    """Return the use case that the query names, all of them where it names none."""
    return use_case_names() if name is None else (find_use_case(request, name).name,)


def _by_target(
    names: Sequence[str], value: Callable[[ServingTarget], Any]
) -> dict[str, dict[Environment, Any]]:
    return {
        name: {environment: value(ServingTarget(name, environment)) for environment in Environment}
        for name in names
    }
