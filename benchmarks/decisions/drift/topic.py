"""Drift verdicts: false alarms on windows and streams without drift, and missed changes.

Each figure is the share of windows or streams that are `drifted`, next to that of a plain rule and
of the dummies that always or never say so. The seeds are fixed.
"""

import argparse
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow.compute as pc
from bench_report import say, table
from bench_settings import SHARED_DATA

from decisions.drift.counts import StreamKind, ever_drifted
from decisions.drift.mail import ENRON, FOLDERS, LINGSPAM, enron_and_lingspam, kitchen
from decisions.drift.rows import Stream, UseCaseRows, exceeds_fixed_limits, generated

USE_CASES = ("spam", "churn", "iris", "sentiment", "email_categories")
POOL_ROWS = 20_000
BASELINE_ROWS = 4_000
SMALLEST, LARGEST = 200, 5_000
WINDOW_ROWS = 2_000
MAIL_ROWS = 500
LOOKS = 720
KINDS = (StreamKind(2_000, 1), StreamKind(2_000, 20), StreamKind(200, 1), StreamKind(200, 2))
SPAM_SHARE_BEFORE, SPAM_SHARE_AFTER = 0.32, 0.42
FALSE_ALARMS, DETECTIONS = 0.05, 0.95
HEADER = ("", "drifted", "plain rule", "always", "never", "target")
Draws = Iterator[tuple[bool, bool]]


def run(options: argparse.Namespace) -> bool:
    """Return whether every figure reaches its target."""
    quick = options.quick
    pools = {name: generated(name, POOL_ROWS // (4 if quick else 1), 1) for name in USE_CASES}
    parts = (
        _windows(pools, 100 if quick else 2_000),
        _streams(pools, 5 if quick else 50, 24 if quick else LOOKS),
        _class_share(pools["spam"], 40 if quick else 400),
        _mail(20 if quick else 200),
    )
    return all(parts)


def _windows(pools: dict[str, UseCaseRows], windows: int) -> bool:
    """Windows of the baseline's distribution, with a new baseline drawn for each."""
    rows = []
    for seed, (name, pool) in enumerate(pools.items()):
        random = np.random.default_rng(seed)

        def draws(pool: UseCaseRows = pool, random: np.random.Generator = random) -> Draws:
            for _ in range(windows // len(pools)):
                size = round(float(np.exp(random.uniform(np.log(SMALLEST), np.log(LARGEST)))))
                baseline = pool.take(random.integers(len(pool), size=BASELINE_ROWS))
                verdict = Stream(baseline).judge(pool.take(random.integers(len(pool), size=size)))
                yield bool(verdict.drifted), exceeds_fixed_limits(verdict)

        rows.append(_row(name, draws()))
    title = (
        f"{windows:,} windows of the baseline's distribution, {SMALLEST} to {LARGEST:,} rows, "
        f"baseline of {BASELINE_ROWS:,} rows, redrawn; plain rule: PSI above its limit, KS"
    )
    return _show(title, rows, lambda share: share <= FALSE_ALARMS, f"<= {FALSE_ALARMS}")


def _streams(pools: dict[str, UseCaseRows], streams: int, looks: int) -> bool:
    """Streams at the edge of the tolerance, looked at every hour of a month."""
    rows = []
    for number, kind in enumerate(KINDS):
        found: list[tuple[bool, bool]] = []
        for name, pool in pools.items():
            drifted, plain = ever_drifted(pool, kind, streams, looks, BASELINE_ROWS, number)
            found += zip(drifted.tolist(), plain.tolist(), strict=True)
            say(f"  {kind}, {name}: {drifted.mean():.3f} ever drifted")
        rows.append(_row(str(kind), iter(found)))
    title = (
        f"{streams * len(pools) * len(KINDS):,} streams of {looks} looks at the edge of the "
        "tolerance: ever drifted; plain rule: chi-square tests at 5 %, divided among the columns"
    )
    return _show(title, rows, lambda share: share <= FALSE_ALARMS, f"<= {FALSE_ALARMS}")


def _class_share(pool: UseCaseRows, repetitions: int) -> bool:
    """The share of predicted spam rises; with it the other columns, or the prediction alone."""
    rows = []
    for name, alone in (("all columns follow", False), ("prediction alone", True)):
        random = np.random.default_rng(7)
        after = _mixed(pool, SPAM_SHARE_AFTER, alone)
        before = _mixed(pool, SPAM_SHARE_BEFORE, alone)

        def draws(
            before: Callable[[np.random.Generator, int], UseCaseRows] = before,
            after: Callable[[np.random.Generator, int], UseCaseRows] = after,
            random: np.random.Generator = random,
        ) -> Draws:
            for _ in range(repetitions):
                stream = Stream(before(random, BASELINE_ROWS))
                yield _within_two(stream, lambda: after(random, WINDOW_ROWS))

        rows.append(_row(name, draws()))
    title = (
        f"Share of spam {SPAM_SHARE_BEFORE} to {SPAM_SHARE_AFTER}, windows of {WINDOW_ROWS:,} rows,"
        f" baseline of {BASELINE_ROWS:,}: drifted within two of {repetitions} times"
    )
    return _show(title, rows, lambda share: share >= DETECTIONS, f">= {DETECTIONS}")


def _mixed(
    pool: UseCaseRows, share: float, alone: bool
) -> Callable[[np.random.Generator, int], UseCaseRows]:
    """Return a function that draws rows with a share of predicted spam."""
    is_spam = pc.equal(pool.columns["prediction"], "spam").to_numpy(zero_copy_only=False)
    groups = np.flatnonzero(is_spam), np.flatnonzero(~is_spam)

    def draw(random: np.random.Generator, size: int) -> UseCaseRows:
        spam = random.random(size) < share
        index = np.where(spam, random.choice(groups[0], size), random.choice(groups[1], size))
        rows = pool.take(index)
        if not alone:
            return rows
        others = pool.take(random.integers(len(pool), size=size))
        return UseCaseRows(pool.case, {**others.columns, "prediction": rows.columns["prediction"]})

    return draw


def _mail(repetitions: int) -> bool:
    """Mail of another collection, and a mailbox after its change, in resampled windows."""
    absent = [name for name in (ENRON, LINGSPAM, FOLDERS) if not (SHARED_DATA / name).is_file()]
    if absent:
        say(f"set SHARED_DATA to a folder with {', '.join(absent)} to measure drift of real mail")
        return True
    rows, clean = [], []
    for name, source in (("Enron to Ling-Spam", enron_and_lingspam), ("kitchen-l", kitchen)):
        before, after = source(SHARED_DATA, 0)
        random = np.random.default_rng(11)
        rows.append(_row(name, _resampled(random, before, after, repetitions)))
        # The baseline is a random half of the mail before, the windows come from the other one.
        clean.append(_row(f"{name}, before", _resampled(random, before, None, repetitions)))
    title = f"Windows of {MAIL_ROWS} resampled mails: drifted within two of {repetitions} times"
    found = _show(title, rows, lambda share: share >= DETECTIONS, f">= {DETECTIONS}")
    title = f"The same before the change: drifted within two of {repetitions} times"
    return _show(title, clean, lambda share: share <= FALSE_ALARMS, f"<= {FALSE_ALARMS}") and found


def _resampled(
    random: np.random.Generator, before: UseCaseRows, after: UseCaseRows | None, repetitions: int
) -> Draws:
    for _ in range(repetitions):
        order = random.permutation(len(before))
        half = len(before) // 2
        baseline = before if after else before.take(order[:half])
        source = after or before.take(order[half:])
        stream = Stream(baseline)
        yield _within_two(stream, lambda s=source: s.take(random.integers(len(s), size=MAIL_ROWS)))


def _within_two(stream: Stream, window: Callable[[], UseCaseRows]) -> tuple[bool, bool]:
    verdicts = [stream.judge(window()) for _ in range(2)]
    return (
        any(bool(verdict.drifted) for verdict in verdicts),
        any(exceeds_fixed_limits(verdict) for verdict in verdicts),
    )


def _row(name: str, draws: Draws) -> tuple[str, float, float]:
    found = np.array(list(draws), float)
    return name, float(found[:, 0].mean()), float(found[:, 1].mean())


def _show(
    title: str, rows: list[tuple[str, float, float]], reached: Callable[[float], bool], target: str
) -> bool:
    shown = [(name, f"{ours:.3f}", f"{plain:.3f}", "1", "0", target) for name, ours, plain in rows]
    table(title, HEADER, shown)
    return all(reached(ours) for _, ours, _ in rows)
