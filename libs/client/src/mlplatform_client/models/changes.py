"""Changes of serving states and the ledger."""

from datetime import datetime
from typing import Any

from mlplatform_client.models.common import Action, ChangeStatus, Document, Environment
from mlplatform_client.models.releases import (
    EnvironmentState,
    ReleaseSummary,
    ServedRelease,
    ServingState,
)


class ChangeRequest(Document):
    """A requested change of a serving state.

    `percent` is that of a canary, or the sampled share of a shadow. `release_id` may be the
    beginning of an id; without one, `promote` takes the canary, else the release of staging.
    `expected_state` refuses the change when the state differs by then. `approvals` is the number
    of people who have to approve it before it is applied. `evidence` explains it to a person, e.g.
    the verdict and the report that caused it.
    """

    change_id: str
    created_at: datetime
    use_case: str
    environment: Environment
    action: Action
    release_id: str | None = None
    percent: int | None = None
    actor: str
    reason: str
    evidence: dict[str, Any] = {}
    expected_state: ServingState | None = None
    approvals: int = 0
    accept_unmeasured: bool = False


class Change(Document):
    """A change of a serving state that was tried, before the ledger assigns its position.

    `to_state` is what was requested; it serves only if `status` is `applied`.
    """

    change_id: str
    use_case: str
    environment: Environment
    action: Action
    actor: str
    reason: str
    evidence: dict[str, Any] = {}
    from_state: ServingState
    to_state: ServingState
    status: ChangeStatus
    detail: str = ""


class ChangeDecision(Document):
    """Whether a person approves a suggested change."""

    change_id: str
    time: datetime
    actor: str
    approve: bool
    reason: str


class ChangeStep(Document):
    """A step of applying a change, in words, and its start time."""

    time: datetime
    text: str


class ChangeDocument(Document):
    """A change: what was requested, the decisions about it, and how it ended, if it has."""

    request: ChangeRequest
    status: ChangeStatus
    decisions: list[ChangeDecision]
    steps: list[ChangeStep] = []
    result: Change | None


class ChangePage(Document):
    """Changes, newest first; `cursor` asks for the next page."""

    changes: list[ChangeDocument]
    cursor: str | None


class RequestedChange(Document):
    """A change that was recorded; the release controller applies it."""

    change_id: str


class LedgerEntry(Document):
    """A change with its place in the chain: `hash` covers the change and `previous_hash`."""

    sequence: int
    time: datetime
    change: Change
    previous_hash: str
    hash: str


class UseCaseReleases(Document):
    """The serving states of a use case, its newest releases, and a page of its history."""

    use_case: str
    states: dict[Environment, EnvironmentState]
    stable: dict[Environment, ServedRelease | None]
    releases: list[ReleaseSummary]
    """The newest, or older ones."""
    releases_cursor: str | None = None
    """Asks for older releases."""
    history: list[LedgerEntry]
    """From the newest change."""
    cursor: str | None
    """Asks for older entries of the history."""
