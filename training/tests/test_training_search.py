"""The search: what is tried, and that the outcome depends on data and seed alone."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from training.search.folds import FOLDS
from training.search.parity import Parity
from training.search.suggestions import ROUND, rounds
from training.search.threshold import Decision
from training.search.trials import Trial, TrialResult, planned_trials, settings
from use_cases import (
    Candidate,
    Integers,
    LogUniform,
    Uniform,
    When,
    default_parameters,
    use_case,
)
from use_cases.testing import variant

IRIS = use_case("iris")


def told(trial: Trial, score: float) -> TrialResult:
    decision = Decision(IRIS.decision, "")
    return TrialResult(trial, score, (score,), score, 0.0, decision)


def suggested(name: str, trials: int, seed: int, score=lambda _: 0.5) -> list[Trial]:
    results: list[TrialResult] = []
    for round_ in rounds(use_case(name), trials, seed, results):
        results.extend(told(trial, score(trial)) for trial in round_)
    return [result.trial for result in results]


@pytest.mark.parametrize("name", ["spam", "iris"])
def test_first_every_candidate_is_tried_with_its_defaults(name: str) -> None:
    candidates = use_case(name).training().candidates()
    first = next(rounds(use_case(name), 50, 1, []))
    assert [t.candidate for t in first] == [c.name for c in candidates]
    for trial, candidate in zip(first, candidates, strict=True):
        assert trial.parameters == default_parameters(candidate.space)


def test_fewer_trials_than_candidates_take_the_first_ones() -> None:
    names = [c.name for c in use_case("spam").training().candidates()]
    assert [t.candidate for t in suggested("spam", 2, seed=0)] == names[:2]


def test_rounds_are_of_a_fixed_size() -> None:
    results: list[TrialResult] = []
    sizes = []
    for round_ in rounds(IRIS, 4 + ROUND + 3, 0, results):
        sizes.append(len(round_))
        results.extend(told(trial, 0.5) for trial in round_)
    assert sizes == [4, ROUND, 3]
    assert [result.trial.number for result in results] == list(range(4 + ROUND + 3))


@pytest.mark.parametrize(("candidates", "planned"), [(1, 4), (4, 4), (7, 7)])
def test_without_a_number_every_candidate_is_tried(candidates: int, planned: int) -> None:
    case = ranges(*[{"c": LogUniform(1, 10, 2)}] * candidates)
    assert planned_trials(case, 0) == planned
    assert planned_trials(case, 3) == 3
    assert planned_trials(ranges({"n": (1, 2)}), 0) == 2


@pytest.mark.parametrize("name", ["spam", "iris"])
def test_no_setting_is_tried_twice_and_the_search_ends_when_all_are(name: str) -> None:
    trials = suggested(name, 1_000, seed=0)
    tried = [(t.candidate, tuple(sorted(t.parameters.items(), key=str))) for t in trials]
    assert len(set(tried)) == len(tried) == settings(use_case(name))


def test_the_same_seed_and_scores_suggest_the_same() -> None:
    assert suggested("spam", 14, seed=3) == suggested("spam", 14, seed=3)
    assert suggested("spam", 14, seed=3) != suggested("spam", 14, seed=4)


def test_suggestions_follow_the_scores() -> None:
    """What only one candidate does well is tried more often than by chance (a quarter)."""
    shares = []
    for seed in range(5):
        trials = suggested("iris", 14, seed, lambda t: float(t.candidate == "gradient_boosting"))
        shares.append(np.mean([t.candidate == "gradient_boosting" for t in trials[4:]]))
    assert np.mean(shares) > 0.4


RANGES = {
    "kind": ("a", "b"),
    "c": LogUniform(0.01, 100, 1.0),
    "share": When("kind", "b", Uniform(0, 1, 0.5)),
    "depth": When("kind", "a", Integers(1, 64, 8, log=True)),
}


def ranges(*spaces):
    candidates = [Candidate(f"c{n}", None, space, None) for n, space in enumerate(spaces)]
    return variant(IRIS, training={"candidates": lambda _: candidates})


def searched(case, trials: int, seed: int, result=told) -> list[TrialResult]:
    results: list[TrialResult] = []
    for round_ in rounds(case, trials, seed, results):
        results.extend(result(trial, 0.5) for trial in round_)
    return results


def test_ranges_are_searched_within_their_bounds_and_conditions() -> None:
    trials = [one.trial for one in searched(ranges(RANGES), 30, 0)]
    assert trials[0].parameters == {"kind": "a", "c": 1.0, "depth": 8}
    assert len({str(trial.parameters) for trial in trials}) == 30
    for parameters in (trial.parameters for trial in trials):
        assert 0.01 <= parameters["c"] <= 100
        assert ("share" in parameters) == (parameters["kind"] == "b")
        assert parameters.get("depth", 8) in range(1, 65)
    assert {trial.parameters["kind"] for trial in trials} == {"a", "b"}
    again = [one.trial for one in searched(ranges(RANGES), 30, 0)]
    assert again == trials


def test_a_space_of_lists_with_a_condition_ends_when_all_is_tried() -> None:
    case = ranges({"kind": ("a", "b"), "n": When("kind", "b", (1, 2, 3)), "m": (1, 2)})
    assert len(searched(case, 100, 0)) == settings(case) == 8


def test_a_candidate_without_a_graph_is_not_suggested_again() -> None:
    def result(trial: Trial, score: float) -> TrialResult:
        problem = "no converter" if trial.candidate == "c0" else None
        return replace(told(trial, score), parity=Parity(0, 0.0, 1e-5, problem))

    case = ranges({"a": tuple(range(9))}, {"b": (1, 2, 3, 4)})
    assert [one.trial.candidate for one in searched(case, 20, 0, result)] == ["c0", *["c1"] * 4]


@pytest.mark.parametrize("given", [(2, 1, 1), (0, 1, 2), (0, float("inf"), 1), (1, 1, 1)], ids=str)
def test_a_range_without_values_or_with_a_default_outside_is_refused(given) -> None:
    with pytest.raises(ValueError, match="low must be below high"):
        Uniform(*given)


def test_a_condition_on_a_later_parameter_is_refused() -> None:
    space = {"n": When("kind", "b", (1, 2)), "kind": ("a", "b")}
    with pytest.raises(ValueError, match="which must be declared before it"):
        default_parameters(space)


ON_RAY = """
import json, sys
import numpy as np, pyarrow as pa, ray
from training.search.fitting import fit
from training.search.live import live_decision, with_live_rows
from training.search.models import probabilities
from training.search.cross_validation import Budget, search
from use_cases import FalsePositiveRate, assemble, use_case
from use_cases.testing import variant

ray.init(address=sys.argv[1], log_to_driver=False, logging_level="error")
case = use_case("iris")
def features(case, generated, clusters):
    records = generated.select(case.record_schema.names).combine_chunks().to_batches()[0]
    rows = pa.Table.from_batches([assemble(case, records)])
    rows = rows.append_column("label", generated[case.training().label.column])
    return rows.append_column("cluster", pa.array(clusters))

flowers = case.training().generate(150, seed=1)
table = features(case, flowers, [str(n // 2) for n in range(150)])
minutes = iter([0, 4, 61, 200])

def found(budget, heard, **clock):
    done = search(case, table, budget, 5, lambda r: heard.append(r.trial.number), **clock)
    model = fit(case, table, done.best.trial, 5)
    return {
        "complete": done.complete,
        "heard": heard,
        "trials": [(r.trial.candidate, r.trial.parameters, r.score, r.folds) for r in done.results],
        "fitted": probabilities(case, model, table).tolist(),
    }

runs = [found(Budget(6), []) for _ in range(2)]
runs.append(found(Budget(12, minutes=1), [], clock=lambda: next(minutes)))

spam = variant(use_case("spam"), training={"threshold": FalsePositiveRate(0.02)})
mails = spam.training().generate(300, seed=1)
rows = features(spam, mails, [str(n) for n in range(300)])
best = search(spam, rows, Budget(1), 5, lambda _: None).best
runs.append({"rule": best.decision.rule.model_dump(), "why": best.decision.why,
             "negatives": mails["label"].to_pylist().count("ham")})

ids = [str(n) for n in range(300)]
rows = rows.append_column("row_id", pa.array(ids))
known = with_live_rows(rows, pa.array(ids[:220]), 10.0)
live = live_decision(spam, known, best.trial, 5)
few = with_live_rows(rows, pa.array(ids[:199]), 10.0)
without = variant(spam, training={"live_threshold": None})
runs.append({"rule": live.rule.model_dump(), "why": live.why,
             "negatives": mails["label"].to_pylist()[:220].count("ham"),
             "others": [live_decision(spam, few, best.trial, 5),
                        live_decision(spam, rows, best.trial, 5),
                        live_decision(without, known, best.trial, 5)]})
print(json.dumps(runs))
"""


@pytest.fixture(scope="module")
def found(ray_head) -> list[dict[str, Any]]:
    """Two searches of six trials and one whose budget is spent after the first round."""
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(ray_head.token_path)}
    done = subprocess.run(
        [sys.executable, "-c", ON_RAY, ray_head.address],
        env={**os.environ, **token}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_search_and_its_model_are_the_same_twice_to_the_bit(found) -> None:
    first, second = ({**one, "heard": sorted(one["heard"])} for one in found[:2])
    assert first == second
    assert first["complete"]
    assert first["heard"] == [*range(6)]


def test_a_trial_is_worth_what_all_its_folds_answer(found) -> None:
    for _, _, score, folds in found[0]["trials"]:
        assert len(folds) == FOLDS
        assert score == pytest.approx(np.mean(folds), abs=0.01)  # accuracy, folds of about 50


def test_a_spent_budget_begins_no_further_round(found) -> None:
    assert not found[2]["complete"]
    assert len(found[2]["trials"]) == 4


def test_a_threshold_is_chosen_on_rows_outside_the_fit(found) -> None:
    chosen = found[3]
    assert (chosen["rule"]["kind"], chosen["rule"]["positive"]) == ("threshold", "spam")
    passing, negatives = map(int, re.search(r"(\d+) of (\d+)", chosen["why"]).groups())
    assert negatives == chosen["negatives"]
    assert passing / negatives <= 0.02


def test_enough_live_records_choose_the_threshold_by_their_own_rule(found) -> None:
    chosen = found[4]
    passing, negatives = map(
        int, re.search(r"(\d+) of (\d+) on labelled live", chosen["why"]).groups()
    )
    assert negatives == chosen["negatives"]
    assert passing / negatives <= 0.02
    assert chosen["others"] == [None, None, None]
