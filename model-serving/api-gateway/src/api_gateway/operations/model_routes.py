"""`/model/info`, `/metrics/drift` and the flush of the inference log."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.auth.keys import Role
from api_gateway.gateway import Gateway
from api_gateway.http.checks import authorize
from api_gateway.http.documentation import drift_operation, flush_operation, info_operation
from api_gateway.http.replies import json_reply
from api_gateway.routing.catalog import ActiveRelease
from platform_core.contracts.drift_report import DriftReport
from platform_core.contracts.environments import Environment
from use_cases import use_case_names


def model_routes(gateway: Gateway) -> APIRouter:
    """Return the endpoints about what is served and how it does."""
    router = APIRouter(tags=["models"])

    @router.get("/model/info", **info_operation())
    async def info(request: Request) -> Response:
        await gateway.admit(authorize(request, gateway.keys, Role.VIEWER))
        services = await gateway.health.services()
        return json_reply(
            _everywhere(
                lambda place: _info(gateway.catalog.active(place), services[place].model_version)
            )
        )

    @router.get("/metrics/drift", **drift_operation())
    async def drift(request: Request) -> Response:
        await gateway.admit(authorize(request, gateway.keys, Role.VIEWER))
        return json_reply(_everywhere(lambda place: drift_document(gateway.catalog.report(place))))

    @router.post("/admin/inference-log/flush", **flush_operation())
    async def flush(request: Request) -> Response:
        await gateway.admit(authorize(request, gateway.keys, Role.ADMIN))
        uploaded = await gateway.log.flush()
        return json_reply({"segments": uploaded.segments, "records": uploaded.records})

    return router


def drift_document(report: DriftReport | None) -> dict[str, Any]:
    """Return a report with its columns by name; `status` is its verdict, or `no-report`."""
    if report is None:
        return {"status": "no-report"}
    document = report.model_dump(mode="json", exclude={"columns", "use_case", "environment"})
    features = {c.column: c.model_dump(mode="json") for c in report.columns}
    return {"status": report.verdict.value, **document, "features": features}


def _info(active: ActiveRelease | None, version: str | None) -> dict[str, Any] | None:
    if active is None:
        return None
    manifest, lineage = active.manifest, active.lineage
    signature = (
        manifest.model_dump(mode="json", include={"inputs", "outputs"}) if manifest else None
    )
    return {
        "release_id": active.release_id,
        "version": version,
        "metrics": lineage.metrics if lineage else None,
        "lineage": lineage.model_dump(mode="json") if lineage else None,
        "signature": signature,
    }


def _everywhere(value: Any) -> dict[str, dict[str, Any]]:
    return {
        name: {environment.value: value((name, environment)) for environment in Environment}
        for name in use_case_names()
    }
