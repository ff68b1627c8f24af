"""How many answers of a bad canary pass until the verdict is `worse`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from bench_report import note, table

from evaluation.comparison import (
    LabelledLosses,
    Losses,
    ServedAnswers,
    canary_criteria,
    combined_verdict,
)
from platform_core.contracts.comparison import ComparisonVerdict

RUNS, QUICK_RUNS = 100, 20
PER_SECOND, SHARE = 50, 0.1
# Records are sealed every five seconds; that is when the evidence is read.
READ_SECONDS, LAST_SECONDS = 5, 60
STABLE_WRONG = 0.03
ANSWERS, SECONDS = 300, 60
LOSSES = Losses(margin=0.01)


@dataclass(frozen=True)
class Canary:
    """What a canary does: `wrong` is the share of wrong answers, labels arrive within a second.

    `spread` is the standard deviation of the log of both releases' latencies.
    """

    name: str
    wrong: float = STABLE_WRONG
    failing: float = 0.0
    slower: float = 1.0
    spread: float = 0.5

    @property
    def bad(self) -> bool:
        """Whether it differs from the stable release."""
        return (self.wrong, self.failing, self.slower) != (STABLE_WRONG, 0.0, 1.0)


CANARIES = (
    Canary("inverted answers", wrong=1 - STABLE_WRONG),
    Canary("5 % errors", failing=0.05),
    Canary("2 x latency, p95 = 1.4 x median", slower=2.0, spread=0.2),
    Canary("2 x latency, p95 = 2.3 x median", slower=2.0, spread=0.5),
    Canary("2 x latency, p95 = 5.2 x median", slower=2.0, spread=1.0),
    Canary("equally good"),
)


def bad_canaries(quick: bool) -> bool:
    """Return whether bad canaries are withdrawn in time, and good ones are not."""
    runs = QUICK_RUNS if quick else RUNS
    note(
        f"{PER_SECOND} requests/s, {SHARE:.0%} to the canary, read every {READ_SECONDS} s, "
        f"{runs} runs each, at most {LAST_SECONDS} s"
    )
    rows, within = [], True
    for canary in CANARIES:
        found = [_withdrawn(canary, seed) for seed in range(runs)]
        answers = sorted(one.answers if one else np.inf for one in found)
        p95 = answers[int(np.ceil(0.95 * runs)) - 1]
        withdrawn = sum(one is not None for one in found) / runs
        ok = p95 <= ANSWERS if canary.bad else withdrawn <= 0.05  # noqa: PLR2004
        within &= ok
        rows.append([canary.name, withdrawn, *_words(answers, p95, found)])
    table("canaries withdrawn as `worse`", _HEADER, [*rows, *_DUMMIES])
    return within


_HEADER = ["", "withdrawn", "answers, median", "95 %", "s, 95 %"]
_DUMMIES: list[list[object]] = [
    ["always withdraw, good or bad", 1.0, "25", "25", "5"],
    ["never withdraw, good or bad", 0.0, "-", "-", "-"],
]


@dataclass(frozen=True)
class Withdrawal:
    """The canary's answers and the seconds until the verdict."""

    answers: int
    seconds: int


def _withdrawn(canary: Canary, seed: int) -> Withdrawal | None:
    random = np.random.default_rng(seed)
    rows = PER_SECOND * LAST_SECONDS
    mine = random.random(rows) < SHARE
    failed = mine & (random.random(rows) < canary.failing)
    seconds = random.lognormal(-4.5, canary.spread, rows) * np.where(mine, canary.slower, 1.0)
    wrong = random.random(rows) < np.where(mine, canary.wrong, STABLE_WRONG)
    for second in range(READ_SECONDS, LAST_SECONDS + 1, READ_SECONDS):
        read, answered = slice(0, second * PER_SECOND), ~failed[: (second - 1) * PER_SECOND]
        served = ServedAnswers(mine[read], failed[read], seconds[read])
        labelled = LabelledLosses(
            mine[: len(answered)][answered], wrong[: len(answered)][answered].astype(float)
        )
        verdict, _ = combined_verdict(canary_criteria(served, labelled, LOSSES))
        if verdict is ComparisonVerdict.WORSE:
            return Withdrawal(int(mine[read].sum()), second)
    return None


def _words(answers: Sequence[float], p95: float, found: Sequence[Withdrawal | None]) -> list[str]:
    seconds = sorted(one.seconds if one else np.inf for one in found)
    each = (answers[len(answers) // 2], p95, seconds[int(np.ceil(0.95 * len(seconds))) - 1])
    return [f"{value:.0f}" if np.isfinite(value) else "-" for value in each]
