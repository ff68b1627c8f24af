"""Logged predictions: search, and the passport of one with its labels and a replay."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from console.gateway.value_cache import CachedValue
from console.pages.choice import chosen_use_case
from console.pages.platform import read_release
from console.web.forms import field
from console.web.problems import GatewayProblem, gateway_problem
from console.web.values import utc_time
from console.web.visit import SignedIn, Visit
from mlplatform_client.errors import (
    APIStatusError,
    BadRequestError,
    GoneError,
    InvalidFieldsError,
    NotFoundError,
)
from mlplatform_client.models.feedback import FeedbackResponse
from mlplatform_client.models.history import UseCaseDocument
from mlplatform_client.models.predictions import PredictionPage, PredictionPassport
from mlplatform_client.models.releases import ReleaseCard

router = APIRouter()
FILTERS = ("environment", "q", "prediction", "label", "wrong", "release_id", "from", "to")
PREDICTION_ID, PART_OF_ID = re.compile("[0-9a-f]{32}"), re.compile("[0-9a-f]{6,32}")
PAGE_SIZE = 25
REPLAY_SECONDS = 30.0
OUTCOMES = ("accepted", "pending", "unchanged", "replaced")


@router.get("/predictions")
async def any_use_case(visit: SignedIn) -> Response:
    """Go to the search of the use case that the query names, or of one that serves."""
    visit.needs("operator")
    name = await chosen_use_case(visit)
    given = {k: v for k, v in visit.request.query_params.items() if k in FILTERS and v.strip()}
    query = f"?{urlencode(given)}" if given else ""
    return RedirectResponse(f"/use-cases/{name}/predictions{query}", HTTPStatus.SEE_OTHER)


@router.get("/use-cases/{use_case}/predictions")
async def search(visit: SignedIn, use_case: str) -> Response:
    """Show the predictions that meet the filters of the query; the id of one leads to its page."""
    visit.needs("operator")
    given = {name: visit.request.query_params.get(name, "").strip() for name in FILTERS}
    wanted = {name: value for name, value in given.items() if value}
    for name in ("from", "to"):
        if name in wanted:
            wanted[name] = utc_time(wanted[name])
    if await _is_prediction(visit, given["q"]):
        return RedirectResponse(f"/predictions/{given['q']}", HTTPStatus.SEE_OTHER)
    cursor = visit.request.query_params.get("cursor")
    problem: GatewayProblem | None = None
    try:
        found = await _found(visit, use_case, wanted, cursor)
    except (BadRequestError, InvalidFieldsError) as error:
        found, problem = CachedValue(None, None), gateway_problem(error)
    return await visit.use_case_page(
        "predictions.html",
        f"Predictions of {use_case}",
        use_case,
        status=problem.status if problem else HTTPStatus.OK,
        found=found,
        part_of_id=PART_OF_ID.fullmatch(given["q"]) is not None,
        given=given,
        cursor=cursor,
        query=urlencode({"use_case": use_case, **wanted}),
        url=_url(f"/use-cases/{use_case}/predictions", given),
        filtered=bool(wanted),
        names=[one.name for one in await visit.use_cases()],
        problem=problem,
    )


@router.get("/predictions/{prediction_id}")
async def passport(
    visit: SignedIn, prediction_id: str, replay: bool = False, sent: str = ""
) -> Response:
    """Show a prediction; with `replay` its release computes it again."""
    visit.needs("operator")
    outcome = sent if sent in OUTCOMES else ""
    return await _passport(visit, prediction_id, replay=replay, outcome=outcome)


@router.post("/predictions/{prediction_id}/label")
async def label(visit: SignedIn, prediction_id: str) -> Response:
    """Send the label of a prediction."""
    form = await visit.form("operator")
    try:
        answer = await _send(visit, prediction_id, form)
    except APIStatusError as error:
        return await _passport(visit, prediction_id, problem=gateway_problem(error), form=form)
    if answer.rejected:
        one = answer.rejected[0]
        detail = f"{one.code}: {one.detail}"
        problem = GatewayProblem("The label was rejected", detail, HTTPStatus.UNPROCESSABLE_ENTITY)
        return await _passport(visit, prediction_id, problem=problem, form=form)
    outcome = next(name for name in OUTCOMES if getattr(answer, name))
    url = _url(f"/predictions/{prediction_id}", {"sent": outcome})
    return RedirectResponse(f"{url}#labels", HTTPStatus.SEE_OTHER)


async def _is_prediction(visit: Visit, given: str) -> bool:
    """Return whether a search term is the id of a prediction, an erased one too."""
    if not PREDICTION_ID.fullmatch(given):
        return False
    try:
        found = await visit.read(f"prediction {given}", lambda: visit.api.predictions.get(given))
    except NotFoundError as error:
        return isinstance(error, GoneError)
    return found.value is not None


async def _found(
    visit: Visit, use_case: str, wanted: dict[str, str], cursor: str | None
) -> CachedValue[PredictionPage]:
    filters: dict[str, Any] = {**wanted, "wrong": wanted.get("wrong") == "true"}
    period = {"start": filters.pop("from", None), "end": filters.pop("to", None)}
    pages = visit.api.predictions.search(
        use_case=use_case, page_size=PAGE_SIZE, **filters, **period
    )
    name = f"predictions {use_case} {sorted(wanted.items())} {cursor}"
    return await visit.read(name, lambda: pages.page(cursor))


async def _send(visit: Visit, prediction_id: str, form: FormData) -> FeedbackResponse:
    """Send the label; that of a regression is a number, as far as it can be read as one."""
    use_case, given = field(form, "use_case"), field(form, "label")
    value: str | float = given
    case = await _case(visit, use_case)
    if case is not None and not case.classes:
        try:
            value = float(given)
        except ValueError:
            value = given  # the gateway says what is wrong
    known_at = field(form, "known_at")
    api = visit.api
    label: dict[str, Any] = {"prediction_id": prediction_id, "label": value}
    if known_at:
        label["known_at"] = utc_time(known_at)
    return await api.feedback_many([label], use_case=use_case)


async def _passport(
    visit: Visit,
    prediction_id: str,
    *,
    replay: bool = False,
    outcome: str = "",
    problem: GatewayProblem | None = None,
    form: FormData | None = None,
) -> Response:
    api = visit.api.with_options(timeout=REPLAY_SECONDS) if replay else visit.api
    name = f"prediction {prediction_id}"
    found = await visit.read(name, lambda: api.predictions.get(prediction_id, replay=replay))
    one = found.value
    case = await _case(visit, one.record.use_case) if one else None
    card = await _card(visit, one) if one else None
    values: dict[str, Any] = {
        "found": found,
        "one": one,
        "prediction_id": prediction_id,
        "answers": _answers(one) if one else [],
        "names": _feature_names(one, card) if one else [],
        "decision": card.decision if card else None,
        "case": case,
        "outcome": outcome,
        "problem": problem,
        "given": {key: field(form, key) if form else "" for key in ("label", "known_at")},
    }
    status = problem.status if problem else HTTPStatus.OK
    if one is None:
        return await visit.page("prediction.html", "Prediction", status=status, **values)
    return await visit.page(
        "prediction.html", "Prediction", use_case=one.record.use_case, status=status, **values
    )


def _answers(one: PredictionPassport) -> list[tuple[str, Any]]:
    """Return the records of the prediction with what each of them is."""
    found = [("Answer", one.record)]
    if one.shadow:
        found.append(("Shadow", one.shadow))
    if one.failed_canary:
        found.append(("Canary, failed", one.failed_canary))
    return found


async def _card(visit: Visit, one: PredictionPassport) -> ReleaseCard | None:
    """Return the card of the release that answered, `None` where it cannot be read."""
    try:
        card = await read_release(visit, one.record.use_case, one.record.release_id)
    except APIStatusError:
        return None
    return card.value


def _feature_names(one: PredictionPassport, card: ReleaseCard | None) -> Sequence[str]:
    """Return the names of the logged features, none where the release does not give them.

    A card names the texts that the model saw before the numbers; texts are not logged as features.
    """
    names = (card.features if card else None) or []
    texts = len(names) - len(one.record.features)
    return names[texts:] if texts >= 0 else []


async def _case(visit: Visit, name: str) -> UseCaseDocument | None:
    return next((one for one in await visit.use_cases() if one.name == name), None)


def _url(path: str, given: dict[str, str]) -> str:
    query = urlencode({name: value for name, value in given.items() if value})
    return f"{path}?{query}" if query else path
