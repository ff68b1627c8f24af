"""How the evidence about a candidate grew, as the judge stores it."""

import random
from datetime import timedelta

import pytest
from trial_world import CANDIDATE, IRIS, STABLE, Answer

from platform_core.contracts.comparison import EvidenceHistory
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action
from platform_core.contracts.serving_state import Canary, ServingState
from platform_core.errors import BlobNotFound
from platform_core.storage import evidence_history_path

PRODUCTION = Environment.PRODUCTION
PATH = evidence_history_path(IRIS.name, PRODUCTION, "trial")


@pytest.fixture
def trial(world):
    """Return a function that logs answers of both releases and judges after some minutes."""
    canary = Canary(release_id=CANDIDATE, percent=50, change_id="trial")
    world.serve(ServingState(stable=STABLE, canary=canary), Action.CANARY)
    rng = random.Random(0)

    def judge(count: int, minutes: int) -> None:
        world.clock.advance(timedelta(minutes=minutes))
        roles = rng.choices(["stable", "canary"], k=count)
        world.answer([Answer(role, IRIS.classes[0], label=IRIS.classes[0]) for role in roles])
        world.judge.judge_trial(IRIS, PRODUCTION)

    return judge


def stored(world) -> EvidenceHistory:
    return EvidenceHistory.model_validate_json(world.store.read(PATH))


def test_each_look_that_says_more_is_a_point(world, trial):
    with pytest.raises(BlobNotFound):
        stored(world)
    for _ in range(3):
        trial(40, minutes=10)
    history = stored(world)
    assert (history.stable_release, history.candidate_release) == (STABLE, CANDIDATE)
    answers = [point.candidate_answers for point in history.points]
    assert len(answers) == 3
    assert answers == sorted(answers)
    last = {one.name: one for one in history.points[-1].criteria}["errors"]
    first = {one.name: one for one in history.points[0].criteria}["errors"]
    assert last.upper - last.lower < first.upper - first.lower


def test_looks_that_are_close_together_make_one_point(world, trial):
    trial(40, minutes=60)
    for _ in range(2):
        trial(4, minutes=1)
    assert len(stored(world).points) == 1
    trial(4, minutes=2)
    assert len(stored(world).points) == 2


def test_a_damaged_history_begins_again(world, trial):
    trial(40, minutes=10)
    world.store.write(PATH, b"not json")
    trial(40, minutes=10)
    assert len(stored(world).points) == 1
