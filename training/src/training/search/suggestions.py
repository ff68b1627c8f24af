"""Which trials to make: every candidate's defaults, then what Optuna's TPE suggests.

TPE, the tree-structured Parzen estimator, draws settings that lie where good results were
denser than the others (Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from training.search.trials import Trial, TrialResult, defaults, settings
from use_cases import UseCase
from use_cases.search_space import (
    Integers,
    LogUniform,
    Range,
    Uniform,
    combinations,
    drawn,
    present,
    rounded,
)

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import Trial as Asked

# Fixed, and not the number of cores: the outcome must not depend on the machine.
ROUND = 4
# How often TPE may suggest what was tried already before a setting is drawn at random.
PATIENCE = 10
CANDIDATE = "candidate"

_Key = tuple[str, tuple[tuple[str, str], ...]]


def rounds(
    case: UseCase, trials: int, seed: int, results: Sequence[TrialResult]
) -> Iterator[list[Trial]]:
    """Yield rounds of new trials, `trials` in all or as many as there are different ones.

    `results` must hold, each time a round is taken, the results of all rounds before it,
    in the order of their trials.
    """
    planned = defaults(case)[:trials]
    yield planned
    total = int(min(trials, settings(case)))
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
        if not round_:
            return
        made += len(round_)
        yield round_


class _Suggestions:
    """An Optuna study. A value out of a list is given to it by its index, because it may be of any
    type.
    """

    def __init__(self, case: UseCase, planned: list[Trial], seed: int) -> None:
        self._spaces = {one.name: one.space for one in case.training().candidates()}
        self._random = np.random.default_rng(seed)
        self._study = _study(seed, startup=len(planned))
        self._asked: list[Asked] = []
        self._tried: set[_Key] = set()
        self._excluded: set[str] = set()
        self._told = 0
        for trial in planned:
            self._take(self._fixed(trial.candidate, trial.parameters))

    def learn(self, results: Sequence[TrialResult]) -> None:
        """Give the study the scores that are new. A candidate without a graph is left out from now
        on.
        """
        from optuna.trial import TrialState

        for result in results[self._told :]:
            asked = self._asked[result.trial.number]
            if result.excluded is None:
                self._study.tell(asked, result.merit)
                continue
            self._study.tell(asked, state=TrialState.FAIL)
            if result.parity is not None and result.parity.problem is not None:
                self._excluded.add(result.trial.candidate)
        self._told = len(results)

    def ask(self, count: int) -> list[Trial]:
        """Return up to `count` trials that were not tried before, as many as there are."""
        return [self._take(self._untried()) for _ in range(count) if self._left() > 0]

    def _left(self) -> float:
        names = self._spaces.keys() - self._excluded
        tried = sum(name in names for name, _ in self._tried)
        return sum(combinations(self._spaces[name]) for name in names) - tried

    def _take(self, asked: Asked) -> Trial:
        name, parameters = self._setting(asked)
        self._tried.add(_key(name, parameters))
        self._asked.append(asked)
        return Trial(len(self._asked) - 1, name, parameters)

    def _untried(self) -> Asked:
        from optuna.trial import TrialState

        for _ in range(PATIENCE):
            asked = self._study.ask()
            if self._is_new(*self._setting(asked)):
                return asked
            self._study.tell(asked, state=TrialState.FAIL)
        return self._fixed(*self._drawn())

    def _is_new(self, name: str, parameters: dict[str, Any]) -> bool:
        return name not in self._excluded and _key(name, parameters) not in self._tried

    def _drawn(self) -> tuple[str, dict[str, Any]]:
        """Return an untried setting at random; there must be one."""
        names = list(self._spaces)
        while True:
            name = names[self._random.integers(len(names))]
            parameters: dict[str, Any] = {}
            for parameter, values in present(self._spaces[name], parameters):
                parameters[parameter] = drawn(values, self._random)
            if self._is_new(name, parameters):
                return name, parameters

    def _fixed(self, name: str, parameters: Mapping[str, Any]) -> Asked:
        given = {
            f"{name}.{parameter}": _encoded(values, parameters[parameter])
            for parameter, values in present(self._spaces[name], parameters)
        }
        self._study.enqueue_trial({CANDIDATE: name, **given})
        asked = self._study.ask()
        self._setting(asked)
        return asked

    def _setting(self, asked: Asked) -> tuple[str, dict[str, Any]]:
        name = asked.suggest_categorical(CANDIDATE, list(self._spaces))
        parameters: dict[str, Any] = {}
        for parameter, values in present(self._spaces[name], parameters):
            parameters[parameter] = _suggestion(asked, f"{name}.{parameter}", values)
        return name, parameters


def _suggestion(asked: Asked, key: str, values: Sequence[Any] | Range) -> Any:
    if isinstance(values, Integers):
        return asked.suggest_int(key, values.low, values.high, log=values.log)
    if isinstance(values, Uniform | LogUniform):
        log = isinstance(values, LogUniform)
        return rounded(asked.suggest_float(key, values.low, values.high, log=log), values)
    return values[asked.suggest_categorical(key, range(len(values)))]


def _encoded(values: Sequence[Any] | Range, value: Any) -> Any:
    return value if isinstance(values, Range) else list(values).index(value)


def _key(name: str, parameters: Mapping[str, Any]) -> _Key:
    return name, tuple((parameter, repr(value)) for parameter, value in parameters.items())


def _study(seed: int, startup: int) -> Study:
    # A second of imports that a search over defaults alone does not need.
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # A candidate's parameters exist for it alone, so each is modelled on its own.
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=False, n_startup_trials=startup)
    return optuna.create_study(direction="maximize", sampler=sampler)
