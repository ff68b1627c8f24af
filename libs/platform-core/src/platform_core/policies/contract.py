"""The policy of a use case: which actions are automatic, and on what evidence."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from platform_core.contracts.base import Contract
from platform_core.contracts.comparison import ComparisonVerdict
from platform_core.contracts.environments import Environment

HOURS_PER_WEEK = 168
Percent = Annotated[int, Field(ge=1, le=99, strict=True)]


class Mode(StrEnum):
    """Who acts: a person alone, a person who approves a suggestion, or the platform."""

    MANUAL = "manual"
    SUGGEST = "suggest"
    AUTO = "auto"


class Finding(StrEnum):
    """What the reports of one window found.

    `below-gate`: the whole interval of a metric, estimated or from labels, is worse than its gate.
    `labelled-below-gate`: the same, and labels of the window are part of it. `harmful` is below a
    gate, or a class that has more of the answers than allowed.
    """

    DRIFTED = "drifted"
    HARMFUL = "harmful"
    BELOW_GATE = "below-gate"
    LABELLED_BELOW_GATE = "labelled-below-gate"


class ActionLimits(Contract):
    """How often a policy acts: at most `budget_per_week` times in seven days, and not within
    `cool_down_hours` of the last time.
    """

    cool_down_hours: Annotated[float, Field(ge=0)] = 0
    budget_per_week: Annotated[int, Field(ge=1)] = 7

    @model_validator(mode="after")
    def _budget_can_be_used(self) -> Self:
        possible = HOURS_PER_WEEK / self.cool_down_hours if self.cool_down_hours else None
        if possible is not None and self.budget_per_week > possible + 1:
            raise ValueError(
                f"budget_per_week = {self.budget_per_week} cannot be used with cool_down_hours = "
                f"{self.cool_down_hours:g}; at most {int(possible) + 1} fit into a week"
            )
        return self


class Windows(Contract):
    """At least `at_least` of the latest `out_of` windows, the newest among them."""

    at_least: Annotated[int, Field(ge=1)] = 1
    out_of: Annotated[int, Field(ge=1, le=HOURS_PER_WEEK)] = 1

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.at_least > self.out_of:
            raise ValueError(
                f"at_least = {self.at_least} of out_of = {self.out_of} windows is impossible"
            )
        return self


class ModePolicy(ActionLimits):
    """A mode with its limits. `approvers` people approve what is suggested."""

    mode: Mode
    approvers: Annotated[int, Field(ge=1, le=10)] | None = None

    @property
    def approvals(self) -> int:
        """The approvals that a change by this policy needs."""
        return (self.approvers or 1) if self.mode is Mode.SUGGEST else 0

    @model_validator(mode="after")
    def _approvers_only_where_asked(self) -> Self:
        if self.approvers is not None and self.mode is not Mode.SUGGEST:
            raise ValueError(f'approvers = {self.approvers} contradicts mode = "{self.mode}"')
        return self


class RollbackPolicy(ModePolicy):
    """Ends a canary or shadow whose comparison says `worse`, and returns from a stable release
    that is harmful in `windows` to the one before.
    """

    mode: Mode = Mode.AUTO
    windows: Windows = Windows(at_least=2, out_of=3)


class PromotionPolicy(ModePolicy):
    """Moves a release on when its comparison with the stable one gives a verdict of `on`.

    The steps in production are a shadow, a canary with each of `canary_percents`, and promotion;
    without `shadow` or `canary_percents` that step is left out. `begin` says who starts the first
    step of a release that is new in staging.
    """

    mode: Mode = Mode.SUGGEST
    begin: Mode = Mode.MANUAL
    on: frozenset[ComparisonVerdict] = frozenset(
        {ComparisonVerdict.BETTER, ComparisonVerdict.EQUIVALENT}
    )
    shadow: bool = True
    canary_percents: tuple[Percent, ...] = (10,)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        wrong = self.on - {ComparisonVerdict.BETTER, ComparisonVerdict.EQUIVALENT}
        if wrong:
            raise ValueError(f"promotion on {', '.join(sorted(wrong))} contradicts its purpose")
        if not self.on:
            raise ValueError('"on" names no verdict, so nothing would ever be promoted')
        if list(self.canary_percents) != sorted(set(self.canary_percents)):
            raise ValueError(f"canary_percents = {list(self.canary_percents)} do not grow")
        if self.mode is Mode.AUTO and not self.shadow and not self.canary_percents:
            raise ValueError(
                'mode = "auto" without shadow and canary_percents would promote without evidence'
            )
        return self


class RetrainingPolicy(ModePolicy):
    """Requests retraining when the stable release of `environments` has a finding of `on` in
    `windows`.

    The cool-down counts from the last request about the same release, the budget all requests of
    the use case in the environment.
    """

    mode: Mode = Mode.AUTO
    on: frozenset[Finding] = frozenset({Finding.DRIFTED, Finding.HARMFUL})
    windows: Windows = Windows()
    environments: frozenset[Environment] = frozenset({Environment.PRODUCTION})
    cool_down_hours: Annotated[float, Field(ge=0)] = 24

    @model_validator(mode="after")
    def _finds_something(self) -> Self:
        if self.mode is not Mode.MANUAL and not (self.on and self.environments):
            raise ValueError('retraining has no "on" or no "environments"; say mode = "manual"')
        return self


class Policy(Contract):
    """Which actions are automatic for a use case."""

    rollback: RollbackPolicy = RollbackPolicy()
    promotion: PromotionPolicy = PromotionPolicy()
    retraining: RetrainingPolicy = RetrainingPolicy()
