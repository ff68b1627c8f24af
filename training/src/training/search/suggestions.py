"""Which trials to make: every candidate's defaults, then what Optuna's TPE suggests.

TPE, the tree-structured Parzen estimator, draws settings that lie where good results were
denser than the others (Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from training.search.trials import Trial, TrialResult, defaults, settings
from use_cases import UseCase

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import Trial as Asked

# Fixed, and not the number of cores: the outcome must not depend on the machine.
ROUND = 4
# How often TPE may suggest what was tried already before a setting is drawn at random.
PATIENCE = 10
CANDIDATE = "candidate"


def rounds(
    case: UseCase, trials: int, seed: int, results: Sequence[TrialResult]
) -> Iterator[list[Trial]]:
    """Yield rounds of new trials, `trials` in all or as many as there are different ones.

    `results` must hold, each time a round is taken, the results of all rounds before it,
    in the order of their trials.
    """
    planned = defaults(case)[:trials]
    yield planned
    total = min(trials, settings(case))
    if len(planned) < total:
        yield from _suggested(case, planned, total, seed, results)


def _suggested(
    case: UseCase, planned: list[Trial], total: int, seed: int, results: Sequence[TrialResult]
) -> Iterator[list[Trial]]:
    suggestions = _Suggestions(case, planned, seed)
    made = len(planned)
    while made < total:
        suggestions.learn(results)
        round_ = suggestions.ask(min(ROUND, total - made))
        made += len(round_)
        yield round_


class _Suggestions:
    """An Optuna study. Parameters are given to it by the index of their value, because a value may
    be of any type.
    """

    def __init__(self, case: UseCase, planned: list[Trial], seed: int) -> None:
        self._spaces = {one.name: one.space for one in case.training().candidates()}
        self._random = np.random.default_rng(seed)
        self._study = _study(seed, startup=len(planned))
        self._asked: list[Asked] = []
        self._tried: set[tuple[object, ...]] = set()
        self._told = 0
        for trial in planned:
            indices = dict.fromkeys(self._spaces[trial.candidate], 0)
            self._take(self._fixed(trial.candidate, indices))

    def learn(self, results: Sequence[TrialResult]) -> None:
        """Give the study the scores that are new."""
        for result in results[self._told :]:
            self._study.tell(self._asked[result.trial.number], result.merit)
        self._told = len(results)

    def ask(self, count: int) -> list[Trial]:
        """Return `count` trials that were not tried before."""
        return [self._take(self._untried()) for _ in range(count)]

    def _take(self, asked: Asked) -> Trial:
        name, indices = self._setting(asked)
        self._tried.add(_key(name, indices))
        self._asked.append(asked)
        space = self._spaces[name]
        parameters = {parameter: space[parameter][index] for parameter, index in indices.items()}
        return Trial(len(self._asked) - 1, name, parameters)

    def _untried(self) -> Asked:
        from optuna.trial import TrialState

        for _ in range(PATIENCE):
            asked = self._study.ask()
            if _key(*self._setting(asked)) not in self._tried:
                return asked
            self._study.tell(asked, state=TrialState.FAIL)
        return self._fixed(*self._drawn())

    def _drawn(self) -> tuple[str, dict[str, int]]:
        """Return an untried setting at random; there must be one."""
        names = list(self._spaces)
        while True:
            name = names[self._random.integers(len(names))]
            indices = {
                parameter: int(self._random.integers(len(values)))
                for parameter, values in self._spaces[name].items()
            }
            if _key(name, indices) not in self._tried:
                return name, indices

    def _fixed(self, name: str, indices: dict[str, int]) -> Asked:
        given = {f"{name}.{parameter}": index for parameter, index in indices.items()}
        self._study.enqueue_trial({CANDIDATE: name, **given})
        asked = self._study.ask()
        self._setting(asked)
        return asked

    def _setting(self, asked: Asked) -> tuple[str, dict[str, int]]:
        name = asked.suggest_categorical(CANDIDATE, list(self._spaces))
        return name, {
            parameter: asked.suggest_categorical(f"{name}.{parameter}", range(len(values)))
            for parameter, values in self._spaces[name].items()
        }


def _key(name: str, indices: dict[str, int]) -> tuple[object, ...]:
    return (name, *indices.items())


def _study(seed: int, startup: int) -> Study:
    # A second of imports that a search over defaults alone does not need.
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # A candidate's parameters exist for it alone, so each is modelled on its own.
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=False, n_startup_trials=startup)
    return optuna.create_study(direction="maximize", sampler=sampler)
