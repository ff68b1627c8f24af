"""The serving state that a change asks for, computed without looking at any server."""

from collections.abc import Callable, Sequence

from platform_core.contracts.ledger import Action, ChangeRequest, LedgerEntry
from platform_core.contracts.serving_state import Canary, ServingState, Shadow, state_differences
from platform_core.errors import Conflict, InvalidInput, Refused
from platform_core.ledger import rollback_targets

MAX_CANARY_PERCENT = 99
NOTHING = "nothing"
SHORT_ID = 12


def next_state(
    request: ChangeRequest,
    present: ServingState,
    entries: Sequence[LedgerEntry] = (),
    staged: str | None = None,
) -> ServingState:
    """Return the state that `request` asks for; it equals `present` if there is nothing to do.

    `request.release_id` is a whole id or `None`. `entries` are those of the environment, oldest
    first; a rollback is computed from them. `staged` is the stable release of staging, the default
    of promotions, canaries and shadows. When the stable release changes, the canary ends; the
    shadow goes on unless it becomes stable by a rollback.

    Raises:
        Conflict: the current state differs from the one that the request expects.
        Refused: the current state does not allow the change.
        InvalidInput: the request lacks a part, or its percent is wrong.
    """
    check_percent(request)
    _check_expected(request, present)
    if request.action is Action.ROLLBACK:
        return _rolled_back(request, present, rollback_targets(entries))
    return _STATES[request.action](request, present, staged)


def check_percent(request: ChangeRequest) -> None:
    """Check that a canary, and only a canary or shadow, has a percent that it can have.

    Raises:
        InvalidInput: it does not; the message says which values are possible.
    """
    action, percent = request.action, request.percent
    if action is Action.CANARY and percent is None:
        raise InvalidInput("a canary needs a percent: a whole number from 1 to 99")
    if action is Action.CANARY and percent is not None and percent > MAX_CANARY_PERCENT:
        raise InvalidInput(
            f"percent {percent} of a canary: use a whole number from 1 to 99, and `promote` to "
            "have the release answer every request"
        )
    if action not in (Action.CANARY, Action.SHADOW) and percent is not None:
        raise InvalidInput(f"percent {percent}: only a canary or shadow has a percent")


def describe_state(state: ServingState) -> str:
    """Return a state in words, e.g. `stable 1f2e…, canary 9a8b… (10 %)`."""
    parts = [f"stable {state.stable or NOTHING:.{SHORT_ID}}"]
    if state.canary:
        parts.append(f"canary {state.canary.release_id:.{SHORT_ID}} ({state.canary.percent} %)")
    if state.shadow:
        parts.append(
            f"shadow {state.shadow.release_id:.{SHORT_ID}} ({state.shadow.sample_percent} %)"
        )
    return ", ".join(parts)


def _check_expected(request: ChangeRequest, present: ServingState) -> None:
    if request.expected_state is None:
        return
    differing = state_differences(request.expected_state, present)
    if differing:
        raise Conflict(
            f"the state of {request.use_case} in {request.environment} is not the expected one: "
            f"{'; '.join(differing)}; look at `mlplatform release list` and decide again"
        )


def _deployed(request: ChangeRequest, present: ServingState, _: str | None) -> ServingState:
    if request.release_id is None:
        raise InvalidInput("a deployment needs release_id")
    return _with_stable(present, request.release_id)


def _promoted(request: ChangeRequest, present: ServingState, staged: str | None) -> ServingState:
    candidate = present.canary.release_id if present.canary else staged
    release_id = request.release_id or candidate
    if release_id is None:
        raise Refused(
            f"there is nothing to promote: {request.environment} has no canary of "
            f"{request.use_case}, and staging serves no release; run the pipeline first or name "
            "a release"
        )
    return _with_stable(present, release_id)


def _rolled_back(
    request: ChangeRequest, present: ServingState, targets: Sequence[str]
) -> ServingState:
    """Return the current state if there is no earlier release: servers are repaired then."""
    target = request.release_id or next(iter(targets), None)
    if target is None:
        return present
    if target not in targets:
        raise Refused(
            f"release {target:.{SHORT_ID}} was not stable before the current one, so a rollback "
            "cannot return to it; promote it instead"
        )
    shadow = present.shadow
    kept = None if shadow and shadow.release_id == target else shadow
    return ServingState(stable=target, shadow=kept)


def _with_stable(present: ServingState, release_id: str) -> ServingState:
    if release_id == present.stable:
        return present
    if present.shadow and release_id == present.shadow.release_id:
        raise Refused(
            f"release {release_id:.{SHORT_ID}} is only a shadow: none of its answers has reached "
            "a caller; start a canary with it, or abort the shadow first"
        )
    return ServingState(stable=release_id, shadow=present.shadow)


def _with_canary(request: ChangeRequest, present: ServingState, staged: str | None) -> ServingState:
    canary, percent = present.canary, request.percent or 0
    release_id = _candidate(request, present, canary.release_id if canary else None, staged)
    if canary and canary.release_id != release_id:
        raise Refused(
            f"{request.environment} has the canary {canary.release_id:.{SHORT_ID}} of "
            f"{request.use_case}: promote or abort it first"
        )
    change_id = canary.change_id if canary else request.change_id
    shadow = present.shadow
    return ServingState(
        stable=present.stable,
        canary=Canary(release_id=release_id, percent=percent, change_id=change_id),
        shadow=None if shadow and shadow.release_id == release_id else shadow,
    )


def _with_shadow(request: ChangeRequest, present: ServingState, staged: str | None) -> ServingState:
    shadow, canary = present.shadow, present.canary
    release_id = _candidate(request, present, shadow.release_id if shadow else None, staged)
    if canary and canary.release_id == release_id:
        raise Refused(
            f"release {release_id:.{SHORT_ID}} is the canary of {request.use_case} in "
            f"{request.environment} and answers callers: abort it first"
        )
    if shadow and shadow.release_id != release_id:
        raise Refused(
            f"{request.environment} has the shadow {shadow.release_id:.{SHORT_ID}} of "
            f"{request.use_case}: abort it first"
        )
    change_id = shadow.change_id if shadow else request.change_id
    percent = request.percent or (shadow.sample_percent if shadow else 100)
    return present.model_copy(
        update={
            "shadow": Shadow(release_id=release_id, sample_percent=percent, change_id=change_id)
        }
    )


def _candidate(
    request: ChangeRequest, present: ServingState, running: str | None, staged: str | None
) -> str:
    """Return the release of a canary or shadow; by default the running one, else staging's."""
    if present.stable is None:
        raise Refused(
            f"{request.environment} has no stable release of {request.use_case}: a "
            f"{request.action} is compared with one; promote a release first"
        )
    release_id = request.release_id or running or staged
    if release_id is None:
        raise Refused(
            f"there is no release for a {request.action} of {request.use_case}: staging serves "
            "none; run the pipeline first or name a release"
        )
    if release_id == present.stable:
        raise Refused(
            f"release {release_id:.{SHORT_ID}} is the stable release of {request.use_case} in "
            f"{request.environment}: a {request.action} needs another one"
        )
    return release_id


def _aborted(request: ChangeRequest, present: ServingState, _: str | None) -> ServingState:
    """End canary and shadow, or the one that the request names."""
    named, canary, shadow = request.release_id, present.canary, present.shadow
    if named is None:
        return ServingState(stable=present.stable)
    if named not in [one.release_id for one in (canary, shadow) if one]:
        raise Refused(
            f"release {named:.{SHORT_ID}} is neither canary nor shadow of {request.use_case} in "
            f"{request.environment}"
        )
    return ServingState(
        stable=present.stable,
        canary=None if canary and canary.release_id == named else canary,
        shadow=None if shadow and shadow.release_id == named else shadow,
    )


_State = Callable[[ChangeRequest, ServingState, str | None], ServingState]
_STATES: dict[Action, _State] = {
    Action.DEPLOY: _deployed,
    Action.PROMOTE: _promoted,
    Action.CANARY: _with_canary,
    Action.SHADOW: _with_shadow,
    Action.ABORT: _aborted,
}
