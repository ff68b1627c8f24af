"""Live evidence about a canary or shadow."""

from datetime import datetime

from mlplatform_client.models.common import ComparisonVerdict, Document, Environment, ServingRole


class CriterionResult(Document):
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


class Comparison(Document):
    """The evidence about one candidate so far.

    `role` is the candidate's, `canary` or `shadow`. `started` is when it began to answer,
    `updated` the time of the newest record (UTC). `paired` counts the records that both releases
    answered. `verdict` and `needed` combine the criteria.
    """

    use_case: str
    environment: Environment
    change_id: str
    role: ServingRole
    stable_release: str
    candidate_release: str
    started: datetime
    updated: datetime
    stable_answers: int
    candidate_answers: int
    paired: int
    criteria: list[CriterionResult]
    verdict: ComparisonVerdict
    needed: int | None = None


class EvidenceInterval(Document):
    """The result of a criterion at one time; see `CriterionResult`."""

    name: str
    estimate: float | None
    lower: float | None
    upper: float | None
    margin: float
    candidate_records: int
    verdict: ComparisonVerdict


class EvidencePoint(Document):
    """The evidence with all records until `updated`."""

    updated: datetime
    stable_answers: int
    candidate_answers: int
    criteria: list[EvidenceInterval]
    verdict: ComparisonVerdict


class EvidenceHistory(Document):
    """The evidence about one candidate over time, oldest first.

    It begins again when the stable release changes. A point is at least 5 % of the time since
    `started` after the one before, so that a long trial has few, unless its verdict differs.
    """

    use_case: str
    environment: Environment
    change_id: str
    role: ServingRole
    stable_release: str
    candidate_release: str
    started: datetime
    points: list[EvidencePoint]


class Disagreement(Document):
    """A record that both releases answered, differently; `label` is `None` while it is unknown."""

    prediction_id: str
    time: datetime
    record_id: str | None
    stable_prediction: str | float
    candidate_prediction: str | float
    label: str | float | None


class DisagreementList(Document):
    """Disagreements, newest first; `cursor` asks for the next page.

    Numbers disagree if they differ by more than the margin of the comparison. While `complete` is
    false the record index is being built, and there are more.
    """

    stable_release: str | None
    candidate_release: str | None
    complete: bool
    records: list[Disagreement]
    cursor: str | None
