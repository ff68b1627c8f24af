"""Try it: one record, the answers of all releases that serve, and what moved each of them."""

import asyncio
import json
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from console.pages.choice import chosen_use_case
from console.pages.platform import ENVIRONMENTS
from console.pages.predicting.record_form import (
    RecordInput,
    example_values,
    record_inputs,
    record_of,
    sent_values,
    with_problems,
)
from console.web.errors import PageNotFound
from console.web.problems import GatewayProblem, gateway_problem
from console.web.visit import SignedIn, Visit
from mlplatform_client.errors import AuthenticationError, InvalidFieldsError, MlplatformError
from mlplatform_client.models.history import UseCaseDocument
from mlplatform_client.models.predictions import ExplainedPart, Prediction, PredictionExplanation

router = APIRouter()
T = TypeVar("T")
ROLES = ("stable", "canary", "shadow")
SHOWN_PARTS = 10


@dataclass(frozen=True)
class TriedAnswer:
    """What one release says about the record, or why it does not."""

    environment: str
    role: str
    prediction: Prediction | None
    problem: GatewayProblem | None
    explanation: PredictionExplanation | None
    not_explained: GatewayProblem | None
    parts: Sequence[ExplainedPart]
    """Those that moved the answer most."""
    largest: float


@router.get("/try")
async def any_use_case(visit: SignedIn) -> Response:
    """Go to the form of the use case that the query names, or of one that serves."""
    name = await chosen_use_case(visit)
    return RedirectResponse(f"/use-cases/{name}/try", HTTPStatus.SEE_OTHER)


@router.get("/try/{use_case}")
async def of_use_case(visit: SignedIn, use_case: str) -> Response:
    """Go to the form of a use case."""
    await _case(visit, use_case)
    return RedirectResponse(f"/use-cases/{use_case}/try", HTTPStatus.SEE_OTHER)


@router.get("/use-cases/{use_case}/try")
async def form(visit: SignedIn, use_case: str, example: str = "") -> Response:
    """Show the form, filled with an example of the use case where the query names one."""
    visit.needs("operator")
    case = await _case(visit, use_case)
    given = case.examples.get(example)
    values = example_values(given) if isinstance(given, dict) else {}
    return await _page(visit, case, record_inputs(case, values), [], None, "")


@router.post("/use-cases/{use_case}/try")
async def answer(visit: SignedIn, use_case: str) -> Response:
    """Ask every release that serves for its answer; nothing of it enters a report."""
    form = await visit.form("operator")
    case = await _case(visit, use_case)
    values = sent_values(form)
    record, inputs = record_of(case, values), record_inputs(case, values)
    targets = await _targets(visit, use_case)
    try:
        found = await _ask(visit, use_case, record, targets)
    except InvalidFieldsError as error:
        inputs = with_problems(inputs, error.errors)
        return await _page(visit, case, inputs, [], gateway_problem(error), "")
    return await _page(visit, case, inputs, found, None, _command(use_case, record))


async def _page(
    visit: Visit,
    case: UseCaseDocument,
    inputs: Sequence[RecordInput],
    answers: Sequence[TriedAnswer],
    problem: GatewayProblem | None,
    command: str,
) -> Response:
    given = {str(one.prediction.prediction) for one in answers if one.prediction}
    return await visit.use_case_page(
        "try.html",
        "Try it",
        case.name,
        status=problem.status if problem else HTTPStatus.OK,
        inputs=inputs,
        answers=answers,
        differ=len(given) > 1,
        problem=problem,
        command=command,
    )


async def _case(visit: Visit, name: str) -> UseCaseDocument:
    cases = {one.name: one for one in await visit.use_cases()}
    if name not in cases:
        known = "" if cases else " The gateway does not answer, so that none is known."
        raise PageNotFound(f"There is no use case {name!r:.80}.{known}")
    return cases[name]


async def _targets(visit: Visit, use_case: str) -> list[tuple[str, str]]:
    """Return environments and roles that have a release; stable ones where that is unknown."""
    states = (await visit.read("states", visit.api.releases.states)).value
    if states is None:
        return [(one.value, "stable") for one in ENVIRONMENTS]
    found: list[tuple[str, str]] = []
    for environment in ENVIRONMENTS:
        one = states.get(use_case, {}).get(environment.value)
        present = [role for role in ROLES if one is not None and getattr(one.state, role)]
        found += [(environment.value, role) for role in present]
    return found


async def _ask(
    visit: Visit, use_case: str, record: dict[str, Any], targets: Sequence[tuple[str, str]]
) -> list[TriedAnswer]:
    """Return what the releases say. They explain it afterwards, so that the latency of the answers
    does not count that.

    Raises:
        InvalidFieldsError: the record is not valid.
    """
    api = visit.api
    to = [{"use_case": use_case, "environment": where, "role": role} for where, role in targets]
    answers = await asyncio.gather(*(_or_problem(api.predict(record, **one)) for one in to))
    moved = await asyncio.gather(*(_or_problem(api.explain(record, **one)) for one in to))
    return [_tried(*found) for found in zip(targets, answers, moved, strict=True)]


def _tried(
    target: tuple[str, str],
    answer: tuple[Prediction | None, GatewayProblem | None],
    moved: tuple[PredictionExplanation | None, GatewayProblem | None],
) -> TriedAnswer:
    explanation, _ = moved
    parts = [one for one in (explanation.parts if explanation else []) if one.change is not None]
    parts.sort(key=lambda one: abs(one.change or 0), reverse=True)
    largest = abs(parts[0].change or 0) if parts else 0.0
    return TriedAnswer(*target, *answer, *moved, parts[:SHOWN_PARTS], largest)


async def _or_problem(call: Awaitable[T]) -> tuple[T | None, GatewayProblem | None]:
    try:
        return await call, None
    except (InvalidFieldsError, AuthenticationError):
        raise
    except MlplatformError as error:
        return None, gateway_problem(error)


def _command(use_case: str, record: dict[str, Any]) -> str:
    """Return the command that asks the same by API."""
    body = json.dumps(record, ensure_ascii=False).replace("'", "'\\''")
    return (
        f'curl -X POST "$URL/models/{use_case}/explain" -H "X-API-Key: $KEY" '
        "-H 'X-Environment: production' -H 'Content-Type: application/json' "
        f"-d '{body}'"
    )
