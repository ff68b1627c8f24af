"""Policies: what files may say, and what they lead to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_core.contracts.comparison import ComparisonVerdict
from platform_core.contracts.drift_report import DriftReport
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action
from platform_core.contracts.quality_report import QualityEstimate, QualityMethod
from platform_core.contracts.serving_state import Canary, ServingState, Shadow
from platform_core.errors import ConfigurationError
from platform_core.policies import (
    PolicyFolder,
    WindowFindings,
    first_step,
    may_act,
    next_step,
    read_policy,
    retraining_due,
    rollback_due,
    simulate,
)
from platform_core.policies.contract import (
    ActionLimits,
    Finding,
    Mode,
    Policy,
    PromotionPolicy,
    RetrainingPolicy,
    RollbackPolicy,
    Windows,
)

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HARMFUL, DRIFTED = frozenset({Finding.HARMFUL}), frozenset({Finding.DRIFTED})
CONTRADICTIONS = {
    "[retraining]\nmode = 'auto'\napprovers = 2": r'approvers = 2 contradicts mode = "auto"',
    "[rollback.windows]\nat_least = 4\nout_of = 3": "at_least = 4 of out_of = 3",
    "[promotion]\non = ['worse']": "promotion on worse contradicts its purpose",
    "[promotion]\non = []": "nothing would ever be promoted",
    "[promotion]\ncanary_percents = [50, 10]": r"\[50, 10\] do not grow",
    "[promotion]\ncanary_percents = [0]": "canary_percents.0",
    "[promotion]\ncanary_percents = [33.3]": "canary_percents.0",
    "[promotion]\nmode = 'auto'\nshadow = false\ncanary_percents = []": "without evidence",
    "[retraining]\ncool_down_hours = 48\nbudget_per_week = 7": "at most 4 fit into a week",
    "[retraining]\nmode = 'suggest'\non = []": 'say mode = "manual"',
    "[retraining]\nbudget_per_week = 0": "budget_per_week",
    "[retrain]\nmode = 'auto'": "retrain: Extra inputs",
    "[retraining]\nmode = 'sometimes'": "retraining.mode",
    "mode = ": "is not TOML",
}


@pytest.mark.parametrize("text", CONTRADICTIONS)
def test_a_contradiction_is_named(text, tmp_path):
    file = tmp_path / "spam.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=CONTRADICTIONS[text]) as raised:
        read_policy(file)
    assert str(file) in str(raised.value)


def test_a_file_that_is_missing_or_binary_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"none\.toml cannot be read"):
        read_policy(tmp_path / "none.toml")
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_policy(tmp_path / "x.toml")


def test_a_use_case_without_a_file_has_the_defaults(tmp_path):
    policy = PolicyFolder(tmp_path).policy("spam")
    assert policy == Policy()
    modes = (policy.rollback.mode, policy.promotion.mode, policy.retraining.mode)
    assert modes == (Mode.AUTO, Mode.SUGGEST, Mode.AUTO)
    assert policy.promotion.begin is Mode.MANUAL


def test_the_default_file_is_the_policy_of_the_others(tmp_path):
    (tmp_path / "default.toml").write_text("[retraining]\nmode = 'manual'\n")
    (tmp_path / "spam.toml").write_text("[retraining]\nmode = 'suggest'\n")
    folder = PolicyFolder(tmp_path)
    assert folder.policy("iris").retraining.mode is Mode.MANUAL
    assert folder.policy("spam").retraining.mode is Mode.SUGGEST


def test_a_changed_file_counts_at_once(tmp_path):
    folder = PolicyFolder(tmp_path)
    (tmp_path / "spam.toml").write_text("[promotion]\nmode = 'suggest'\napprovers = 2\n")
    assert folder.policy("spam").promotion.approvals == 2
    (tmp_path / "spam.toml").write_text("[promotion]\nmode = 'auto'\n")
    assert folder.policy("spam").promotion.approvals == 0


@given(st.lists(st.floats(0, 400), max_size=12), st.integers(1, 7), st.floats(0, 24))
def test_budget_and_cool_down_are_kept_over_any_history(hours, budget, cool_down):
    limits = ActionLimits(budget_per_week=budget, cool_down_hours=cool_down)
    acted: list[datetime] = []
    for offset in sorted(hours):
        now = NOON + timedelta(hours=offset)
        if may_act(limits, acted, now):
            acted.append(now)
    for now in acted:
        week = [time for time in acted if now - timedelta(days=7) < time <= now]
        assert len(week) <= budget
        close = [time for time in acted if timedelta() < now - time < cool_down * HOUR]
        assert not close


def windows(pattern, findings=HARMFUL):
    """Return a window per character: `x` found, `.` not, `?` could not be judged."""
    return [
        WindowFindings(NOON + n * HOUR, findings if mark == "x" else frozenset(), mark != "?")
        for n, mark in enumerate(pattern)
    ]


@pytest.mark.parametrize(
    ("pattern", "due"),
    {
        "": False,
        "x": False,
        "xx": True,
        "x.x": True,
        "xx.": False,
        "x..x": False,
        "x?x": True,
        "xx?": False,
        "???": False,
    }.items(),
)
def test_two_of_three_judged_windows_call_for_a_rollback(pattern, due):
    policy = RollbackPolicy(windows=Windows(at_least=2, out_of=3))
    assert rollback_due(policy, windows(pattern)) is due
    assert not rollback_due(policy, windows(pattern, DRIFTED))
    assert not rollback_due(RollbackPolicy(mode=Mode.MANUAL), windows(pattern))


def test_retraining_acts_on_the_findings_it_names():
    only_harm = RetrainingPolicy(on={Finding.HARMFUL})
    assert retraining_due(only_harm, windows("x"))
    assert not retraining_due(only_harm, windows("x", DRIFTED))
    assert retraining_due(RetrainingPolicy(), windows("x", DRIFTED))
    assert not retraining_due(RetrainingPolicy(mode=Mode.MANUAL), windows("x"))


SHADOW = ServingState(stable="a", shadow=Shadow(release_id="b", change_id="c"))
PROMOTION = PromotionPolicy(mode=Mode.AUTO, canary_percents=(10, 50))


def canary(percent):
    return ServingState(stable="a", canary=Canary(release_id="b", percent=percent, change_id="c"))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (SHADOW, (Action.CANARY, 10)),
        (canary(10), (Action.CANARY, 50)),
        (canary(30), (Action.CANARY, 50)),
        (canary(50), (Action.PROMOTE, None)),
        (ServingState(stable="a"), None),
    ],
)
def test_a_good_verdict_takes_the_next_step(state, expected):
    for verdict in (ComparisonVerdict.BETTER, ComparisonVerdict.EQUIVALENT):
        step = next_step(RollbackPolicy(), PROMOTION, state, verdict)
        assert (step and (step.action, step.percent)) == expected


@pytest.mark.parametrize("state", [SHADOW, canary(10)])
def test_a_bad_verdict_ends_the_trial_and_an_open_one_waits(state):
    step = next_step(RollbackPolicy(), PROMOTION, state, ComparisonVerdict.WORSE)
    assert step is not None
    assert (step.action, step.mode) == (Action.ABORT, Mode.AUTO)
    assert next_step(RollbackPolicy(), PROMOTION, state, ComparisonVerdict.UNDECIDED) is None
    manual = RollbackPolicy(mode=Mode.MANUAL)
    assert next_step(manual, PROMOTION, state, ComparisonVerdict.WORSE) is None


def test_without_canary_a_good_shadow_is_promoted():
    policy = PromotionPolicy(canary_percents=())
    step = next_step(RollbackPolicy(), policy, SHADOW, ComparisonVerdict.EQUIVALENT)
    assert step is not None
    assert (step.action, step.mode, step.approvals) == (Action.PROMOTE, Mode.SUGGEST, 1)


def test_the_first_step_of_a_new_release():
    idle = ServingState(stable="a")
    assert first_step(PROMOTION, idle) is None  # a person begins by default
    auto = PROMOTION.model_copy(update={"begin": Mode.AUTO})
    step = first_step(auto, idle)
    assert step is not None
    assert (step.action, step.percent, step.approvals) == (Action.SHADOW, 100, 0)
    no_shadow = auto.model_copy(update={"shadow": False})
    step = first_step(no_shadow, idle)
    assert step is not None
    assert (step.action, step.percent) == (Action.CANARY, 10)
    assert first_step(auto, SHADOW) is None
    assert first_step(auto, ServingState()) is None


def report(hour: int, mark: str, release: str = "a" * 32, **changes) -> DriftReport:
    """Return a report of the hour that ends then: `x` harmful, `.` not, `?` could not be judged."""
    end = NOON + hour * HOUR
    values = {
        "report_id": f"{release[:4]}{hour}",
        "use_case": "spam",
        "environment": "production",
        "release_id": release,
        "start": end - HOUR,
        "end": end,
        "created_at": end,
        "rows": 500,
        "verdict": "ok",
        "harmful": None if mark == "?" else mark == "x",
        "score": None,
        "columns": (),
        "class_shares": {},
        "alarms": (),
        "looks": 1,
    }
    return DriftReport.model_validate(values | changes)


def reports(pattern: str) -> list[DriftReport]:
    return [report(hour, mark) for hour, mark in enumerate(pattern)]


def acted(policy: Policy, pattern: str) -> list[tuple[int, str, bool]]:
    found = simulate(policy, reports(pattern), (), HOUR)
    return [((one.time - NOON) // HOUR, one.action, one.held_back) for one in found]


def test_a_simulation_names_every_action_and_what_the_limits_hold_back():
    policy = Policy(
        rollback=RollbackPolicy(mode=Mode.MANUAL),
        retraining=RetrainingPolicy(cool_down_hours=3, budget_per_week=2),
    )
    assert acted(policy, ".xx..x...x") == [
        (1, "retraining", False),
        (2, "retraining", True),
        (5, "retraining", False),
        (9, "retraining", True),
    ]
    both = Policy(rollback=RollbackPolicy(windows=Windows(at_least=2, out_of=3)))
    assert acted(both, "x.x") == [
        (0, "retraining", False),
        (2, "retraining", True),
        (2, "rollback", False),
    ]
    assert acted(Policy(), "..??.") == []


RETRAINING = Policy(
    rollback=RollbackPolicy(mode=Mode.MANUAL),
    retraining=RetrainingPolicy(cool_down_hours=24, budget_per_week=2),
)
BELOW = QualityEstimate("f1", 0.6, 0.5, 0.7, limit=0.8)


def retrained(policy: Policy, *found: DriftReport) -> list[tuple[int, str, bool]]:
    actions = simulate(policy, found, (), HOUR)
    return [((one.time - NOON) // HOUR, one.release_id[0], one.held_back) for one in actions]


def test_the_cool_down_is_of_a_release_and_the_budget_of_the_use_case():
    a, b, c = ("a" * 32, "b" * 32, "c" * 32)
    history = [report(0, "x", a), report(1, "x", a), report(2, "x", b), report(3, "x", c)]
    assert retrained(RETRAINING, *history) == [
        (0, "a", False),
        (1, "a", True),
        (2, "b", False),
        (3, "c", True),
    ]


def test_parts_of_windows_count_only_where_they_are_harmful():
    part = {"start": NOON - HOUR / 4, "looks": 0}
    assert retrained(RETRAINING, report(0, ".", drifted=True, **part)) == []
    assert retrained(RETRAINING, report(0, "x", **part)) == [(0, "a", False)]
    by_hand = report(0, ".", drifted=True, start=NOON - HOUR / 4)
    assert retrained(RETRAINING, by_hand) == [(0, "a", False)]


def test_windows_that_overlap_count_once():
    two = RetrainingPolicy(windows=Windows(at_least=2, out_of=3))
    policy = RETRAINING.model_copy(update={"retraining": two})
    overlapping = report(1, "x", start=NOON - HOUR / 2)
    assert retrained(policy, report(0, "x"), overlapping) == []
    assert retrained(policy, report(0, "x"), report(1, "x")) == [(1, "a", False)]


@pytest.mark.parametrize(
    ("on", "method", "due"),
    [
        (Finding.BELOW_GATE, QualityMethod.ESTIMATED, True),
        (Finding.BELOW_GATE, QualityMethod.LABELS, True),
        (Finding.LABELLED_BELOW_GATE, QualityMethod.ESTIMATED, False),
        (Finding.LABELLED_BELOW_GATE, QualityMethod.PREDICTION_POWERED, True),
        (Finding.DRIFTED, QualityMethod.LABELS, False),
    ],
)
def test_quality_below_a_gate_is_a_finding_of_its_own(on, method, due):
    policy = RETRAINING.model_copy(update={"retraining": RetrainingPolicy(on={on})})
    quality = (replace(BELOW, method=method),)
    assert bool(retrained(policy, report(0, "x", quality=quality))) is due


def test_other_environments_do_not_count():
    staging = RetrainingPolicy(environments={Environment.STAGING})
    policy = RETRAINING.model_copy(update={"retraining": staging})
    assert retrained(policy, report(0, "x")) == []
    assert retrained(policy, report(0, "x", environment="staging")) == [(0, "a", False)]
