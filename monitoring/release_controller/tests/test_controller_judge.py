"""The judge: evidence from the inference log, verdicts, and what the policy makes of them."""

import random
from datetime import timedelta

import pytest
from trial_world import CANDIDATE, IRIS, NOON, STABLE, Answer, World

from platform_core.contracts.comparison import Comparison, ComparisonVerdict
from platform_core.contracts.drift_report import DriftReport, DriftVerdict
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, ChangeStatus
from platform_core.contracts.serving_state import Canary, ServingState, Shadow
from platform_core.policies.contract import Mode, Policy, PromotionPolicy, RollbackPolicy
from platform_core.storage import comparison_path, drift_report_path, latest_comparison_path

PRODUCTION = Environment.PRODUCTION
SHADOW = ServingState(stable=STABLE, shadow=Shadow(release_id=CANDIDATE, change_id="trial"))
CLASSES = IRIS.classes


def canary(percent: int = 50) -> ServingState:
    begun = Canary(release_id=CANDIDATE, percent=percent, change_id="trial")
    return ServingState(stable=STABLE, canary=begun)


def answers(count: int, right: dict[str, float], seed: int = 0, **more: object) -> list[Answer]:
    """Return labelled answers of both roles; each is right with the probability of its role."""
    rng, made = random.Random(seed), []
    for _ in range(count):
        role, label = rng.choice(list(right)), rng.choice(CLASSES)
        wrong = CLASSES[CLASSES.index(label) - 1]
        prediction = label if rng.random() < right[role] else wrong
        made.append(Answer(role, prediction, label=label, **more))
    return made


def judged(world: World) -> Comparison:
    comparison = world.judge.judge_trial(IRIS, PRODUCTION)
    assert comparison is not None
    return comparison


def open_changes(world: World) -> list[tuple[Action, ChangeStatus]]:
    return [(one.request.action, one.status) for one in world.changes.open()]


def test_without_a_trial_there_is_nothing_to_compare(world):
    assert world.judge.judge_trial(IRIS, PRODUCTION) is None
    assert world.judge.judge_trials() == []


def test_without_records_the_verdict_is_undecided(world):
    world.serve(canary(), Action.CANARY)
    comparison = judged(world)
    assert comparison.verdict is ComparisonVerdict.UNDECIDED
    assert (comparison.stable_answers, comparison.candidate_answers, comparison.paired) == (0, 0, 0)
    assert open_changes(world) == []


def test_a_canary_with_wrong_answers_is_withdrawn_within_300_answers(world):
    world.serve(canary(), Action.CANARY)
    world.answer(answers(400, {"stable": 0.95, "canary": 0.05}))
    comparison = judged(world)
    assert comparison.verdict is ComparisonVerdict.WORSE
    assert comparison.candidate_answers <= 300
    assert open_changes(world) == [(Action.ABORT, ChangeStatus.REQUESTED)]
    request = next(world.changes.open()).request
    assert request.reason == "the canary is worse: quality"
    assert request.evidence["verdict"] == "worse"
    judged(world)  # reading the verdict again asks for nothing more
    assert len(open_changes(world)) == 1


def test_failed_answers_of_the_canary_withdraw_it(world):
    world.serve(canary(), Action.CANARY)
    rng = random.Random(1)
    failing = [
        Answer(role, CLASSES[0], failed=role == "canary" and rng.random() < 0.2)
        for role in rng.choices(["stable", "canary"], k=1000)
    ]
    world.answer(failing)
    assert judged(world).verdict is ComparisonVerdict.WORSE


def test_a_slow_canary_is_withdrawn(world):
    world.serve(canary(), Action.CANARY)
    rng = random.Random(2)
    slow = [
        Answer(role, CLASSES[0], milliseconds=rng.uniform(8, 12) * (2 if role == "canary" else 1))
        for role in rng.choices(["stable", "canary"], k=1200)
    ]
    world.answer(slow)
    worse = [c.name for c in judged(world).criteria if c.verdict is ComparisonVerdict.WORSE]
    assert "latency_p50" in worse


def test_the_records_of_a_batch_are_one_observation_of_latency(world):
    """Two slow batches of a hundred records say no more than two slow requests."""
    world.serve(canary(), Action.CANARY)
    world.answer([Answer("stable", CLASSES[0]) for _ in range(400)])
    for number in range(2):
        one = {"request_id": f"batch{number}", "milliseconds": 40.0}
        world.answer([Answer("canary", CLASSES[0], **one) for _ in range(100)])
    comparison = judged(world)
    assert comparison.candidate_answers == 200
    latency = {c.name: c for c in comparison.criteria}["latency_p50"]
    assert (latency.candidate_records, latency.estimate) == (2, pytest.approx(3.0))
    assert (
        comparison.verdict is ComparisonVerdict.UNDECIDED
        or latency.verdict is ComparisonVerdict.WORSE
    )


def test_copies_that_were_sent_together_say_nothing_of_latency_and_errors(world):
    world.serve(SHADOW, Action.SHADOW)
    ids = world.answer([Answer("stable", CLASSES[0])] * 300)
    timed = {"milliseconds": 12.0}
    together = {"milliseconds": None, "failed": True}
    copies = [
        Answer("shadow", CLASSES[0], prediction_id=one, **(together if number % 10 else timed))
        for number, one in enumerate(ids)
    ]
    world.answer(copies)
    comparison = judged(world)
    criteria = {one.name: one for one in comparison.criteria}
    for name in ("errors", "latency_p50"):
        assert criteria[name].candidate_records == criteria[name].stable_records == 30
    assert criteria["errors"].estimate == 0
    assert criteria["latency_p50"].estimate == pytest.approx(0.2)
    assert comparison.candidate_answers == 300
    assert comparison.paired == 30


def test_only_live_records_since_the_trial_began_count(world):
    world.answer(answers(300, {"stable": 0.9, "canary": 0.1}))
    world.clock.advance(timedelta(minutes=5))
    world.serve(canary(), Action.CANARY)
    for purpose in ("smoke", "drill", "try"):
        world.answer(answers(300, {"stable": 0.9, "canary": 0.1}, purpose=purpose))
    comparison = judged(world)
    assert (comparison.stable_answers, comparison.candidate_answers) == (0, 0)


def shadowed(world: World, count: int, disagree: float, seed: int = 3) -> None:
    rng = random.Random(seed)
    served = [Answer("stable", rng.choice(CLASSES)) for _ in range(count)]
    ids = world.answer(served)
    copies = []
    for one, prediction_id in zip(served, ids, strict=True):
        other = CLASSES[CLASSES.index(one.prediction) - 1]
        prediction = other if rng.random() < disagree else one.prediction
        copies.append(Answer("shadow", prediction, prediction_id=prediction_id))
    world.answer(copies)


def test_a_shadow_that_answers_alike_is_equivalent_without_labels(world):
    world.serve(SHADOW, Action.SHADOW)
    shadowed(world, 3000, disagree=0.0)
    comparison = judged(world)
    assert comparison.paired == 3000
    assert comparison.verdict is ComparisonVerdict.EQUIVALENT
    assert open_changes(world) == [(Action.CANARY, ChangeStatus.SUGGESTED)]
    request = next(world.changes.open()).request
    assert (request.release_id, request.percent, request.approvals) == (CANDIDATE, 10, 1)


def test_answers_without_a_copy_are_not_compared(world):
    world.serve(SHADOW, Action.SHADOW)
    world.answer([Answer("stable", CLASSES[0])] * 50)
    shadowed(world, 20, disagree=0.0)
    comparison = judged(world)
    assert (comparison.paired, comparison.stable_answers, comparison.candidate_answers) == (
        20,
        20,
        20,
    )


def test_a_rejected_suggestion_does_not_come_back(world):
    world.serve(SHADOW, Action.SHADOW)
    shadowed(world, 3000, disagree=0.0)
    judged(world)
    suggested = next(world.changes.open()).request.change_id
    world.changes.decide(suggested, "bob", False, "not now")
    judged(world)
    assert open_changes(world) == []


def test_a_policy_that_may_promotes_a_good_canary(world):
    world.policy = Policy(promotion=PromotionPolicy(mode=Mode.AUTO, canary_percents=(10, 50)))
    world.serve(canary(50), Action.CANARY)
    world.answer(answers(4000, {"stable": 0.6, "canary": 0.98}))
    assert judged(world).verdict is ComparisonVerdict.BETTER
    assert open_changes(world) == [(Action.PROMOTE, ChangeStatus.REQUESTED)]


def test_a_failed_end_of_a_bad_canary_is_tried_again_after_a_minute(world):
    world.serve(canary(), Action.CANARY)
    world.answer(answers(400, {"stable": 0.95, "canary": 0.05}))
    judged(world)
    asked = next(world.changes.open()).request
    failed = {"change_id": asked.change_id, "status": ChangeStatus.FAILED, "actor": asked.actor}
    world.serve(ServingState(stable=STABLE), Action.ABORT, **failed)
    world.changes.close(asked.change_id)
    judged(world)
    assert open_changes(world) == []
    world.clock.advance(timedelta(minutes=1))
    judged(world)
    assert open_changes(world) == [(Action.ABORT, ChangeStatus.REQUESTED)]


def test_the_next_bad_canary_is_withdrawn_without_a_pause(world):
    for _ in range(2):
        world.serve(canary(), Action.CANARY)
        world.answer(answers(400, {"stable": 0.95, "canary": 0.05}))
        judged(world)
        assert open_changes(world) == [(Action.ABORT, ChangeStatus.REQUESTED)]
        asked = next(world.changes.open()).request
        applied = {"change_id": asked.change_id, "actor": asked.actor}
        world.serve(ServingState(stable=STABLE), Action.ABORT, **applied)
        world.changes.close(asked.change_id)


def test_the_comparison_is_stored_under_its_change_and_as_the_latest(world):
    world.serve(canary(), Action.CANARY)
    world.answer(answers(20, {"stable": 0.9, "canary": 0.9}))
    comparison = judged(world)
    for path in (
        comparison_path("iris", PRODUCTION, "trial"),
        latest_comparison_path("iris", PRODUCTION),
    ):
        assert Comparison.model_validate_json(world.store.read(path)) == comparison


def report(world: World, hour: int, harmful: bool | None, release: str = STABLE) -> None:
    start = NOON + timedelta(hours=hour)
    one = DriftReport(
        report_id=f"r{hour}",
        use_case="iris",
        environment=PRODUCTION,
        release_id=release,
        start=start,
        end=start + timedelta(hours=1),
        created_at=start,
        rows=500,
        verdict=DriftVerdict.OK,
        drifted=None if harmful is None else False,
        harmful=harmful,
        score=0.1,
        columns=(),
        class_shares={},
        alarms=(),
    )
    path = drift_report_path("iris", PRODUCTION, one.end, one.report_id, "json")
    world.store.write(path, one.model_dump_json().encode())


@pytest.mark.parametrize(
    ("windows", "requested"),
    [
        ([True, True], [(Action.ROLLBACK, ChangeStatus.REQUESTED)]),
        ([True, False, True], [(Action.ROLLBACK, ChangeStatus.REQUESTED)]),
        ([True, True, False], []),
        ([False, True], []),
        ([True, None], []),
    ],
)
def test_a_harmful_stable_release_is_rolled_back(world, windows, requested):
    for hour, harmful in enumerate(windows, 1):
        report(world, hour, harmful)
    world.clock.advance(timedelta(hours=len(windows) + 2))
    world.judge.judge_stable_release(IRIS, PRODUCTION)
    assert open_changes(world) == requested


def test_reports_about_an_earlier_release_do_not_count(world):
    for hour in (1, 2):
        report(world, hour, True, release="c" * 32)
    world.clock.advance(timedelta(hours=4))
    world.judge.judge_stable_release(IRIS, PRODUCTION)
    assert open_changes(world) == []


def test_a_new_release_of_staging_is_tried_if_the_policy_says_so(world):
    world.policy = Policy(promotion=PromotionPolicy(begin=Mode.AUTO))
    world.serve(ServingState(stable=CANDIDATE), environment=Environment.STAGING)
    world.judge.judge_stable_release(IRIS, PRODUCTION)
    world.judge.judge_stable_release(IRIS, PRODUCTION)
    assert open_changes(world) == [(Action.SHADOW, ChangeStatus.REQUESTED)]
    assert next(world.changes.open()).request.release_id == CANDIDATE


def test_a_release_that_was_withdrawn_is_not_tried_again_by_itself(world):
    world.policy = Policy(promotion=PromotionPolicy(begin=Mode.AUTO))
    world.serve(ServingState(stable=CANDIDATE), environment=Environment.STAGING)
    world.clock.advance(timedelta(minutes=1))
    world.serve(SHADOW, Action.SHADOW)
    world.serve(ServingState(stable=STABLE), Action.ABORT)
    world.judge.judge_stable_release(IRIS, PRODUCTION)
    assert open_changes(world) == []
    world.clock.advance(timedelta(minutes=1))
    other = "c" * 32
    world.serve(ServingState(stable=other), environment=Environment.STAGING)
    world.judge.judge_stable_release(IRIS, PRODUCTION)
    assert [one.request.release_id for one in world.changes.open()] == [other]


def test_staging_with_the_release_of_production_begins_nothing(world):
    world.policy = Policy(promotion=PromotionPolicy(begin=Mode.AUTO))
    world.serve(ServingState(stable=STABLE), environment=Environment.STAGING)
    world.judge.judge_stable_release(IRIS, PRODUCTION)
    assert open_changes(world) == []


def test_an_environment_that_cannot_be_judged_does_not_stop_the_others(world):
    world.policy = Policy(rollback=RollbackPolicy(mode=Mode.MANUAL))
    world.serve(canary(), Action.CANARY)
    world.answer(answers(400, {"stable": 0.95, "canary": 0.05}))
    world.store.write("models/churn/_ledger/production/00000001.json", b"broken")
    found = world.judge.judge_trials()
    assert [(one.use_case, one.verdict) for one in found] == [("iris", ComparisonVerdict.WORSE)]
    assert open_changes(world) == []
