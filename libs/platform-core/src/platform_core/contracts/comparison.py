"""The comparison of a canary or shadow with the stable release."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from platform_core.contracts.base import Contract
from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingRole


class ComparisonVerdict(StrEnum):
    """The verdict on a candidate, compared with the stable release.

    `equivalent`: worse by less than the margin, if at all (non-inferior), and not shown to be
    better. `undecided` says that the records do not decide yet; it is never "no difference".
    """

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    UNDECIDED = "undecided"


class CriterionResult(Contract):
    """One criterion: the candidate's value minus the stable release's, so that more is worse.

    `name` is `errors` (share of failed answers), `latency_p50` (ratio of service times minus 1, so
    that 0.2 is 20 % slower), `latency_p95` (share of slow answers), `latency_caller` (ratio of what
    callers wait for, minus 1), `quality` (mean loss, from labels) or `outputs` (mean difference of
    the answers to the same records). `estimate`, `lower` and `upper` are `None` without records.
    The limits hold whenever they are read: the true difference is ever below `lower` with a
    probability of at most `lower_error`, and ever above `upper` with one of at most `upper_error`.
    `candidate_records` and `stable_records` are the records that the criterion could use.
    `needed` is how many more of the candidate's records decide with a probability of 80 % if the
    two releases are equally good; `None` if that is not known, or if it is decided.
    """

    name: str
    estimate: float | None
    lower: float | None
    upper: float | None
    lower_error: float
    upper_error: float
    margin: float
    candidate_records: int
    stable_records: int
    verdict: ComparisonVerdict
    needed: int | None = None
    detail: str = ""


class HeldOutComparison(Contract):
    """A metric on held-out rows in comparison with a reference: another release, or a limit.

    `difference` says by how much it is worse, in units of the metric. It is below `lower`, and
    above `upper`, with a probability of 5 % each, for this number of rows. `power` is the
    probability of the verdict `better` or `equivalent` if there is no difference, `None` for a
    limit. `rows_needed` is the number of rows that decide with a probability of 80 % if the
    difference is as estimated, or 0 if it is better than that; `None` if no number is enough, or
    if it is decided. `reference_release` is the id of the other release, `None` for a limit; it is
    unknown (`None`) in comparisons of releases that were built before it was recorded.
    """

    metric: str
    difference: float
    lower: float
    upper: float
    margin: float
    rows: int
    power: float | None
    verdict: ComparisonVerdict
    rows_needed: int | None = None
    reference_release: str | None = None


class CandidateEvidence(Contract):
    """What evidence is about: a candidate, its role (`canary` or `shadow`) since `started`, and
    the stable release.
    """

    use_case: str
    environment: Environment
    change_id: str
    role: ServingRole
    stable_release: str
    candidate_release: str
    started: datetime


class Comparison(CandidateEvidence):
    """The evidence about one candidate so far.

    `role` is the candidate's, `canary` or `shadow`. `started` is when it began to answer,
    `updated` the time of the newest record (UTC). `paired` counts the records that both releases
    answered. `verdict` and `needed` combine the criteria.
    """

    updated: datetime
    stable_answers: int = Field(ge=0)
    candidate_answers: int = Field(ge=0)
    paired: int = Field(ge=0)
    criteria: tuple[CriterionResult, ...]
    verdict: ComparisonVerdict
    needed: int | None = None


class EvidenceInterval(Contract):
    """The result of a criterion at one time; see `CriterionResult`."""

    name: str
    estimate: float | None
    lower: float | None
    upper: float | None
    margin: float
    candidate_records: int
    verdict: ComparisonVerdict


class EvidencePoint(Contract):
    """The evidence with all records until `updated`."""

    updated: datetime
    stable_answers: int
    candidate_answers: int
    criteria: tuple[EvidenceInterval, ...]
    verdict: ComparisonVerdict


class EvidenceHistory(CandidateEvidence):
    """The evidence about one candidate over time, oldest first.

    It begins again when the stable release changes. A point is at least 5 % of the time since
    `started` after the one before, so that a long trial has few, unless its verdict differs.
    """

    points: tuple[EvidencePoint, ...]
