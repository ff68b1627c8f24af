"""`/predictions`: the passport of a prediction, and search."""

import asyncio
import re
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Path, Query
from pydantic import BaseModel, Field
from starlette.requests import Request

from api_gateway.auth.authentication import authorize
from api_gateway.auth.keys import AccessRole
from api_gateway.gateway import Gateway
from api_gateway.http.context import context_of
from api_gateway.http.openapi import operation
from api_gateway.http.validation import BOOLEANS, choice_of, find_use_case, period_of
from api_gateway.predictions.replay import ReplayedPrediction
from platform_core.contracts.environments import Environment
from platform_core.contracts.inference_record import InferenceRecord, Purpose
from platform_core.contracts.label import PredictionLabel
from platform_core.contracts.release import Lineage
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import FieldError, InvalidInput, InvalidRecord, ReleaseNotFound
from records.index import FoundRecord, RecordQuery
from use_cases import UseCase, use_case

PredictionIdPath = Annotated[str, Path(description="as returned with the prediction")]
MAX_DIGITS = 9
_RELEASE_ID, _RELEASE_PREFIX = re.compile("[0-9a-f]{32}"), re.compile("[0-9a-f]{8,31}")


class SearchParameters(BaseModel):
    """The query of a search; the route checks the values."""

    use_case: Annotated[str | None, Field(description="without it the default use case")] = None
    environment: Annotated[str | None, Field(json_schema_extra={"enum": [*Environment, None]})] = (
        None
    )
    q: Annotated[str | None, Field(description="words that must all be in the record")] = None
    prediction: str | None = None
    label: Annotated[str | None, Field(description="the current label")] = None
    wrong: Annotated[
        str,
        Field(
            description="true: the current label is a different class than the prediction; not "
            "for regression, whose answers are numbers",
            json_schema_extra={"enum": [*BOOLEANS]},
        ),
    ] = "false"
    release_id: Annotated[
        str | None, Field(description="a release id, or at least its first 8 digits")
    ] = None
    start: Annotated[
        str | None, Field(alias="from", description="the first moment, with a time zone")
    ] = None
    end: Annotated[str | None, Field(alias="to", description="the moment after the last one")] = (
        None
    )
    limit: Annotated[str, Field(description="1 to 100 predictions")] = "20"
    cursor: Annotated[str | None, Field(description="as returned with the previous page")] = None


class PredictionPassport(BaseModel):
    """Everything that is known about a prediction.

    `lineage` leads from its release to the dataset version, the run and the git SHA, null where it
    cannot be read. Of `labels` the first counts; the others are its history. `shadow` is what a
    shadow answered to the same record, `failed_canary` the record of a canary that should have
    answered and could not.
    """

    record: InferenceRecord
    shadow: InferenceRecord | None
    failed_canary: InferenceRecord | None
    lineage: Lineage | None
    labels: list[PredictionLabel]
    replay: Annotated[
        ReplayedPrediction | None, Field(description="what `replay=true` computed")
    ] = None


class PredictionSummary(BaseModel):
    """A prediction that was found; `label` is null if it has none yet."""

    prediction_id: str
    time: datetime
    environment: Environment
    release_id: str
    role: ServingRole
    purpose: Purpose
    prediction: str | float
    label: str | float | None
    record_id: Annotated[str | None, Field(description="the id that the caller gave the record")]


class PredictionPage(BaseModel):
    """Predictions, newest first; `cursor` asks for the next page.

    If `searches_text` is false, `q` is compared with the ids of records alone.
    """

    predictions: list[PredictionSummary]
    cursor: str | None
    searches_text: bool


def add_prediction_routes(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes that show logged predictions."""
    _add_passport(app.router, gateway)
    _add_search(app.router, gateway)


def _add_passport(router: APIRouter, gateway: Gateway) -> None:
    summary = "Show a prediction: its record, its labels, and where its release came from"

    @router.get(
        "/predictions/{prediction_id}",
        tags=["predictions"],
        **operation(summary, AccessRole.OPERATOR, [404, 410, 503]),
    )
    async def passport(
        request: Request,
        prediction_id: PredictionIdPath,
        replay: Annotated[
            str, Query(description="true: compute the prediction again with its release")
        ] = "false",
    ) -> PredictionPassport:
        await gateway.admit(authorize(context_of(request), AccessRole.OPERATOR))
        found = await gateway.records.find(prediction_id)
        record = found.answer
        context_of(request).use_case = record.use_case
        of_release = record.use_case, record.release_id
        lineage = await asyncio.to_thread(gateway.catalog.lineage, *of_release)
        again = await gateway.records.replays.replay(record) if replay == "true" else None
        return PredictionPassport(
            record=record,
            shadow=found.shadow,
            failed_canary=found.failed_canary,
            lineage=lineage,
            labels=found.labels,
            replay=again,
        )


def _add_search(router: APIRouter, gateway: Gateway) -> None:
    summary = "Search the predictions of a use case, newest first"

    @router.get(
        "/predictions", tags=["predictions"], **operation(summary, AccessRole.OPERATOR, [404, 422])
    )
    async def found(
        request: Request, given: Annotated[SearchParameters, Query()]
    ) -> PredictionPage:
        await gateway.admit(authorize(context_of(request), AccessRole.OPERATOR))
        name = given.use_case or gateway.settings.default_use_case
        case = find_use_case(request, name)
        release_id = await asyncio.to_thread(_release_id, gateway, case, given.release_id)
        page = await gateway.records.search(_query(case, release_id, given))
        return PredictionPage(
            predictions=[_summary(one) for one in page.records],
            cursor=page.cursor,
            searches_text=gateway.settings.record_search_text,
        )


def _release_id(gateway: Gateway, case: UseCase, given: str | None) -> str | None:
    """Return the id of the release that `given` names: its id, or the beginning of it.

    A complete id need not be that of a stored release: its records may be there without it.

    Raises:
        InvalidRecord: it is neither, or several releases begin so.
    """
    if given is None or _RELEASE_ID.fullmatch(given):
        return given
    if not _RELEASE_PREFIX.fullmatch(given):
        detail = f"{given!r:.100} is not a release id, nor the first 8 or more of its 32 digits"
        raise InvalidRecord(FieldError("release_id", detail))
    try:
        return gateway.releases.resolve(case.name, given)
    except (InvalidInput, ReleaseNotFound) as error:
        raise InvalidRecord(FieldError("release_id", str(error))) from error


def _query(case: UseCase, release_id: str | None, given: SearchParameters) -> RecordQuery:
    if not given.limit.isascii() or not given.limit.isdecimal():
        raise InvalidRecord(FieldError("limit", f"{given.limit!r:.100} is not a whole number"))
    if given.environment is not None:
        choice_of("environment", given.environment, Environment)
    wrong = choice_of("wrong", given.wrong, BOOLEANS) == "true"
    if wrong and not case.classes:
        detail = f"{case.name} is a regression: a number is close to its label or far from it"
        raise InvalidRecord(FieldError("wrong", detail))
    start, end = period_of(given.start, given.end)
    return RecordQuery(
        case.name,
        given.q,
        given.prediction,
        given.label,
        release_id,
        start=start,
        end=end,
        limit=int(given.limit[:MAX_DIGITS]),
        cursor=given.cursor,
        environment=given.environment,
        wrong=wrong,
    )


def _summary(found: FoundRecord) -> PredictionSummary:
    record: dict[str, Any] = vars(found.record)
    classes = use_case(found.record.use_case).classes
    prediction = found.record.prediction if classes else float(found.record.prediction)
    return PredictionSummary(**{**record, "prediction": prediction, "label": found.label})
