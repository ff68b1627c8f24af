"""The backtest of a policy on stored reports."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_detector.policies.backtest import Backtest, backtest
from drift_detector.policies.retraining import Retraining
from platform_core.adapters.blob_store.memory import MemoryBlobStore
from platform_core.clock import ManualClock
from platform_core.contracts.drift_report import DriftReport, DriftVerdict
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, Change, ChangeStatus
from platform_core.contracts.serving_state import ServingState
from platform_core.ledger import Ledger
from platform_core.policies.contract import (
    Mode,
    Policy,
    RetrainingPolicy,
    RollbackPolicy,
    Windows,
)
from platform_core.reports.retrain_requests import RetrainRequests
from platform_core.storage import drift_report_path

NOON = datetime(2026, 1, 8, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PRODUCTION = Environment.PRODUCTION


@pytest.fixture
def store() -> MemoryBlobStore:
    return MemoryBlobStore()


def report(
    store: MemoryBlobStore,
    hours_ago: int,
    drifted: bool | None,
    release: str = "a" * 32,
    length: timedelta = HOUR,
) -> DriftReport:
    end = NOON - hours_ago * HOUR
    one = DriftReport(
        report_id=f"{release[:2]}{hours_ago}{length.seconds}",
        use_case="spam",
        environment=PRODUCTION,
        release_id=release,
        start=end - length,
        end=end,
        created_at=end,
        rows=500,
        verdict=DriftVerdict.OK,
        drifted=drifted,
        harmful=None if drifted is None else False,
        score=0.1,
        columns=(),
        class_shares={},
        alarms=(),
    )
    path = drift_report_path("spam", PRODUCTION, end, one.report_id, "json")
    store.write(path, one.model_dump_json().encode())
    return one


def run(store: MemoryBlobStore, policy: Policy, days: int = 2) -> Backtest:
    return backtest(store, policy, "spam", PRODUCTION, ManualClock(NOON), days, HOUR)


def test_it_names_each_action_what_was_held_back_and_the_days_without_reports(store):
    for hours_ago, drifted in {5: True, 4: True, 3: False, 1: True}.items():
        report(store, hours_ago, drifted)
    policy = Policy(retraining=RetrainingPolicy(cool_down_hours=3, budget_per_week=7))
    found = run(store, policy)
    assert list(found.lines()) == [
        f"spam production, release {'a' * 32}: 4 windows",
        "  2026-01-08 07:00 UTC  retraining (auto)",
        "  2026-01-08 08:00 UTC  retraining (auto); held back by cool-down or budget",
        "  2026-01-08 11:00 UTC  retraining (auto)",
        "spam production: no reports on 2026-01-06, 2026-01-07; "
        "`mlplatform drift run --from --to` measures them",
    ]


def test_releases_are_judged_apart_and_short_windows_do_not_count(store):
    report(store, 3, True)
    report(store, 2, True, release="b" * 32, length=HOUR / 4)
    report(store, 1, None, release="b" * 32)
    manual = Policy(rollback=RollbackPolicy(mode=Mode.MANUAL))
    found = run(store, manual)
    assert [(one.release_id[0], one.windows, len(one.actions)) for one in found.releases] == [
        ("a", 1, 1),
        ("b", 1, 0),
    ]


def test_without_reports_every_day_is_missing(store):
    found = run(store, Policy(), days=1)
    assert found.releases == ()
    assert len(found.missing) == 2


HOURS = st.lists(
    st.tuples(
        st.sampled_from([True, False, None]),  # drifted
        st.sampled_from("aab"),  # the release of the report
        st.integers(0, 2),  # hours without a report before it
        st.booleans(),  # whether production changes to that release before
    ),
    max_size=12,
)
POLICIES = st.builds(
    RetrainingPolicy,
    windows=st.sampled_from([Windows(), Windows(at_least=2, out_of=3)]),
    cool_down_hours=st.sampled_from([0, 3, 24]),
    budget_per_week=st.integers(1, 3),
)


@given(HOURS, POLICIES)
@settings(max_examples=50, deadline=None)
def test_a_backtest_of_the_policy_that_was_in_force_says_what_happened(history, retraining):
    """The drift detector acts while the windows are measured; the backtest reads them later."""
    store, clock = MemoryBlobStore(), ManualClock(NOON - 48 * HOUR)
    policy = Policy(retraining=retraining, rollback=RollbackPolicy(mode=Mode.MANUAL))
    ledger, live = Ledger(store, clock), Retraining(store, clock, lambda _: policy, HOUR)
    for drifted, letter, pause, serves in history:
        clock.advance((1 + pause) * HOUR)
        release = letter * 32
        if serves:
            serve(ledger, release)
        hours_ago = (NOON - clock.now()) // HOUR
        measured = report(store, hours_ago, drifted, release)
        stable = ledger.active("spam", PRODUCTION)
        assert live.request(measured, stable) == live.request(measured, stable)
    actions = [action for one in run(store, policy, days=2).releases for action in one.actions]
    acted = [(one.time, one.release_id) for one in actions if not one.held_back]
    requests = RetrainRequests(store).all()
    assert sorted(acted) == sorted((one.window_end, one.release_id) for one in requests)


def serve(ledger: Ledger, release: str) -> None:
    ledger.append(
        Change(
            use_case="spam",
            environment=PRODUCTION,
            action=Action.DEPLOY,
            actor="ada",
            change_id="c",
            from_state=ServingState(),
            to_state=ServingState(stable=release),
            reason="a test",
            status=ChangeStatus.APPLIED,
        )
    )
