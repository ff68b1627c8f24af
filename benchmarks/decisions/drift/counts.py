"""Streams of windows as counts: a month of hours, many streams at once."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from baseline import Reference, monitored_columns
from decisions.drift.rows import UseCaseRows
from drift_detector.detection.sequence import column_weights
from evaluation.drift import LONGEST, SequentialTest, events

BLOCKS = 25
# More would only take longer: e-BH divides the error rate among any number.
FEATURES = 4
# Looks tested at a time.
CHUNK = 48


@dataclass(frozen=True)
class StreamKind:
    """Windows of `rows` rows, each row repeated in a run of `run` rows."""

    rows: int
    run: int

    def __str__(self) -> str:
        return f"{self.rows} rows, {'independent' if self.run == 1 else f'runs of {self.run}'}"


@dataclass
class _Column:
    """One column of S streams: the baseline's counts [S, B], and the shares [S, B] of windows."""

    kind: Literal["numeric", "categorical"]
    baseline: np.ndarray
    shares: np.ndarray


def ever_drifted(
    pool: UseCaseRows, kind: StreamKind, streams: int, looks: int, baseline_rows: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return for S streams whether a look ever drifted [S], and whether a look ever had a column
    whose chi-square test of two samples is significant (5 % divided among the columns) [S].

    The baseline is redrawn for each stream. Its windows come from another distribution, whose
    largest difference of an event is exactly the tolerance, the worst case that is not drift.
    """
    random, test = np.random.default_rng(seed), SequentialTest()
    names = [column.name for column in monitored_columns(pool.case)]
    names = [*names[:-2][:FEATURES], *names[-2:]]  # the last two are the outputs
    columns = [
        _column(random, reference, streams, baseline_rows, test.tolerance)
        for name, reference in pool.references().items()
        if name in names
    ]
    weights = np.array(column_weights(names))
    e_values = np.zeros((looks, streams, len(columns)))
    significant = np.zeros(streams, bool)
    for i, column in enumerate(columns):
        counted, effects = [], []
        for _ in range(looks):
            blocks = _blocks(random, column.shares, kind)
            total = blocks.sum(axis=1)
            counted.append(events(column.kind, total))
            effects.append(_effects(column.kind, blocks))
            significant |= _significant(column.baseline, total, 0.05 / len(columns))
        e_values[:, :, i] = _every_look(test, column, np.array(counted), np.array(effects), kind)
    ordered = np.sort(e_values * weights, axis=2)[..., ::-1] * np.arange(1, len(columns) + 1)
    return (ordered >= 1 / test.alpha).any(axis=(0, 2)), significant  # e-BH


def _column(
    random: np.random.Generator, reference: Reference, streams: int, rows: int, tolerance: float
) -> _Column:
    bins, kind = reference.bins(reference.cells), reference.kind
    shares = bins / bins.sum()
    other = random.dirichlet(np.ones(len(shares)), size=streams)
    difference = events(kind, other) - events(kind, shares)
    mixed = np.minimum(tolerance / np.abs(difference).max(axis=1), 1)[:, None]
    baseline = random.multinomial(rows, shares, streams)
    return _Column(kind, baseline, (1 - mixed) * shares + mixed * other)


def _blocks(random: np.random.Generator, shares: np.ndarray, kind: StreamKind) -> np.ndarray:
    """Return the counts [S, BLOCKS, B] of a window: runs may lie across two blocks."""
    if kind.run == 1:
        return random.multinomial(kind.rows // BLOCKS, shares[:, None], (len(shares), BLOCKS))
    runs = kind.rows // kind.run
    drawn = random.multinomial(1, shares[:, None], (len(shares), runs))
    starts, size = np.arange(runs) * kind.run, kind.rows / BLOCKS
    ends = np.arange(BLOCKS)[:, None] * size
    low, high = np.maximum(starts, ends), np.minimum(starts + kind.run, ends + size)
    return np.maximum(high - low, 0).astype(np.float32) @ drawn.astype(np.float32)


def _effects(kind: Literal["numeric", "categorical"], blocks: np.ndarray) -> np.ndarray:
    """Return the design effects [S] of blocks of equal size, as `evaluation.drift` does for one."""
    counted = events(kind, blocks)
    rows = blocks.sum(axis=(1, 2))
    shares = counted.sum(axis=1) / rows[:, None]
    between = ((counted - (rows / BLOCKS)[:, None, None] * shares[:, None]) ** 2).sum(axis=(1, 2))
    independent = (rows[:, None] * shares * (1 - shares)).sum(axis=1)
    known = independent > 0
    effect = BLOCKS / (BLOCKS - 1) * between / np.where(known, independent, 1)
    return np.where(known, effect, 1.0)


def _every_look(
    test: SequentialTest, column: _Column, counted: np.ndarray, effects: np.ndarray,
    kind: StreamKind,
) -> np.ndarray:  # fmt: skip
    """Return the e-values [T, S] at each of T looks, from events [T, S, K] and effects [T, S].

    The looks before each one become an axis of their own, so that all are tested in one call;
    looks before the first have no rows.
    """
    before = LONGEST - 1
    events_before = np.pad(counted, ((before, 0), (0, 0), (0, 0)))
    rows = np.pad(np.full(effects.shape, kind.rows), ((before, 0), (0, 0)))
    effects = np.pad(effects, ((before, 0), (0, 0)))
    windows = (
        np.moveaxis(np.lib.stride_tricks.sliding_window_view(a, LONGEST, axis=0), -1, 0)
        for a in (events_before, rows, effects)
    )
    seen, seen_rows, seen_effects = windows
    found = [
        test.e_values(
            events(column.kind, column.baseline),
            column.baseline.sum(axis=1),
            seen[:, at : at + CHUNK],
            seen_rows[:, at : at + CHUNK],
            seen_effects[:, at : at + CHUNK],
        )
        for at in range(0, len(counted), CHUNK)
    ]
    return np.concatenate(found)


def _significant(baseline: np.ndarray, window: np.ndarray, alpha: float) -> np.ndarray:
    n, m = baseline.sum(axis=1, keepdims=True), window.sum(axis=1, keepdims=True)
    pooled = (baseline + window) / (n + m)
    used = pooled > 0
    safe = np.where(used, pooled, 1)
    statistic = (baseline - n * pooled) ** 2 / (n * safe) + (window - m * pooled) ** 2 / (m * safe)
    freedom = used.sum(axis=1) - 1
    p_values = special.chdtrc(np.maximum(freedom, 1), statistic.sum(axis=1))
    return np.asarray((p_values < alpha) & (freedom > 0))
