"""The confirmation of a change of the serving state: evidence, expected state, reason."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from console.pages.cards import shown_card
from console.pages.changes import MAX_REASON
from console.pages.platform import of_target, read_comparison, read_release
from console.pages.releases import held_out_result, metric_rows
from console.pages.serving import describe, past_roles
from console.web.errors import PageNotFound
from console.web.forms import IDEMPOTENCY, field, new_key
from console.web.problems import GatewayProblem, gateway_problem
from console.web.visit import SignedIn, Visit
from mlplatform_client.errors import APIConnectionError, APIStatusError
from mlplatform_client.models.changes import RequestedChange, UseCaseReleases
from mlplatform_client.models.releases import ReleaseCard, ServingState

router = APIRouter()
PERCENT = {"canary": "10", "shadow": "100"}
MOST = {"canary": 99, "shadow": 100}
ACTIONS = {
    "promote": "Promote a release",
    "canary": "Start or change a canary",
    "shadow": "Start a shadow",
    "rollback": "Roll back to an earlier release",
    "abort": "Abort the canary and the shadow",
}
VERBS = {
    "promote": "Promote",
    "canary": "Start the canary",
    "shadow": "Start the shadow",
    "rollback": "Roll back",
    "abort": "Abort",
}
"""The words on the buttons."""
WITH_RELEASE = ("promote", "canary", "shadow", "rollback")
UNCERTAIN = GatewayProblem(
    "It is not known whether the change was recorded",
    "The gateway did not answer. Send the same form again: the change is requested once, however "
    "often the form is sent.",
    HTTPStatus.SERVICE_UNAVAILABLE,
)


@dataclass(frozen=True)
class ChangeForm:
    """The form of a change: the action, and its fields as text."""

    action: str
    release_id: str = ""
    percent: str = ""
    reason: str = ""


@router.get("/use-cases/{use_case}/{environment}/change")
async def confirm(
    visit: SignedIn,
    use_case: str,
    environment: str,
    action: str = "promote",
    release_id: str = "",
    percent: str = "",
) -> Response:
    """Show the form of a change with the evidence about it."""
    visit.needs("admin")
    await visit.check(use_case, environment)
    change_form = ChangeForm(action, release_id, percent or PERCENT.get(action, ""))
    return await _page(visit, use_case, environment, change_form, new_key())


@router.post("/use-cases/{use_case}/{environment}/change")
async def request(visit: SignedIn, use_case: str, environment: str) -> Response:
    """Request the change, once per form; a form about another state is refused."""
    form = await visit.form("admin")
    await visit.check(use_case, environment)
    names = ("action", "release_id", "percent", "reason")
    change_form = ChangeForm(*(field(form, name) for name in names))
    key = field(form, IDEMPOTENCY) or new_key()
    try:
        requested = await _request(visit, use_case, environment, change_form, form, key)
    except APIConnectionError:
        return await _page(visit, use_case, environment, change_form, key, UNCERTAIN)
    except APIStatusError as error:
        return await _page(
            visit, use_case, environment, change_form, new_key(), gateway_problem(error)
        )
    except (ValidationError, ValueError) as error:
        problem = GatewayProblem("Not valid", str(error), HTTPStatus.UNPROCESSABLE_ENTITY)
        return await _page(visit, use_case, environment, change_form, new_key(), problem)
    return RedirectResponse(f"/changes/{requested.change_id}", 303)


async def _request(
    visit: Visit, use_case: str, environment: str, change_form: ChangeForm, form: FormData, key: str
) -> RequestedChange:
    given: dict[str, Any] = {
        "environment": environment,
        "reason": change_form.reason,
        "expected_state": ServingState.model_validate_json(field(form, "expected_state")),
        "idempotency_key": key,
    }
    if change_form.action in WITH_RELEASE and change_form.release_id:
        given["release_id"] = change_form.release_id
    if change_form.action in PERCENT:
        if not (change_form.percent.isascii() and change_form.percent.isdecimal()):
            raise ValueError(f"The percent {change_form.percent!r:.20} is not a whole number.")
        given["percent"] = int(change_form.percent)
    return await _call(visit, change_form.action)(use_case, **given)


def _call(visit: Visit, action: str) -> Callable[..., Awaitable[RequestedChange]]:
    releases = visit.api.releases
    calls: Mapping[str, Callable[..., Awaitable[RequestedChange]]] = {
        "promote": releases.promote,
        "canary": releases.canary,
        "shadow": releases.shadow,
        "rollback": releases.rollback,
        "abort": releases.abort,
    }
    if action not in calls:
        raise PageNotFound(f"There is no change {action!r:.40}.")
    return calls[action]


async def _page(
    visit: Visit,
    use_case: str,
    environment: str,
    change_form: ChangeForm,
    key: str,
    problem: GatewayProblem | None = None,
) -> Response:
    if change_form.action not in ACTIONS:
        raise PageNotFound(f"There is no change {change_form.action!r:.40}.")
    described, drift, quality, comparison = await asyncio.gather(
        describe(visit, use_case),
        visit.read(f"drift {use_case}", lambda: visit.api.metrics.drift(use_case)),
        visit.read(f"quality {use_case}", lambda: visit.api.metrics.quality(use_case)),
        read_comparison(visit, use_case, environment),
    )
    found = described.value
    state = found.states.get(environment) if found else None
    chosen = change_form.release_id or (
        _default(found, environment, change_form.action) if found else ""
    )
    card = stable_card = None
    stable = state.state.stable if state else None
    if chosen and change_form.action in WITH_RELEASE:
        card, stable_card = await _cards(visit, use_case, chosen, stable)
    return await visit.use_case_page(
        "confirm.html",
        ACTIONS[change_form.action],
        use_case,
        status=problem.status if problem else HTTPStatus.OK,
        action=change_form.action,
        verb=VERBS[change_form.action],
        with_release=change_form.action in WITH_RELEASE,
        where=environment,
        change_form=change_form,
        key=key,
        problem=problem,
        described=described,
        state=state,
        choices=_choices(found, environment, change_form.action) if found else [],
        chosen=chosen,
        past=past_roles(found.history, environment, chosen) if found and chosen else None,
        card=card,
        held_out_result=held_out_result(card, stable_card),
        metrics=metric_rows(shown_card(card))[:6],
        drift=of_target(drift, use_case, environment),
        quality=of_target(quality, use_case, environment),
        comparison=comparison,
        percent=change_form.percent,
        most=MOST.get(change_form.action),
        max_reason=MAX_REASON,
    )


async def _cards(
    visit: Visit, use_case: str, chosen: str, stable: str | None
) -> tuple[ReleaseCard | None, ReleaseCard | None]:
    """Return what is stored about a release, and about the stable one if that is another."""
    if stable is None or stable == chosen:
        return (await read_release(visit, use_case, chosen)).value, None
    mine, theirs = await asyncio.gather(
        read_release(visit, use_case, chosen, compare=stable),
        read_release(visit, use_case, stable),
    )
    return mine.value, theirs.value


def _default(found: UseCaseReleases, environment: str, action: str) -> str:
    """Return the release that an action without one would take."""
    state = found.states[environment].state
    if action == "rollback":
        return next(iter(found.states[environment].rollback_targets), "")
    if action == "promote" and state.canary:
        return state.canary.release_id
    if action == "canary" and state.canary:
        return state.canary.release_id
    if action == "shadow" and state.shadow:
        return state.shadow.release_id
    staging = found.states.get("staging")
    latest = staging.state.stable if staging else None
    if latest and latest != state.stable:
        return latest
    others = [one.release_id for one in found.releases if one.release_id != state.stable]
    return others[0] if others and environment == "staging" else ""


def _choices(found: UseCaseReleases, environment: str, action: str) -> list[Any]:
    """Return the releases that an action may take: not the one that is stable already, and for a
    rollback only those that were stable before.
    """
    state = found.states.get(environment)
    if action == "rollback":
        known = {one.release_id: one for one in found.releases}
        return [known[one] for one in (state.rollback_targets if state else []) if one in known]
    stable = state.state.stable if state else None
    return [one for one in found.releases if one.release_id != stable]
