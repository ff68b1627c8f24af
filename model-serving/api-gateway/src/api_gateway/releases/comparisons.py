"""`GET /comparisons…`: the live evidence about a canary or shadow."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import APIRouter, FastAPI, Path
from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request

from api_gateway.auth.authentication import authorize
from api_gateway.auth.keys import AccessRole
from api_gateway.gateway import Gateway
from api_gateway.http.context import context_of
from api_gateway.http.openapi import operation
from api_gateway.http.paging import MAX_LIMIT, CursorParameter, LimitParameter, whole_number
from api_gateway.http.validation import environment_named, find_use_case
from api_gateway.routing.target import ServingTarget
from platform_core.contracts.comparison import Comparison, EvidenceHistory
from platform_core.errors import BlobNotFound, InvalidData
from platform_core.storage import evidence_history_path, latest_comparison_path
from records.index import DisagreementQuery, FoundDisagreement, disagreements
from use_cases import use_case as installed

UseCasePath = Annotated[str, Path(description="an installed use case")]
EnvironmentPath = Annotated[str, Path(description="staging or production")]
Document = TypeVar("Document", bound=BaseModel)


class Disagreement(BaseModel):
    """A record that both releases answered, differently; `label` is null while it is unknown."""

    prediction_id: str
    time: datetime
    record_id: Annotated[str | None, Field(description="the id that the caller gave the record")]
    stable_prediction: str | float
    candidate_prediction: str | float
    label: str | float | None


class DisagreementList(BaseModel):
    """Disagreements, newest first; `cursor` asks for the next page.

    Numbers disagree if they differ by more than the margin of the comparison. While `complete` is
    false the record index is being built, and there are more.
    """

    stable_release: str | None
    candidate_release: str | None
    complete: bool
    records: list[Disagreement]
    cursor: str | None


def add_comparison_routes(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes."""
    _add_latest(app.router, gateway)
    _add_history(app.router, gateway)
    _add_disagreements(app.router, gateway)


def _add_latest(router: APIRouter, gateway: Gateway) -> None:
    summary = "The evidence about the canary or shadow; null where there has been none"

    @router.get(
        "/comparisons/{use_case}/{environment}",
        tags=["releases"],
        **operation(summary, AccessRole.VIEWER, [400, 404]),
    )
    async def comparison(
        request: Request, use_case: UseCasePath, environment: EnvironmentPath
    ) -> Comparison | None:
        target = await _target(gateway, request, use_case, environment, AccessRole.VIEWER)
        return await asyncio.to_thread(_latest, gateway, target)


def _add_history(router: APIRouter, gateway: Gateway) -> None:
    summary = "This evidence over time; null where there has been none"

    @router.get(
        "/comparisons/{use_case}/{environment}/history",
        tags=["releases"],
        **operation(summary, AccessRole.VIEWER, [400, 404]),
    )
    async def history(
        request: Request, use_case: UseCasePath, environment: EnvironmentPath
    ) -> EvidenceHistory | None:
        target = await _target(gateway, request, use_case, environment, AccessRole.VIEWER)

        def read() -> EvidenceHistory | None:
            latest = _latest(gateway, target)
            if latest is None:
                return None
            path = evidence_history_path(*target, latest.change_id)
            return _document(gateway, path, EvidenceHistory)

        return await asyncio.to_thread(read)


def _add_disagreements(router: APIRouter, gateway: Gateway) -> None:
    summary = "Records that stable and candidate answered differently while it was a shadow"

    @router.get(
        "/comparisons/{use_case}/{environment}/disagreements",
        tags=["releases"],
        **operation(summary, AccessRole.OPERATOR, [400, 404, 422]),
    )
    async def differing(
        request: Request,
        use_case: UseCasePath,
        environment: EnvironmentPath,
        limit: LimitParameter = "20",
        cursor: CursorParameter = None,
    ) -> DisagreementList:
        target = await _target(gateway, request, use_case, environment, AccessRole.OPERATOR)
        rows = whole_number("limit", limit, MAX_LIMIT)
        index = await gateway.records.current()

        def read() -> DisagreementList:
            latest, complete = _latest(gateway, target), index.complete
            if latest is None:
                return _disagreements(None, complete, (), None)
            query = DisagreementQuery(
                *target,
                latest.stable_release,
                latest.candidate_release,
                _tolerance(latest),
                rows,
                cursor,
            )
            page = disagreements(index, query)
            return _disagreements(latest, complete, page.found, page.cursor)

        return await asyncio.to_thread(read)


async def _target(
    gateway: Gateway, request: Request, use_case: str, environment: str, role: AccessRole
) -> ServingTarget:
    await gateway.admit(authorize(context_of(request), role))
    name = find_use_case(request, use_case).name
    return ServingTarget(name, environment_named(request, environment))


def _latest(gateway: Gateway, target: ServingTarget) -> Comparison | None:
    return _document(gateway, latest_comparison_path(*target), Comparison)


def _document(gateway: Gateway, path: str, kind: type[Document]) -> Document | None:
    try:
        return kind.model_validate_json(gateway.store.read(path))
    except BlobNotFound:
        return None
    except ValidationError as error:
        raise InvalidData(f"{path} is not readable: {error.error_count()} errors") from error


def _tolerance(comparison: Comparison) -> float | None:
    """Return by how much numbers must differ, `None` for classes."""
    if installed(comparison.use_case).classes:
        return None
    margins = [one.margin for one in comparison.criteria if one.name == "outputs"]
    return margins[0] if margins else 0.0


def _disagreements(
    latest: Comparison | None,
    complete: bool,
    found: Sequence[FoundDisagreement],
    cursor: str | None,
) -> DisagreementList:
    numbers = latest is not None and not installed(latest.use_case).classes
    return DisagreementList(
        stable_release=latest and latest.stable_release,
        candidate_release=latest and latest.candidate_release,
        complete=complete,
        records=[
            Disagreement(
                prediction_id=one.prediction_id,
                time=one.time,
                record_id=one.record_id,
                stable_prediction=float(one.stable) if numbers else one.stable,
                candidate_prediction=float(one.candidate) if numbers else one.candidate,
                label=one.label,
            )
            for one in found
        ],
        cursor=cursor,
    )
