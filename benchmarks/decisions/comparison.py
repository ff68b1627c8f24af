"""Verdicts on canaries and shadows: error rates, records needed, detection and cost.

The sequential verdicts are simulated with the evidence of `evaluation.comparison`; a verdict is
reached when its log reaches log(1 / error). They are compared with a test at 5 %
that is read as often, and the policies "always" and "never".
"""

import argparse
from functools import partial

import numpy as np
from bench_report import cost, note, table

from decisions.canaries import bad_canaries
from decisions.evidence import Blocks, PairedRecords, Simulation, TwoRates, share_ever
from evaluation.comparison import (
    Levels,
    Losses,
    PairedAnswers,
    ServedAnswers,
    combined_verdict,
    shadow_criteria,
)
from evaluation.comparison.needed import POWER

PAIRS, QUICK_PAIRS = 2_000, 400
DAYS = 30
LIMIT, TOLERANCE, SECONDS = 0.05, 0.10, 2.0
ROWS = 10_000
LEVELS = Levels.of(4)
_HEADER = ["", "sequential", "5 % test, read daily", "always", "never", "limit"]


def run(options: argparse.Namespace) -> bool:
    """Return whether every figure is within its limit."""
    pairs = QUICK_PAIRS if options.quick else PAIRS
    simulations = _simulations()
    return all(
        [
            _error_rates(simulations, pairs),
            _needed(simulations, pairs),
            bad_canaries(options.quick),
            _cost(),
        ]
    )


def _simulations() -> list[Simulation]:
    """Return kinds of evidence; each day has as many records of the candidate."""
    return [
        PairedRecords("shadow, 2 % disagree, margin 1", 0.01, LEVELS, 500, 200, 0.02),
        PairedRecords("shadow, 2 % disagree, margin 0.5", 0.005, LEVELS, 500, 200, 0.02),
        PairedRecords("shadow, 10 % disagree, margin 2", 0.02, LEVELS, 500, 200, 0.10),
        Blocks("canary of 10 %, 5 % wrong, margin 1", 0.01, LEVELS, 500, 500, 0.05),
        TwoRates("errors, 0.5 %, margin 1", 0.01, LEVELS, 200, 200, 0.005),
        TwoRates("slow answers, 5 %, margin 5", 0.05, LEVELS, 200, 100, 0.05),
    ]


def _error_rates(simulations: list[Simulation], pairs: int) -> bool:
    note(f"{pairs:,} simulated pairs of releases each, {DAYS} daily readings")
    promotions, betters, worses, decided, within = [], [], [], [], True
    for one in simulations:
        days = one.looks(DAYS)
        at_margin = one.paths(pairs, days, one.margin, seed=1)
        equal = one.paths(pairs, days, 0.0, seed=2)
        wrong = share_ever(one.below(at_margin, one.margin), LEVELS.upper)
        better = share_ever(one.below(equal, 0.0), LEVELS.upper)
        worse = share_ever(one.above(equal, 0.0), LEVELS.lower)
        peeked = one.normal(at_margin, one.margin), one.normal(equal, 0.0)
        promotions.append([one.name, wrong, _ever(peeked[0] < -1.645), 1.0, 0.0, LIMIT])  # noqa: PLR2004
        betters.append([one.name, better, _ever(peeked[1] < -1.645), 1.0, 0.0, LIMIT])  # noqa: PLR2004
        worses.append([one.name, worse, _ever(peeked[1] > 2.241), 1.0, 0.0, LEVELS.lower])  # noqa: PLR2004
        promoted = share_ever(one.below(equal, one.margin), LEVELS.upper)
        decided.append([one.name, promoted, 1.0, 0.0])
        within &= max(wrong, better) <= LIMIT and worse <= LEVELS.lower
    table("worse by exactly the margin: share ever promoted", _HEADER, promotions)
    table("equally good: share ever `better`", _HEADER, betters)
    table("equally good: share ever `worse`, of one criterion of four", _HEADER, worses)
    header = ["", f"promoted within {DAYS} days", "always", "never"]
    table("equally good: share promoted as `equivalent`", header, decided)
    return within


def _needed(simulations: list[Simulation], pairs: int) -> bool:
    rows, within = [], True
    for one in simulations:
        stated = one.needed()
        # Read almost after every record: far denser than the estimate's own simulation.
        looks = np.unique(np.geomspace(stated / 8, stated * 2, 400).astype(np.int64))
        further = one.continued(one.paths(pairs, looks, 0.0, seed=3))
        evidence = one.below(further, one.margin)
        decided = np.maximum.accumulate(evidence, axis=1) >= -np.log(LEVELS.upper)
        simulated = looks[np.argmax(decided.mean(axis=0) >= POWER)]
        error = stated / simulated - 1
        rows.append([one.name, f"{stated:,}", f"{simulated:,}", f"{error:+.1%}", one.fixed()])
        within &= abs(error) <= TOLERANCE
    header = ["", "stated", f"simulated, {POWER:.0%}", "difference", "fixed number, 80 %"]
    table("further records of the candidate needed if equally good", header, rows)
    return within


def _cost() -> bool:
    random = np.random.default_rng(0)
    answers = ServedAnswers(
        np.arange(2 * ROWS) % 2 == 0,
        random.random(2 * ROWS) < 0.001,  # noqa: PLR2004
        random.lognormal(-4, 0.5, 2 * ROWS),
    )
    disagree = (random.random(ROWS) < 0.02).astype(float)  # noqa: PLR2004
    classes = PairedAnswers(disagree, disagree * random.choice([-1.0, 1.0], ROWS))
    errors = random.normal(0, 0.1, (2, ROWS)).clip(-1, 1)
    numbers = PairedAnswers(np.abs(errors[0]), errors[1])
    rows, within = [], True
    for name, pairs in (("classes", classes), ("numbers", numbers)):
        work = partial(shadow_criteria, answers, pairs, Losses(0.005))
        spent = cost(lambda work=work: combined_verdict(work()))
        rows.append([name, spent.wall, spent.cpu, SECONDS])
        within &= spent.wall <= SECONDS
    table(f"a verdict on {ROWS:,} pairs, all five criteria", ["", "s", "CPU s", "limit"], rows)
    return within


def _ever(reached: np.ndarray) -> float:
    return float(reached.any(axis=1).mean())
