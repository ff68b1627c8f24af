"""Try it: one record, the answers of all serving releases, and an explanation of each."""

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
from console.pages.predicting.contributions import Contributions, contributions
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
from mlplatform_client.models.predictions import Prediction, PredictionExplanation

router = APIRouter()
T = TypeVar("T")
ROLES = ("stable", "canary", "shadow")
FROM_HISTORY = {"Cache-Control": "private, no-cache"}
"""Headers of the answer to a form: a browser cannot go back to one with `no-store`."""
Target = tuple[str, str]
"""An environment, and the role of a release in it."""


@dataclass(frozen=True)
class TryItResult:
    """What one release says about the record, or why it does not.

    `same_as` is an earlier target whose release is the same one and gave the same answer; what
    moved it is shown there.
    """

    environment: str
    role: str
    prediction: Prediction | None
    problem: GatewayProblem | None
    same_as: Target | None
    explanation: PredictionExplanation | None
    not_explained: GatewayProblem | None

    @property
    def moved(self) -> Contributions | None:
        """The explanation of the answer, `None` if it is unknown."""
        return contributions(self.explanation) if self.explanation else None


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
    targets = await _targets(visit, use_case)
    return await _page(visit, case, record_inputs(case, values), targets)


@router.post("/use-cases/{use_case}/try")
async def answer(visit: SignedIn, use_case: str) -> Response:
    """Send the record to all serving releases; these requests are excluded from reports."""
    form = await visit.form("operator")
    case = await _case(visit, use_case)
    values = sent_values(form)
    record, inputs = record_of(case, values), record_inputs(case, values)
    targets = await _targets(visit, use_case)
    try:
        found = await _ask(visit, use_case, record, targets)
    except InvalidFieldsError as error:
        inputs = with_problems(inputs, error.errors)
        page = await _page(visit, case, inputs, targets, problem=gateway_problem(error))
    else:
        command = _command(use_case, record)
        page = await _page(visit, case, inputs, targets, answers=found, command=command)
    page.headers.update(FROM_HISTORY)
    return page


async def _page(
    visit: Visit,
    case: UseCaseDocument,
    inputs: Sequence[RecordInput],
    targets: Sequence[Target],
    *,
    answers: Sequence[TryItResult] = (),
    problem: GatewayProblem | None = None,
    command: str = "",
) -> Response:
    serving = {environment for environment, _ in targets}
    given = {str(one.prediction.prediction) for one in answers if one.prediction}
    return await visit.use_case_page(
        "try.html",
        "Try it",
        case.name,
        status=problem.status if problem else HTTPStatus.OK,
        inputs=inputs,
        serving=[one.value for one in ENVIRONMENTS if one in serving],
        idle=[one.value for one in ENVIRONMENTS if one not in serving],
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


async def _targets(visit: Visit, use_case: str) -> list[Target]:
    """Return environments and roles that have a release; stable ones where that is unknown."""
    states = (await visit.read("states", visit.api.releases.states)).value
    if states is None:
        return [(one.value, "stable") for one in ENVIRONMENTS]
    found: list[Target] = []
    for environment in ENVIRONMENTS:
        one = states.get(use_case, {}).get(environment.value)
        present = [role for role in ROLES if one is not None and getattr(one.state, role)]
        found += [(environment.value, role) for role in present]
    return found


async def _ask(
    visit: Visit, use_case: str, record: dict[str, Any], targets: Sequence[Target]
) -> list[TryItResult]:
    """Return what the releases say. They explain it afterwards, so that the latency of the answers
    does not count that; a release that gave the same answer before does not explain it again.

    Raises:
        InvalidFieldsError: the record is not valid.
    """
    api = visit.api
    to = [{"use_case": use_case, "environment": where, "role": role} for where, role in targets]
    answers = await asyncio.gather(*(_or_problem(api.predict(record, **one)) for one in to))
    same = _same_as(targets, [prediction for prediction, _ in answers])
    moved = await asyncio.gather(
        *(
            _or_problem(api.explain(record, **one))
            for one, earlier in zip(to, same, strict=True)
            if earlier is None
        )
    )
    left = iter(moved)
    return [
        TryItResult(*target, *answer, earlier, *(next(left) if earlier is None else (None, None)))
        for target, answer, earlier in zip(targets, answers, same, strict=True)
    ]


def _same_as(
    targets: Sequence[Target], predictions: Sequence[Prediction | None]
) -> list[Target | None]:
    """Return for each target the first one whose release is the same and gave the same answer."""
    first: dict[tuple[str, str | float, bool], Target] = {}
    found: list[Target | None] = []
    for target, one in zip(targets, predictions, strict=True):
        known = None
        if one is not None:
            known = first.setdefault((one.release_id, one.prediction, one.degraded), target)
        found.append(None if known == target else known)
    return found


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
