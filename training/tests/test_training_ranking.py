"""Which trial a search takes where scores alone do not tell them apart."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_core.errors import ReleaseRefused
from training.search.parity import Parity
from training.search.ranking import explained, ranked, winner
from training.search.threshold import Decision
from training.search.trials import Trial, TrialResult
from use_cases import use_case

DECISION = Decision(use_case("iris").decision, "")
SHARES = st.floats(0, 1)


def result(
    number: int, score: float, folds: tuple[float, ...], ranking: float, candidate: str = ""
) -> TrialResult:
    trial = Trial(number, candidate or f"c{number}", {})
    return TrialResult(trial, score, folds, ranking, 0.0, DECISION)


def numbers(results: list[TrialResult]) -> list[int]:
    return [one.trial.number for one in ranked(results)]


def test_where_folds_disagree_about_the_better_one_the_better_ranking_wins() -> None:
    one = result(0, 0.911, (0.811, 0.964, 0.941), ranking=0.958, candidate="c")
    other = result(1, 0.909, (0.755, 0.968, 0.973), ranking=0.971, candidate="c")
    assert numbers([one, other]) == [1, 0]


def test_where_folds_disagree_about_two_candidates_the_one_declared_first_wins() -> None:
    first = result(0, 0.909, (0.811, 0.964, 0.941), ranking=0.958)
    second = result(1, 0.911, (0.755, 0.968, 0.973), ranking=0.971)
    again = result(2, 0.910, (0.812, 0.963, 0.941), ranking=0.960, candidate="c0")
    assert numbers([first, second, again]) == [2, 0, 1]


def test_what_every_fold_finds_worse_is_worse_however_well_it_ranks() -> None:
    one = result(0, 0.95, (0.96, 0.95, 0.94), ranking=0.95)
    other = result(1, 0.93, (0.94, 0.93, 0.91), ranking=0.99)
    assert numbers([one, other]) == [0, 1]


def test_equal_trials_keep_their_order() -> None:
    same = [result(number, 0.9, (0.9, 0.9), 0.9) for number in (2, 0, 1)]
    assert numbers(same) == [0, 1, 2]


def test_a_single_fold_ties_only_what_is_as_good() -> None:
    one, other = result(0, 0.9, (0.9,), 0.5), result(1, 0.8, (0.8,), 0.9)
    assert numbers([one, other]) == [0, 1]


def excluded(one: TrialResult, largest: float = 0.1, problem: str | None = None) -> TrialResult:
    return replace(one, parity=Parity(50, largest, 1e-5, problem))


def test_a_trial_whose_graph_differs_from_the_model_cannot_win() -> None:
    best = excluded(result(0, 0.99, (0.99, 0.99), 0.99))
    second, third = (result(n, 0.9 - n / 10, (0.9 - n / 10,) * 2, 0.5) for n in (1, 2))
    ordered = ranked([best, third, second])
    assert [one.trial.number for one in ordered] == [1, 2, 0]
    assert winner(ordered) is second
    assert best.excluded == (
        "its ONNX graph differs from the model by 1.00e-01 on 50 rows outside the fit; "
        "1e-05 is allowed"
    )


def test_if_no_trial_may_win_the_error_lists_every_reason() -> None:
    results = ranked([
        excluded(result(0, 0.9, (0.9,), 0.9)),
        excluded(result(1, 0.8, (0.8,), 0.9), problem="RuntimeError: no converter"),
    ])  # fmt: skip
    with pytest.raises(ReleaseRefused, match=r"c0: .*1.00e-01.*c1: .*no converter"):
        winner(results)


def test_a_best_trial_without_the_highest_score_is_explained() -> None:
    one = result(0, 0.911, (0.811, 0.964, 0.941), ranking=0.958, candidate="c0")
    other = result(1, 0.909, (0.755, 0.968, 0.973), ranking=0.971, candidate="c0")
    why = explained(ranked([one, other]), "f1")
    assert "c0 {} has the best f1 (0.9110, chosen 0.9090)" in why
    assert "the higher average precision (0.9710 against 0.9580)" in why
    assert explained(ranked([one]), "f1") is None


def test_no_trials_no_order() -> None:
    assert ranked([]) == []


@given(st.lists(st.tuples(SHARES, st.tuples(SHARES, SHARES, SHARES), SHARES), max_size=6))
def test_each_trial_is_ranked_once_and_the_input_order_does_not_matter(
    given: list[tuple[float, tuple[float, float, float], float]],
) -> None:
    results = [result(number, *values) for number, values in enumerate(given)]
    assert sorted(numbers(results)) == list(range(len(results)))
    assert numbers(results) == numbers(results[::-1])
