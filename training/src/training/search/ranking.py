"""The order of the trials of a search when the folds cannot tell some of them apart."""

from collections.abc import Sequence

from evaluation import within_one_standard_error
from training.search.trials import TrialResult


def ranked(results: Sequence[TrialResult]) -> list[TrialResult]:
    """Return `results`, best first.

    A metric of decisions (F1 and others) depends on a few rows near the threshold. Trials whose
    folds do not tell them apart from the highest score come first, ordered by how well their
    probabilities rank the rows, which every row takes part in; then the others by score. What is
    still equal keeps the order of the trials.
    """
    if not results:
        return []
    first = min(results, key=_by_score)
    tied = [
        result
        for result in results
        if within_one_standard_error(first.fold_merits, result.fold_merits)
    ]
    others = [result for result in results if result not in tied]
    return [*sorted(tied, key=_by_ranking), *sorted(others, key=_by_score)]


def _by_score(result: TrialResult) -> tuple[float, int]:
    return -result.merit, result.trial.number


def _by_ranking(result: TrialResult) -> tuple[float, float, int]:
    return -result.ranking, *_by_score(result)
