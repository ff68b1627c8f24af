"""The body of `POST /releases/{use_case}/{environment}`, and the change that it requests."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from api_gateway.auth.keys import Caller
from api_gateway.errors import UnexpectedState
from api_gateway.http.context import context_of
from api_gateway.routing.target import ServingTarget
from platform_core.changes import new_change_id
from platform_core.contracts.ledger import Action, ChangeRequest
from platform_core.contracts.serving_state import ServingState, state_differences
from platform_core.errors import FieldError, InvalidRecord

IDEMPOTENCY_KEY = "Idempotency-Key"
MAX_KEY = 255
MAX_CANARY_PERCENT = 99
ReleaseId = Annotated[str, Field(pattern="^[0-9a-f]{1,32}$")]
EXAMPLES: dict[str, dict[str, Any]] = {
    "a canary": {
        "action": "canary",
        "release_id": "1f2e3d4c5b6a79881f2e3d4c5b6a7988",
        "percent": 10,
        "reason": "weekly retraining",
    },
    "the end of it": {"action": "abort", "reason": "too slow"},
}


class ChangeBody(BaseModel):
    """A requested change.

    `percent` is the share of routing keys that a canary answers (1 to 99), or the share of requests
    that a shadow gets (1 to 100, by default all). `release_id` may be the beginning of an id;
    without one `promote` takes the canary, else the release of staging. With `expected_state` the
    change is refused if the state differs.
    """

    model_config = ConfigDict(extra="forbid")

    action: Literal["promote", "rollback", "canary", "shadow", "abort"]
    release_id: ReleaseId | None = None
    percent: Annotated[int, Field(ge=1, le=100, strict=True)] | None = None
    reason: Annotated[str, Field(min_length=1, max_length=1000)]
    expected_state: ServingState | None = None

    def check(self) -> None:
        """Check that the percent belongs to the action; `InvalidRecord` (422)."""
        if self.action == "canary":
            if self.percent is None:
                raise InvalidRecord(FieldError("percent", "is missing; a canary needs one"))
            if self.percent > MAX_CANARY_PERCENT:
                detail = f"is {self.percent}; use a whole number from 1 to {MAX_CANARY_PERCENT}"
                raise InvalidRecord(FieldError("percent", detail))
        elif self.percent is not None and self.action != "shadow":
            detail = f"does not belong to {self.action}; only a canary or shadow has one"
            raise InvalidRecord(FieldError("percent", detail))


def change_request(
    target: ServingTarget, body: ChangeBody, release_id: str | None, actor: str, now: datetime
) -> ChangeRequest:
    """Return the change that `actor` requests; its id sorts by time."""
    return ChangeRequest(
        change_id=new_change_id(now),
        created_at=now,
        use_case=target.use_case,
        environment=target.environment,
        action=Action(body.action),
        release_id=release_id,
        percent=body.percent,
        actor=actor,
        reason=body.reason,
        expected_state=body.expected_state,
    )


def idempotency_key(request: Request, caller: Caller) -> str | None:
    """Return the key of `Idempotency-Key`, which belongs to the caller; `None` without."""
    given = context_of(request).headers.get(IDEMPOTENCY_KEY.lower())
    if given is None:
        return None
    if not 1 <= len(given) <= MAX_KEY:
        detail = f"has {len(given)} characters; use 1 to {MAX_KEY}"
        raise InvalidRecord(FieldError(IDEMPOTENCY_KEY, detail))
    return f"{caller.name}\n{given}"


def require_expected(target: ServingTarget, expected: ServingState, present: ServingState) -> None:
    """Check that the state is the expected one; ids of changes do not count.

    Raises:
        UnexpectedState: it is another one; the message names each difference.
    """
    differing = state_differences(expected, present)
    if differing:
        raise UnexpectedState(
            f"the state of {target} is not the expected one: {'; '.join(differing)}; "
            "look at GET /releases and decide again"
        )
