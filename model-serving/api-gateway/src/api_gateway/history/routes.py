"""`/runs`, `/retraining`, `/datasets`, `/use-cases` and `/reports`."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated

from fastapi import APIRouter, FastAPI, Query
from pydantic import BaseModel, Field
from starlette.requests import Request

from api_gateway.auth.authentication import authorize
from api_gateway.auth.keys import AccessRole
from api_gateway.gateway import Gateway
from api_gateway.history.documents import (
    DatasetPage,
    ReportPage,
    RetrainingPage,
    RunPage,
    UseCaseDocument,
)
from api_gateway.history.retraining import retraining_requests
from api_gateway.history.runs import RunHistory, dataset_versions
from api_gateway.http.context import context_of
from api_gateway.http.openapi import operation
from api_gateway.http.paging import CursorParameter, LimitParameter, Page, Paging, page, paging
from api_gateway.http.validation import (
    BOOLEANS,
    choice_of,
    environment_named,
    find_use_case,
    period_of,
)
from api_gateway.stored_json import StoredJson
from platform_core.contracts.drift_report import DriftReport
from platform_core.contracts.quality_report import QualityReport
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import FieldError, InvalidRecord
from platform_core.reports import ReportReader, past_reports
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
    role: Annotated[
        str | None,
        Field(
            description="only reports about releases with this role; those of windows without "
            "answers belong to `stable`",
            json_schema_extra={"enum": [*ServingRole, None]},
        ),
    ] = None


@dataclass(frozen=True)
class _WantedReports:
    """The reports whose windows end from `start` to `end`, of one role or of all."""

    start: datetime
    end: datetime
    role: str | None
    asked: Paging


def add_history_routes(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes about runs, retraining, datasets, use cases and past reports."""
    stored = StoredJson(gateway.store)
    _add_runs(app.router, gateway, RunHistory(stored))
    _add_retraining(app.router, gateway, stored)
    _add_datasets(app.router, gateway, stored)
    _add_use_cases(app.router, gateway)
    _add_reports(app.router, gateway, ReportReader(gateway.store))


def _add_runs(router: APIRouter, gateway: Gateway, history: RunHistory) -> None:
    summary = "Pipeline runs with their steps, newest first"

    @router.get("/runs", tags=["history"], **operation(summary, AccessRole.VIEWER, [404, 422]))
    async def runs(
        request: Request,
        use_case: UseCaseQuery = None,
        run_id: Annotated[str | None, Query(description="one run")] = None,
        newest: Annotated[
            str,
            Query(
                description="true: only the newest run of each use case",
                json_schema_extra={"enum": [*BOOLEANS]},
            ),
        ] = "false",
        limit: LimitParameter = "20",
        cursor: CursorParameter = None,
    ) -> RunPage:
        await gateway.admit(authorize(context_of(request), AccessRole.VIEWER))
        names, asked = _names(request, use_case), paging("runs", limit, cursor)

        only_newest = choice_of("newest", newest, BOOLEANS) == "true"
        found = await asyncio.to_thread(history.page, names, run_id, asked, newest=only_newest)
        return RunPage(runs=found.items, cursor=found.cursor)


def _add_retraining(router: APIRouter, gateway: Gateway, stored: StoredJson) -> None:
    summary = "Retraining requests with their reasons and outcomes, newest first"
    described = operation(summary, AccessRole.VIEWER, [404, 422])

    @router.get("/retraining", tags=["history"], **described)
    async def retraining(
        request: Request,
        use_case: UseCaseQuery = None,
        request_id: Annotated[str | None, Query(description="one request")] = None,
        limit: LimitParameter = "20",
        cursor: CursorParameter = None,
    ) -> RetrainingPage:
        await gateway.admit(authorize(context_of(request), AccessRole.VIEWER))
        names, asked = _names(request, use_case), paging("retraining", limit, cursor)
        changes = gateway.releases.changes
        found = await asyncio.to_thread(
            retraining_requests, stored, changes, names, request_id, asked
        )
        return RetrainingPage(retraining=found.items, cursor=found.cursor)


def _add_datasets(router: APIRouter, gateway: Gateway, stored: StoredJson) -> None:
    summary = "Dataset versions, newest first; with their data report if one is named"

    @router.get("/datasets", tags=["history"], **operation(summary, AccessRole.VIEWER, [404, 422]))
    async def datasets(
        request: Request,
        use_case: UseCaseQuery = None,
        version: Annotated[str | None, Query(description="one dataset version")] = None,
        limit: LimitParameter = "20",
        cursor: CursorParameter = None,
    ) -> DatasetPage:
        await gateway.admit(authorize(context_of(request), AccessRole.VIEWER))
        names, asked = _names(request, use_case), paging("datasets", limit, cursor)

        found = await asyncio.to_thread(dataset_versions, stored, names, version, asked)
        return DatasetPage(datasets=found.items, cursor=found.cursor)


def _add_use_cases(router: APIRouter, gateway: Gateway) -> None:
    summary = "The installed use cases: titles, classes, and the schema of their records"

    @router.get("/use-cases", tags=["history"], **operation(summary, AccessRole.VIEWER))
    async def use_cases(request: Request) -> list[UseCaseDocument]:
        await gateway.admit(authorize(context_of(request), AccessRole.VIEWER))
        return [_described(use_case(name)) for name in use_case_names()]


def _add_reports(router: APIRouter, gateway: Gateway, reader: ReportReader) -> None:
    summary = "Past drift or quality reports, newest window first"

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
        since, until = period_of(given.start, given.end)
        end = until or gateway.releases.clock.now()
        start = since or _before(end)
        kind = KINDS[choice_of("kind", given.kind, KINDS)]
        role = given.role and choice_of("role", given.role, ServingRole)
        wanted = _WantedReports(start, end, role, paging("reports", limit, cursor))
        container = DRIFT_REPORTS if kind is DriftReport else QUALITY_REPORTS
        folder = reports_folder(container, case.name, environment)
        found = await asyncio.to_thread(_reports, reader, folder, kind, wanted)
        return ReportPage(reports=found.items, cursor=found.cursor)


def _names(request: Request, name: str | None) -> Sequence[str]:
    return use_case_names() if name is None else [find_use_case(request, name).name]


def _before(end: datetime) -> datetime:
    earliest = datetime.min.replace(tzinfo=UTC)
    return end - DEFAULT_PERIOD if end - earliest > DEFAULT_PERIOD else earliest


def _reports(
    reader: ReportReader, folder: str, kind: type[Report], wanted: _WantedReports
) -> Page[Report]:
    """Return a page of the reports below `folder`; reading ends where the page is full."""
    start, end, asked = wanted.start, wanted.end, wanted.asked
    if asked.after is not None:
        end = min(end, _end_of(asked.after))
    found = (
        one
        for one in past_reports(reader, folder, kind, start, end)
        if start <= one.end <= end and wanted.role in (None, one.role or ServingRole.STABLE)
    )
    return page(found, asked, _place)


def _place(report: Report) -> str:
    """Return a key that orders reports by the end of their windows."""
    return f"{report.end.isoformat()} {report.report_id}"


def _end_of(place: str) -> datetime:
    """Return the end of the window in a key of `_place`; `InvalidRecord` (422) if it has none."""
    try:
        time = datetime.fromisoformat(place.partition(" ")[0])
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise InvalidRecord(FieldError("cursor", "is invalid; start again without one"))
    return time


@lru_cache(maxsize=100)
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
