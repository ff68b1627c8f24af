"""A change of the serving state of an environment, and its entry in the ledger."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AwareDatetime, Field, JsonValue

from platform_core.contracts.base import Contract
from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingState


class Action(StrEnum):
    """What a change does to the serving state.

    `deploy`, `promote` and `rollback` set the stable release; `canary` and `shadow` start one or
    set its percent; `abort` ends both. `retrain` runs the pipeline again and changes no state.
    """

    DEPLOY = "deploy"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    CANARY = "canary"
    SHADOW = "shadow"
    ABORT = "abort"
    RETRAIN = "retrain"


class ChangeStatus(StrEnum):
    """How far a change is; the last three are final and in the ledger.

    A `suggested` change waits for approval, a `requested` one for the release controller.
    A `rejected` one was suggested and not approved.
    """

    SUGGESTED = "suggested"
    REJECTED = "rejected"
    REQUESTED = "requested"
    APPLIED = "applied"
    REFUSED = "refused"
    FAILED = "failed"


class ChangeRequest(Contract):
    """A requested change of a serving state.

    `percent` is that of a canary, or the sampled share of a shadow. `release_id` may be the
    beginning of an id; without one, `promote` takes the canary, else the release of staging.
    `expected_state` refuses the change when the state differs by then. `approvals` is the number
    of people who have to approve it before it is applied. `evidence` explains it to a person, e.g.
    the verdict and the report that caused it.
    """

    change_id: str
    created_at: AwareDatetime
    use_case: str
    environment: Environment
    action: Action
    release_id: str | None = None
    percent: Annotated[int, Field(ge=1, le=100, strict=True)] | None = None
    actor: str
    reason: str
    evidence: dict[str, JsonValue] = Field(default_factory=dict)
    expected_state: ServingState | None = None
    approvals: Annotated[int, Field(ge=0)] = 0
    accept_unmeasured: bool = False


class ChangeDecision(Contract):
    """Whether a person approves a suggested change."""

    change_id: str
    time: AwareDatetime
    actor: str
    approve: bool
    reason: str


class ChangeStep(Contract):
    """A step of applying a change, in words, and its start time."""

    time: AwareDatetime
    text: str


class ChangeProgress(Contract):
    """The steps of a change that were begun, oldest first."""

    steps: tuple[ChangeStep, ...] = ()


class ControllerState(Contract):
    """What the release controller was doing at `time`: the changes that it applies."""

    time: AwareDatetime
    applying: tuple[str, ...] = ()


class Change(Contract):
    """A change of a serving state that was tried, before the ledger assigns its position.

    `to_state` is what was requested; it serves only if `status` is `applied`.
    """

    change_id: str
    use_case: str
    environment: Environment
    action: Action
    actor: str
    reason: str
    evidence: dict[str, JsonValue] = Field(default_factory=dict)
    from_state: ServingState
    to_state: ServingState
    status: ChangeStatus
    detail: str = ""

    @classmethod
    def of(
        cls, request: ChangeRequest, before: ServingState, after: ServingState, detail: str = ""
    ) -> Self:
        """Return the applied change that `request` asked for."""
        fields = {
            name: getattr(request, name) for name in cls.model_fields if hasattr(request, name)
        }
        status = ChangeStatus.APPLIED
        return cls(**fields, from_state=before, to_state=after, status=status, detail=detail)

    @property
    def from_release(self) -> str | None:
        """The stable release before the change."""
        return self.from_state.stable

    @property
    def to_release(self) -> str | None:
        """The stable release that was requested."""
        return self.to_state.stable


class LedgerEntry(Contract):
    """A change with its place in the chain: `hash` covers the change and `previous_hash`."""

    sequence: int
    time: datetime
    change: Change
    previous_hash: str
    hash: str
