"""Releases: serving states, cards and lineage."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from mlplatform_client.models.common import (
    Action,
    ChangeStatus,
    Document,
    Environment,
    ServingRole,
)
from mlplatform_client.models.lineage import GateCheck, Lineage


class Canary(Document):
    """A release that answers `percent` of the routing keys.

    `change_id` is the change that started it: it decides which keys, so a key keeps its release
    while the percent grows.
    """

    release_id: str
    percent: int
    change_id: str


class Shadow(Document):
    """A release that gets a copy of `sample_percent` of the requests after they are answered."""

    release_id: str
    sample_percent: int = 100
    change_id: str


class ServingState(Document):
    """The releases of one use case in one environment; no release has two roles."""

    stable: str | None = None
    canary: Canary | None = None
    shadow: Shadow | None = None


class EnvironmentState(Document):
    """What an environment serves of a use case after the ledger's entry `sequence`; `roles` says
    since when each release has its role, and who gave it. `rollback_targets` are the releases that
    a rollback can return to, latest first, at most 20; the first is the default. `last_change` is
    that of the entry, which may not have been applied.
    """

    state: ServingState
    sequence: int
    roles: dict[ServingRole, "ServedRelease"] = {}
    rollback_targets: list[str] = []
    last_change: "TriedChange | None" = None


class TriedChange(Document):
    """A change that was tried at `time`; `detail` says why it was not applied."""

    change_id: str
    time: datetime
    action: Action
    actor: str
    status: ChangeStatus
    detail: str


class ServedRelease(Document):
    """The release that an environment serves or served, and the change that made it so."""

    release_id: str
    since: datetime
    action: Action
    actor: str
    reason: str


class ReleaseSummary(Document):
    """A stored release, and where it serves; `None` where its lineage cannot be read."""

    release_id: str
    created_at: datetime | None
    candidate: str | None
    dataset_version: str | None
    metrics: dict[str, float] | None
    gates_passed: bool | None
    serves: dict[Environment, ServingRole]


class TensorSpec(Document):
    """One named tensor: `datatype` in Open Inference Protocol words, -1 for the batch size."""

    name: str
    datatype: Literal["BYTES", "FP32", "INT64"] | str
    shape: list[int]


class Signature(Document):
    """The tensors of a release."""

    inputs: list[TensorSpec]
    outputs: list[TensorSpec]


class DecisionRule(Document):
    """From probabilities to one class.

    `argmax` takes the most probable class (the first of equals); `threshold` answers
    `positive` when its probability is at or above `threshold`, else `negative`; `costs` takes the
    class with the lowest expected cost (the first of equals), where `costs[label][answer]` are in
    the order of the classes.
    """

    kind: Literal["argmax", "threshold", "costs"] | str = "argmax"
    positive: str | None = None
    negative: str | None = None
    threshold: float | None = None
    costs: list[list[float]] | None = None


class IntervalRule(Document):
    """From a predicted number to its interval: [prediction - `below`, prediction + `above`] holds
    the label with a probability of `coverage` (split conformal prediction).
    """

    kind: Literal["interval"] = "interval"
    coverage: float
    below: float
    above: float


class MetricDifference(Document):
    """A metric of two releases, `None` where it was not measured."""

    this: float | None
    other: float | None
    difference: float | None


class ReleaseComparison(Document):
    """The differences between two releases as they were built; live evidence is elsewhere.

    Of `parameters` only those that differ are named, with both values.
    """

    other: str
    same_dataset: bool | None
    metrics: dict[str, MetricDifference]
    parameters: dict[str, tuple[Any, Any]]
    features_added: list[str]
    features_removed: list[str]


class ReleaseCard(Document):
    """Everything that is stored about a release; `None` where a document cannot be read.

    `card` is the model card: metrics with their intervals, slices, and limits.
    """

    release_id: str
    use_case: str
    serves: dict[Environment, ServingRole]
    signature: Signature | None
    features: list[str] | None
    decision: Annotated[IntervalRule | DecisionRule, Field(union_mode="left_to_right")] | None
    lineage: Lineage | None
    gates: list[GateCheck] | None
    card: dict[str, Any] | None
    comparison: ReleaseComparison | None = None


class ModelInfo(Document):
    """The release that an environment serves of a use case."""

    release_id: str
    version: str | None
    """As registered; `None` while the service is unreachable."""
    metrics: dict[str, float] | None
    lineage: dict[str, Any] | None
    signature: Signature | None
