"""The responses about releases and serving states."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from api_gateway.operations.documents import ServedRelease, Signature
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, ChangeStatus, LedgerEntry
from platform_core.contracts.release import GateCheck, Lineage, Rule
from platform_core.contracts.serving_state import ServingRole, ServingState


class TriedChange(BaseModel):
    """A change that was tried at `time`; `detail` says why it was not applied."""

    change_id: str
    time: datetime
    action: Action
    actor: str
    status: ChangeStatus
    detail: str


class EnvironmentState(BaseModel):
    """What an environment serves of a use case after the ledger's entry `sequence`; `roles` says
    since when each release has its role, and who gave it. `rollback_targets` are the releases that
    a rollback can return to, latest first, at most 20; the first is the default. `last_change` is
    that of the entry, which may not have been applied.
    """

    state: ServingState
    sequence: int
    roles: dict[ServingRole, ServedRelease]
    rollback_targets: list[str]
    last_change: TriedChange | None


class ReleaseSummary(BaseModel):
    """A stored release, and where it serves; null where its lineage cannot be read."""

    release_id: str
    created_at: datetime | None
    candidate: str | None
    dataset_version: str | None
    metrics: dict[str, float] | None
    gates_passed: bool | None
    serves: dict[Environment, ServingRole]


class UseCaseReleases(BaseModel):
    """The serving states of a use case, its newest releases, and a page of its history."""

    use_case: str
    states: dict[Environment, EnvironmentState]
    stable: dict[Environment, ServedRelease | None]
    releases: Annotated[list[ReleaseSummary], Field(description="the newest, or older ones")]
    releases_cursor: Annotated[str | None, Field(description="asks for older releases")]
    history: Annotated[list[LedgerEntry], Field(description="newest change first")]
    cursor: Annotated[str | None, Field(description="asks for older entries of the history")]


class MetricDifference(BaseModel):
    """A metric of two releases, null where it was not measured."""

    this: float | None
    other: float | None
    difference: float | None


class ReleaseComparison(BaseModel):
    """The differences between two releases as they were built; live evidence is elsewhere.

    Of `parameters` only those that differ are named, with both values.
    """

    other: str
    same_dataset: bool | None
    metrics: dict[str, MetricDifference]
    parameters: dict[str, tuple[Any, Any]]
    features_added: list[str]
    features_removed: list[str]


class ReleaseCard(BaseModel):
    """Everything that is stored about a release; null where a document cannot be read.

    `card` is the model card: metrics with their intervals, slices, and limits.
    """

    release_id: str
    use_case: str
    serves: dict[Environment, ServingRole]
    signature: Signature | None
    features: list[str] | None
    decision: Rule | None
    lineage: Lineage | None
    gates: list[GateCheck] | None
    card: dict[str, Any] | None
    comparison: ReleaseComparison | None = None
