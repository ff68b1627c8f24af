"""`/runs`, `/datasets`, `/use-cases` and `/reports`."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, FastAPI, Query
from pydantic import BaseModel, Field
from starlette.requests import Request

from api_gateway.auth.authentication import authorize
from api_gateway.auth.keys import AccessRole
from api_gateway.gateway import Gateway
from api_gateway.history.documents import DatasetPage, ReportPage, RunPage, UseCaseDocument
from api_gateway.history.runs import (
    dataset_key,
    dataset_report,
    dataset_versions,
    pipeline_run,
    run_key,
    stored_runs,
)
from api_gateway.http.context import context_of
from api_gateway.http.openapi import operation
from api_gateway.http.paging import CursorParameter, LimitParameter, Page, Paging, page, paging
from api_gateway.http.validation import choice_of, environment_named, find_use_case, time_of
from api_gateway.routing.target import ServingTarget
from platform_core.contracts.drift_report import DriftReport
from platform_core.contracts.quality_report import QualityReport
from platform_core.ports.blob_store import BlobStore
from platform_core.reports import past_reports
from platform_core.storage import DRIFT_REPORTS, QUALITY_REPORTS, reports_folder
from use_cases import UseCase, use_case, use_case_names

DEFAULT_PERIOD = timedelta(days=7)
UseCaseQuery = Annotated[str | None, Query(description="without it all of them")]
Report = DriftReport | QualityReport
KINDS: dict[str, type[Report]] = {"drift": DriftReport, "quality": QualityReport}


class ReportParameters(BaseModel):
    """Which reports are asked for; the route checks the values."""

    use_case: Annotated[str | None, Field(description="without it the default use case")] = None
    environment: str = "production"
    kind: Annotated[str, Field(json_schema_extra={"enum": [*KINDS]})] = "drift"
    start: Annotated[
        str | None, Field(alias="from", description="a week before the end, if it is missing")
    ] = None
    end: Annotated[str | None, Field(alias="to", description="now, if it is missing")] = None


def add_history_routes(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes about runs, datasets, use cases and past reports."""
    _add_runs(app.router, gateway)
    _add_datasets(app.router, gateway)
    _add_use_cases(app.router, gateway)
    _add_reports(app.router, gateway)


def _add_runs(router: APIRouter, gateway: Gateway) -> None:
    summary = "Pipeline runs with their steps, from the newest"

    @router.get("/runs", tags=["history"], **operation(summary, AccessRole.VIEWER, [404, 422]))
    async def runs(
        request: Request,
        use_case: UseCaseQuery = None,
        limit: LimitParameter = "20",
        cursor: CursorParameter = None,
    ) -> RunPage:
        await gateway.admit(authorize(context_of(request), AccessRole.VIEWER))
        names, asked = _names(request, use_case), paging(limit, cursor)

        def read() -> RunPage:
            found = [run for name in names for run in stored_runs(gateway.store, name)]
            chosen = page(sorted(found, key=run_key, reverse=True), asked, run_key)
            runs = [pipeline_run(gateway.store, one) for one in chosen.items]
            return RunPage(runs=runs, cursor=chosen.cursor)

        return await asyncio.to_thread(read)


def _add_datasets(router: APIRouter, gateway: Gateway) -> None:
    summary = "Dataset versions, from the newest; with their data report if one is named"

    @router.get("/datasets", tags=["history"], **operation(summary, AccessRole.VIEWER, [404, 422]))
    async def datasets(
        request: Request,
        use_case: UseCaseQuery = None,
        version: Annotated[str | None, Query(description="one dataset version")] = None,
        limit: LimitParameter = "20",
        cursor: CursorParameter = None,
    ) -> DatasetPage:
        await gateway.admit(authorize(context_of(request), AccessRole.VIEWER))
        names, asked = _names(request, use_case), paging(limit, cursor)

        def read() -> DatasetPage:
            return _datasets(gateway.store, names, version, asked)

        return await asyncio.to_thread(read)


def _add_use_cases(router: APIRouter, gateway: Gateway) -> None:
    summary = "The installed use cases: titles, classes, and the schema of their records"

    @router.get("/use-cases", tags=["history"], **operation(summary, AccessRole.VIEWER))
    async def use_cases(request: Request) -> list[UseCaseDocument]:
        await gateway.admit(authorize(context_of(request), AccessRole.VIEWER))
        return [_described(use_case(name)) for name in use_case_names()]


def _add_reports(router: APIRouter, gateway: Gateway) -> None:
    summary = "Past drift or quality reports, from the newest window"

    @router.get(
        "/reports", tags=["history"], **operation(summary, AccessRole.VIEWER, [400, 404, 422])
    )
    async def reports(
        request: Request,
        given: Annotated[ReportParameters, Query()],
        limit: LimitParameter = "20",
        cursor: CursorParameter = None,
    ) -> ReportPage:
        await gateway.admit(authorize(context_of(request), AccessRole.VIEWER))
        name = given.use_case or gateway.settings.default_use_case
        case, environment = (
            find_use_case(request, name),
            environment_named(request, given.environment),
        )
        target = ServingTarget(case.name, environment)
        end = time_of("to", given.end) or gateway.releases.clock.now()
        start = time_of("from", given.start) or _before(end)
        kind = KINDS[choice_of("kind", given.kind, KINDS)]
        asked = paging(limit, cursor)
        found = await asyncio.to_thread(_reports, gateway.store, target, kind, (start, end), asked)
        return ReportPage(reports=found.items, cursor=found.cursor)


def _names(request: Request, name: str | None) -> Sequence[str]:
    return use_case_names() if name is None else [find_use_case(request, name).name]


def _before(end: datetime) -> datetime:
    earliest = datetime.min.replace(tzinfo=UTC)
    return end - DEFAULT_PERIOD if end - earliest > DEFAULT_PERIOD else earliest


def _datasets(
    store: BlobStore, names: Sequence[str], version: str | None, asked: Paging
) -> DatasetPage:
    found = [one for name in names for one in dataset_versions(store, name)]
    found = [one for one in found if version in (None, one.dataset_version)]
    chosen = page(sorted(found, key=dataset_key, reverse=True), asked, dataset_key)
    if version is not None:
        for one in chosen.items:
            one.report = dataset_report(store, one.use_case, one.dataset_version)
    return DatasetPage(datasets=chosen.items, cursor=chosen.cursor)


def _reports(
    store: BlobStore,
    target: ServingTarget,
    kind: type[Report],
    period: tuple[datetime, datetime],
    asked: Paging,
) -> Page[Report]:
    """Return the reports whose windows end within `period`; older ones than those are not read."""
    container = DRIFT_REPORTS if kind is DriftReport else QUALITY_REPORTS
    start, end = period
    hours = past_reports(store, reports_folder(container, *target), kind, start, end)
    ordered = (one for hour in hours for one in sorted(hour, key=_report_key, reverse=True))
    return page((one for one in ordered if start <= one.end <= end), asked, _report_key)


def _report_key(report: Report) -> str:
    return f"{report.end.isoformat()} {report.report_id}"


def _described(case: UseCase) -> UseCaseDocument:
    return UseCaseDocument(
        name=case.name,
        title=case.title,
        task=case.task,
        classes=list(case.classes),
        positive=case.positive,
        id_column=case.id_column,
        record=case.record.model_json_schema(),
        examples=dict(case.examples),
        label_maturity_days=case.label_maturity / timedelta(days=1),
    )
