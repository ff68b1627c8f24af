import pytest

from training.search import plan
from use_cases import use_case


@pytest.mark.parametrize("name", ["spam", "iris"])
def test_first_every_candidate_is_tried_with_its_defaults(name: str) -> None:
    case = use_case(name)
    trials = plan(case, len(case.candidates()), seed=1)
    assert [t.candidate for t in trials] == [c.name for c in case.candidates()]
    for trial, candidate in zip(trials, case.candidates(), strict=True):
        assert trial.parameters == {key: values[0] for key, values in candidate.space.items()}


def test_the_same_seed_draws_the_same_settings() -> None:
    case = use_case("spam")
    assert plan(case, 12, seed=3) == plan(case, 12, seed=3)


@pytest.mark.parametrize("name", ["spam", "iris"])
def test_no_setting_is_tried_twice_and_the_search_ends_when_all_are(name: str) -> None:
    case = use_case(name)
    trials = plan(case, 100_000, seed=0)
    settings = [(t.candidate, tuple(sorted(t.parameters.items(), key=str))) for t in trials]
    assert len(settings) == len(set(settings))
    sizes = 0
    for candidate in case.candidates():
        size = 1
        for values in candidate.space.values():
            size *= len(values)
        sizes += size
    assert len(trials) == sizes


def test_fewer_trials_than_candidates_take_the_first_ones() -> None:
    case = use_case("spam")
    assert [t.candidate for t in plan(case, 2, seed=0)] == [c.name for c in case.candidates()][:2]
