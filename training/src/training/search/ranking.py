"""The order of the trials of a search."""

from collections.abc import Sequence

from evaluation import within_one_standard_error
from platform_core.errors import ReleaseRefused
from training.search.trials import TrialResult


def ranked(results: Sequence[TrialResult]) -> list[TrialResult]:
    """Return `results`, best first.

    Trials within one standard error of the highest score come first (the rule of one standard
    error, Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning", 7.10).
    Among them the candidate that the use case declares first wins, since rows of the same source
    cannot show what holds elsewhere; then the trial whose probabilities rank the rows better. The
    others follow by score. Trials that may not win come last.
    """
    allowed = [result for result in results if result.excluded is None]
    last = sorted((one for one in results if one.excluded is not None), key=_by_score)
    return [*_ranked(allowed), *last]


def winner(results: Sequence[TrialResult]) -> TrialResult:
    """Return the first of ranked results.

    Raises:
        ReleaseRefused: no trial may win; the message says why.
    """
    best = results[0]
    if best.excluded is None:
        return best
    reasons = {one.trial.candidate: one.excluded for one in reversed(results)}
    raise ReleaseRefused(
        "no candidate has an ONNX graph with the same answers: "
        + "; ".join(f"{name}: {why}" for name, why in sorted(reasons.items()))
    )


def explained(results: Sequence[TrialResult], metric: str) -> str | None:
    """Return why the first of ranked results is not the one with the highest score, if so."""
    best = results[0]
    highest = min((one for one in results if one.excluded is None), key=_by_score)
    if highest.merit <= best.merit:
        return None
    measure = "R2" if best.lower_is_better or metric == "r2" else "average precision"
    return (
        f"{highest.trial.candidate} {highest.trial.parameters} has the best {metric} "
        f"({highest.score:.4f}, chosen {best.score:.4f}), but the folds do not tell the two apart "
        f"(one standard error); among such trials the candidate that is declared first wins, then "
        f"the higher {measure} ({best.ranking:.4f} against {highest.ranking:.4f})"
    )


def _ranked(results: Sequence[TrialResult]) -> list[TrialResult]:
    if not results:
        return []
    first = min(results, key=_by_score)
    tied = [
        result
        for result in results
        if within_one_standard_error(first.fold_merits, result.fold_merits)
    ]
    others = [result for result in results if result not in tied]
    # A search begins with a trial of each candidate, in the order of their declaration.
    declared: dict[str, int] = {}
    for result in sorted(results, key=lambda one: one.trial.number):
        declared.setdefault(result.trial.candidate, len(declared))
    tied.sort(key=lambda one: (declared[one.trial.candidate], *_by_ranking(one)))
    return [*tied, *sorted(others, key=_by_score)]


def _by_score(result: TrialResult) -> tuple[float, int]:
    return -result.merit, result.trial.number


def _by_ranking(result: TrialResult) -> tuple[float, float, int]:
    return -result.ranking, *_by_score(result)
