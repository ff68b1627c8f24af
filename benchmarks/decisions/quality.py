"""Quality estimates: coverage and width of intervals, rank correlation, regret of retraining.

Intervals: populations are the answers of real models, and of a simulated one that is hardly ever
wrong. Each resample draws `DRAWN` rows, of which `LABELLED` have a label. Compared with the labels
alone, and with the probabilities alone.

Correlation and regret: the accuracy of each window of `decisions.streams` is estimated without any
of its labels; earlier windows calibrate it when their labels have arrived. Compared with the
accuracy of the last window whose labels are complete, and with "always" and "never" retraining.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from bench_report import note, say, table
from bench_settings import SHARED_DATA
from scipy.stats import spearmanr

from decisions.streams import Stream, StreamPredictions, missing_files, streams
from evaluation.quality import (
    CalibrationWindow,
    ClassCalibrator,
    ClassScores,
    ClassWindow,
    class_cells,
    class_quality,
    mean_logits,
)
from platform_core.contracts.quality_report import MetricQuality

RESAMPLES, QUICK_RESAMPLES = 1_000, 200
DRAWN, LABELLED = 2_000, 200
COVERAGE, WIDER, CORRELATION = 0.93, 1.05, 0.6
CALIBRATION_ROWS = 1_000
DELAYS, DELAY = (1, 2, 4), 2
"""Windows until the labels of one are known; the regret is that of the second."""
SHORTFALL = 0.05
"""A model should be retrained when its accuracy is so much below that on its test rows."""
_UNKNOWN = -1


def run(options: argparse.Namespace) -> bool:
    """Return whether every figure is within its limit."""
    known: list[Stream] = []
    if absent := missing_files():
        note(f"streams are not measured: {SHARED_DATA} lacks {', '.join(absent)}; set SHARED_DATA")
    else:
        known = list(streams())
    resamples = QUICK_RESAMPLES if options.quick else RESAMPLES
    results = [_intervals(known, resamples)]
    if known:
        followed = {delay: [_follow(one, delay) for one in known] for delay in DELAYS}
        results += [_correlations(followed), _regrets(followed[DELAY])]
    return all(results)


def _intervals(known: Sequence[Stream], resamples: int) -> bool:
    rows, passed = [], True
    for name, answers in _populations(known):
        covered, ratios = _resampled(answers, resamples)
        ours, labels, probabilities = covered.mean(axis=0)
        passed &= bool(ours >= COVERAGE and ratios.max() <= WIDER)
        shown = (ours, labels, probabilities, ratios.mean(), ratios.max())
        rows.append([name, f"{answers.accuracy:.3f}", *(f"{value:.3f}" for value in shown)])
    title = (
        f"quality: accuracy from {LABELLED} labels of {DRAWN:,} rows, {resamples:,} resamples; "
        f"limits: coverage {COVERAGE}, width {WIDER}"
    )
    header = ["answers of", "accuracy", "coverage", "labels alone", "probabilities alone"]
    table(title, [*header, "mean width / labels alone", "largest"], rows)
    return passed


def _populations(known: Sequence[Stream]) -> Iterator[tuple[str, StreamPredictions]]:
    random = np.random.default_rng(0)
    logits = 5 * random.normal(-0.3, 3, 40_000)
    positive = 1 / (1 + np.exp(-logits))
    labels = (random.random(len(logits)) < positive).astype(np.int64)
    yield (
        "simulated, calibrated",
        StreamPredictions(np.column_stack([1 - positive, positive]), labels),
    )
    for one in known:
        probabilities = np.concatenate([window.probabilities for window in one.windows])
        yield (
            one.name,
            StreamPredictions(probabilities, np.concatenate([w.labels for w in one.windows])),
        )


def _resampled(answers: StreamPredictions, resamples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return whether each interval covers [resamples, 3], and the widths relative to labels."""
    random, covered, ratios = np.random.default_rng(1), [], []
    unfitted = ClassCalibrator.unfitted(answers.probabilities.shape[1])
    for _ in range(resamples):
        rows = random.integers(len(answers.labels), size=DRAWN)
        window = _window(answers.probabilities[rows], answers.labels[rows], LABELLED)
        ours = _accuracy(window, unfitted)
        alone = _accuracy(window.take(np.arange(LABELLED)), unfitted)
        given = window.scores.probabilities.max(axis=1)
        half = 1.96 * given.std() / DRAWN**0.5
        plain = (given.mean() - half, given.mean() + half)
        ends = [(ours.low, ours.high), (alone.low, alone.high), plain]
        covered.append([low <= answers.accuracy <= high for low, high in ends])
        ratios.append((ours.high - ours.low) / (alone.high - alone.low))
    return np.array(covered), np.array(ratios)


@dataclass(frozen=True)
class Followed:
    """The accuracy of each window of a stream, its estimate, and the last complete cohort's.

    `covered` and `width` are those of the interval of the estimate.
    """

    name: str
    tested: float
    true: np.ndarray
    estimated: np.ndarray
    cohort: np.ndarray
    covered: np.ndarray
    width: np.ndarray


def _follow(stream: Stream, delay: int) -> Followed:
    classes = [str(number) for number in range(stream.test.probabilities.shape[1])]
    tested = ClassCalibrator.unfitted(len(classes)).fitted(_cells(classes, stream.test), classes)
    rows = []
    for number, window in enumerate(stream.windows):
        earlier = stream.windows[: max(number - delay + 1, 0)]
        known = [
            CalibrationWindow(_cells(classes, one), mean_logits(classes, one.probabilities), age)
            for age, one in enumerate(_last(earlier, CALIBRATION_ROWS), number - len(earlier) + 1)
        ]
        logits = mean_logits(classes, window.probabilities)
        calibrator = tested.followed(known, logits, classes)
        found = _accuracy(_window(window.probabilities, window.labels, 0), calibrator)
        cohort = earlier[-1].accuracy if earlier else stream.test.accuracy
        inside = found.low <= window.accuracy <= found.high
        width = found.high - found.low
        rows.append((window.accuracy, found.estimate, cohort, inside, width))
    return Followed(stream.name, stream.test.accuracy, *np.array(rows, float).T)


def _last(windows: Sequence[StreamPredictions], rows: int) -> Iterator[StreamPredictions]:
    """Yield the last windows until they have `rows` rows or more, the latest first."""
    for window in reversed(windows):
        yield window
        rows -= len(window.labels)
        if rows <= 0:
            return


def _correlations(followed: dict[int, list[Followed]]) -> bool:
    """Correlate with the true degradation: within each stream, and over all windows."""
    rows, lowest = [], 1.0
    for delay, every in followed.items():
        for one in every:
            degradation = one.tested - one.true
            rows.append([one.name, delay, len(one.true), f"{one.tested:.3f}",
                         f"{degradation.mean():.3f}", *_ranks(degradation, one),
                         f"{one.covered.mean():.2f}", f"{one.width.mean():.2f}"])  # fmt: skip
        pooled = _pooled(every)
        rows.append(["all windows", delay, len(pooled.true), "", "",
                     *_ranks(pooled.tested - pooled.true, pooled),
                     f"{pooled.covered.mean():.2f}", f"{pooled.width.mean():.2f}"])  # fmt: skip
        found = _rank(pooled.tested - pooled.true, pooled.tested - pooled.estimated)
        lowest = min(lowest, found)
    title = f"quality: rank correlation with the true degradation; limit {CORRELATION}, all windows"
    header = ["stream", "delay", "windows", "accuracy on test rows", "mean degradation"]
    table(title, [*header, "estimate", "last cohort", "estimate covers", "mean width"], rows)
    return lowest >= CORRELATION


def _ranks(degradation: np.ndarray, one: Followed) -> list[str]:
    guesses = (one.estimated, one.cohort)
    return [f"{_rank(degradation, one.tested - guess):.2f}" for guess in guesses]


def _rank(first: np.ndarray, second: np.ndarray) -> float:
    return float(spearmanr(first, second).statistic)


def _pooled(every: Sequence[Followed]) -> Followed:
    tested = np.concatenate([np.full(len(one.true), one.tested) for one in every])
    parts = zip(*((o.true, o.estimated, o.cohort, o.covered, o.width) for o in every), strict=True)
    return Followed("all windows", tested, *map(np.concatenate, parts))  # type: ignore[arg-type]


def _regrets(every: Sequence[Followed]) -> bool:
    """Retrain where the accuracy is thought to be below the limit; a wrong decision costs the
    distance between accuracy and limit.
    """
    rows, totals = [], np.zeros(4)
    for one in every:
        limit = one.tested - SHORTFALL
        cost = np.abs(one.true - limit)
        should = one.true < limit
        decisions = (one.estimated < limit, one.cohort < limit, True, False)
        regrets = np.array([(cost * (should != decision)).sum() for decision in decisions])
        totals += regrets
        rows.append([one.name, *(f"{100 * value / len(cost):.2f}" for value in regrets)])
    windows = sum(len(one.true) for one in every)
    rows.append(["all windows", *(f"{100 * value / windows:.2f}" for value in totals)])
    title = (
        f"quality: regret of retraining decisions, accuracy points per window, labels {DELAY} "
        f"windows late, retraining due {100 * SHORTFALL:.0f} points below the test rows"
    )
    table(title, ["stream", "estimate", "last complete cohort", "always", "never"], rows)
    if not totals[0] <= totals[1]:
        say("the estimate decides worse than the last complete cohort")
    return bool(totals[0] <= totals[1])


def _window(probabilities: np.ndarray, labels: np.ndarray, labelled: int) -> ClassWindow:
    scores = ClassScores(probabilities.argmax(axis=1), probabilities, None)
    return ClassWindow(scores, np.where(np.arange(len(labels)) < labelled, labels, _UNKNOWN))


def _accuracy(window: ClassWindow, calibrator: ClassCalibrator) -> MetricQuality:
    (found,) = class_quality(window, calibrator, ["accuracy"])
    return found


def _cells(classes: Sequence[str], answers: StreamPredictions) -> list:
    return class_cells(classes, answers.probabilities, answers.labels)
