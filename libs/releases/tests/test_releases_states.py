"""The serving state that a change asks for, rule by rule and over random sequences."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, ChangeRequest
from platform_core.contracts.serving_state import Canary, ServingState, Shadow, state_differences
from platform_core.errors import Conflict, InvalidInput, Refused
from releases.changes.states import describe_state, next_state

A, B, C, D = (letter * 32 for letter in "abcd")


def request(action, release=None, percent=None, change_id="now", **more):
    return ChangeRequest(
        change_id=change_id,
        created_at=datetime(2026, 1, 5, tzinfo=UTC),
        use_case="iris",
        environment=Environment.PRODUCTION,
        action=action,
        release_id=release,
        percent=percent,
        actor="tester",
        reason="because",
        **more,
    )


def canary(release, percent=10, change_id="then"):
    return Canary(release_id=release, percent=percent, change_id=change_id)


def shadow(release, percent=100, change_id="then"):
    return Shadow(release_id=release, sample_percent=percent, change_id=change_id)


EMPTY, STABLE = ServingState(), ServingState(stable=A)
WITH_CANARY = ServingState(stable=A, canary=canary(B))
WITH_SHADOW = ServingState(stable=A, shadow=shadow(C))
FULL = ServingState(stable=A, canary=canary(B), shadow=shadow(C))

STATES = {
    "a first deployment": (request(Action.DEPLOY, A), EMPTY, None, STABLE),
    "a first promotion": (request(Action.PROMOTE, A), EMPTY, None, STABLE),
    "promotion of staging's release": (request(Action.PROMOTE), STABLE, B, ServingState(stable=B)),
    "promotion of the canary by default": (
        request(Action.PROMOTE),
        WITH_CANARY,
        D,
        ServingState(stable=B),
    ),
    "promotion of the canary by name": (
        request(Action.PROMOTE, B),
        FULL,
        None,
        ServingState(stable=B, shadow=shadow(C)),
    ),
    "promotion of another release ends the canary": (
        request(Action.PROMOTE, D),
        FULL,
        None,
        ServingState(stable=D, shadow=shadow(C)),
    ),
    "promotion of the stable release": (request(Action.PROMOTE, A), FULL, None, FULL),
    "a canary begins": (
        request(Action.CANARY, B, 10),
        STABLE,
        None,
        ServingState(stable=A, canary=canary(B, 10, "now")),
    ),
    "a canary of staging's release": (
        request(Action.CANARY, None, 5),
        STABLE,
        B,
        ServingState(stable=A, canary=canary(B, 5, "now")),
    ),
    "a canary grows and keeps its keys": (
        request(Action.CANARY, None, 50),
        WITH_CANARY,
        D,
        ServingState(stable=A, canary=canary(B, 50, "then")),
    ),
    "the same percent": (request(Action.CANARY, B, 10), WITH_CANARY, None, WITH_CANARY),
    "the shadow becomes canary": (
        request(Action.CANARY, C, 10),
        WITH_SHADOW,
        None,
        ServingState(stable=A, canary=canary(C, 10, "now")),
    ),
    "a shadow begins": (
        request(Action.SHADOW, C),
        WITH_CANARY,
        None,
        ServingState(stable=A, canary=canary(B), shadow=shadow(C, 100, "now")),
    ),
    "a shadow's sample shrinks": (
        request(Action.SHADOW, None, 20),
        FULL,
        None,
        ServingState(stable=A, canary=canary(B), shadow=shadow(C, 20, "then")),
    ),
    "abort ends both": (request(Action.ABORT), FULL, None, STABLE),
    "abort of the canary": (request(Action.ABORT, B), FULL, None, WITH_SHADOW),
    "abort of the shadow": (request(Action.ABORT, C), FULL, None, WITH_CANARY),
    "abort of nothing": (request(Action.ABORT), STABLE, None, STABLE),
    "rollback with nothing earlier": (request(Action.ROLLBACK), FULL, None, FULL),
    "the expected state": (
        request(Action.ABORT, expected_state=FULL),
        FULL,
        None,
        STABLE,
    ),
}


@pytest.mark.parametrize(("asked", "present", "staged", "expected"), STATES.values(), ids=STATES)
def test_each_action_gives_the_expected_next_state(asked, present, staged, expected):
    assert next_state(asked, present, staged=staged) == expected


REFUSED = {
    "nothing to promote": (request(Action.PROMOTE), STABLE, Refused, "nothing to promote"),
    "promotion of a shadow": (request(Action.PROMOTE, C), FULL, Refused, "only a shadow"),
    "deployment of a shadow": (request(Action.DEPLOY, C), FULL, Refused, "only a shadow"),
    "deployment of nothing": (request(Action.DEPLOY), FULL, InvalidInput, "needs release_id"),
    "canary of the stable release": (
        request(Action.CANARY, A, 10),
        STABLE,
        Refused,
        "is the stable release",
    ),
    "shadow of the stable release": (
        request(Action.SHADOW, A),
        STABLE,
        Refused,
        "is the stable release",
    ),
    "shadow of the canary": (request(Action.SHADOW, B), FULL, Refused, "is the canary"),
    "a second canary": (request(Action.CANARY, D, 10), FULL, Refused, "promote or abort it first"),
    "a second shadow": (request(Action.SHADOW, D), FULL, Refused, "abort it first"),
    "canary without a stable release": (
        request(Action.CANARY, A, 10),
        EMPTY,
        Refused,
        "no stable release",
    ),
    "canary of nothing": (request(Action.CANARY, None, 10), STABLE, Refused, "no release for a"),
    "abort of another release": (request(Action.ABORT, D), FULL, Refused, "neither canary nor"),
    "canary without percent": (request(Action.CANARY, B), STABLE, InvalidInput, "1 to 99"),
    "canary of 100 %": (request(Action.CANARY, B, 100), STABLE, InvalidInput, "use a whole number"),
    "promotion of 10 %": (request(Action.PROMOTE, B, 10), STABLE, InvalidInput, "only a canary"),
    "another stable release": (
        request(Action.ABORT, expected_state=ServingState(stable=D)),
        STABLE,
        Conflict,
        f"stable is {A}, expected {D}",
    ),
    "another percent": (
        request(Action.ABORT, expected_state=ServingState(stable=A, canary=canary(B, 20))),
        FULL,
        Conflict,
        f"canary is {B} at 10 %, expected {B} at 20 %; shadow is {C} at 100 %, expected nothing",
    ),
}


@pytest.mark.parametrize(("asked", "present", "error", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_change_that_the_state_does_not_allow(asked, present, error, reason):
    with pytest.raises(error, match=reason):
        next_state(asked, present)


@pytest.mark.parametrize("percent", [0, 101, 33.3, "10", True])
def test_a_percent_outside_the_contract(percent):
    with pytest.raises(ValidationError, match="percent"):
        request(Action.CANARY, B, percent)


def test_states_in_words():
    text = describe_state(FULL)
    assert text == "stable aaaaaaaaaaaa, canary bbbbbbbbbbbb (10 %), shadow cccccccccccc (100 %)"
    assert describe_state(EMPTY) == "stable nothing"
    assert state_differences(FULL, FULL.model_copy(update={"canary": canary(B, 10, "later")})) == []


releases = st.sampled_from([A, B, C, D])
requests = st.one_of(
    st.builds(request, st.just(Action.CANARY), st.none() | releases, st.integers(1, 99)),
    st.builds(request, st.just(Action.SHADOW), st.none() | releases, st.integers(1, 100)),
    st.builds(
        request,
        st.sampled_from([Action.DEPLOY, Action.PROMOTE, Action.ABORT]),
        releases | st.none(),
    ),
)


@given(st.lists(requests, max_size=12), st.none() | releases)
def test_every_sequence_of_changes_leaves_a_valid_state(asked, staged):
    state, began = EMPTY, None
    for number, drawn in enumerate(asked):
        one = drawn.model_copy(update={"change_id": str(number)})
        try:
            after = next_state(one, state, staged=staged)
        except (Refused, InvalidInput):
            continue
        if one.action in (Action.DEPLOY, Action.CANARY, Action.SHADOW):
            assert next_state(one, after, staged=staged) == after
        if after.stable != state.stable:
            assert after.canary is None
        if state.canary and after.canary:
            assert after.canary.change_id == began
            assert after.canary.release_id == state.canary.release_id
        began = after.canary.change_id if after.canary else None
        state = ServingState.model_validate(after.model_dump())
