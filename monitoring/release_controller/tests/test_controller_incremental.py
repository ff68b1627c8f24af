"""The judge reads each object of the log and of the labels once."""

import random
from datetime import timedelta

import pyarrow as pa
import pytest
from trial_world import CANDIDATE, IRIS, STABLE, Answer, World

from platform_core.adapters.blob_store.memory import MemoryBlobStore
from platform_core.contracts.comparison import Comparison, ComparisonVerdict
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action
from platform_core.contracts.serving_state import Canary, ServingState
from platform_core.parquet import read_table, write_table
from platform_core.policies.contract import Mode, Policy, PromotionPolicy, RollbackPolicy
from platform_core.storage import INFERENCE_LOGS, LABELS
from release_controller.judging import Judge

PRODUCTION = Environment.PRODUCTION
CLASSES = IRIS.classes
TRIAL = ServingState(
    stable=STABLE, canary=Canary(release_id=CANDIDATE, percent=50, change_id="trial")
)


class CountingStore(MemoryBlobStore):
    """Lists the objects of the log and of the labels that were read."""

    def __init__(self) -> None:
        super().__init__()
        self.read_paths: list[str] = []

    def open(self, path: str) -> pa.NativeFile:
        self._note(path)
        return super().open(path)

    def read(self, path: str) -> bytes:
        self._note(path)
        return super().read(path)

    def _note(self, path: str) -> None:
        if path.startswith((INFERENCE_LOGS, LABELS)):
            self.read_paths.append(path)


@pytest.fixture
def world() -> World:
    """A canary of half the traffic that no policy ends."""
    world = World(store=CountingStore())
    world.policy = Policy(
        rollback=RollbackPolicy(mode=Mode.MANUAL), promotion=PromotionPolicy(mode=Mode.MANUAL)
    )
    world.serve(ServingState(stable=STABLE))
    world.clock.advance(timedelta(minutes=1))
    world.serve(TRIAL, Action.CANARY)
    return world


def segment(seed: int, rows: int = 200) -> list[Answer]:
    """Labelled answers of both releases; the canary's are more often wrong."""
    rng, made = random.Random(seed), []
    for _ in range(rows):
        role, label = rng.choice(["stable", "canary"]), rng.choice(CLASSES)
        right = rng.random() < (0.95 if role == "stable" else 0.8)
        prediction = label if right else CLASSES[CLASSES.index(label) - 1]
        made.append(Answer(role, prediction, rng.uniform(5, 15), label=label))
    return made


def judged(judge: Judge) -> Comparison:
    comparison = judge.judge_trial(IRIS, PRODUCTION)
    assert comparison is not None
    return comparison


def test_a_restart_gives_the_same_comparison_at_every_look(world):
    judge, verdicts = world.judge, []
    for seed in range(8):
        world.answer(segment(seed))
        world.clock.advance(timedelta(seconds=5))
        comparison = judged(judge)
        assert comparison == judged(world.judge)
        assert comparison.candidate_answers + comparison.stable_answers == 200 * (seed + 1)
        verdicts.append(comparison.verdict)
    assert verdicts[0] is ComparisonVerdict.UNDECIDED
    assert verdicts[-1] is ComparisonVerdict.WORSE


def test_each_object_is_read_once(world):
    judge = world.judge
    for seed in range(3):
        world.answer(segment(seed))
        for _ in range(3):
            world.clock.advance(timedelta(seconds=5))
            judged(judge)
    assert len(world.store.read_paths) == len(set(world.store.read_paths)) == 2 * 3


def test_labels_that_come_later_count(world):
    world.answer(segment(0))
    (path,) = [blob.path for blob in world.store.list(LABELS)]
    labels = world.store.read(path)
    world.store.delete(path)
    judge = world.judge
    quality = {c.name: c for c in judged(judge).criteria}["quality"]
    assert quality.candidate_records == 0
    world.store.write(path, labels)
    world.clock.advance(timedelta(seconds=5))
    comparison = judged(judge)
    quality = {c.name: c for c in comparison.criteria}["quality"]
    assert quality.candidate_records + quality.stable_records == 200
    assert comparison == judged(world.judge)


def test_an_erased_record_no_longer_counts(world):
    world.answer(segment(0))
    world.answer(segment(1))
    judge = world.judge
    assert judged(judge).stable_answers + judged(judge).candidate_answers == 400
    first, second = [blob.path for blob in world.store.list(INFERENCE_LOGS)]
    write_table(world.store, first, read_table(world.store, first).slice(1))
    world.store.delete(second)
    world.clock.advance(timedelta(minutes=1))
    comparison = judged(judge)
    assert comparison.stable_answers + comparison.candidate_answers == 199
    assert comparison == judged(world.judge)


def test_a_late_segment_of_an_earlier_hour_is_found_within_a_minute(world):
    judge, start = world.judge, world.clock.now()
    world.answer(segment(0))
    world.clock.advance(timedelta(hours=3))
    assert judged(judge).stable_answers + judged(judge).candidate_answers == 200
    now = world.clock.now()
    world.clock.advance(start + timedelta(seconds=30) - now)
    world.answer(segment(1))
    world.clock.advance(now + timedelta(minutes=1) - world.clock.now())
    comparison = judged(judge)
    assert comparison.stable_answers + comparison.candidate_answers == 400
    assert comparison == judged(world.judge)


def test_a_new_trial_begins_without_the_records_of_the_last_one(world):
    judge = world.judge
    world.answer(segment(0))
    world.clock.advance(timedelta(seconds=5))
    judged(judge)
    world.serve(ServingState(stable=STABLE), Action.ABORT)
    assert judge.judge_trial(IRIS, PRODUCTION) is None
    world.clock.advance(timedelta(seconds=5))
    again = Canary(release_id=CANDIDATE, percent=50, change_id="again")
    world.serve(ServingState(stable=STABLE, canary=again), Action.CANARY)
    assert judged(judge).candidate_answers == 0
