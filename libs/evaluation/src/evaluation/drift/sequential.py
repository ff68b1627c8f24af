"""A sequential test of one column over the windows (looks) of a stream."""

from dataclasses import dataclass

import numpy as np

from evaluation.curves import Floats
from evaluation.drift.blocks import pooled_design_effect
from evaluation.drift.shift import shift_evidence

# E-values are finite numbers in reports.
LOG_LIMIT = np.log(1e100)
# The last 1, 2, 4, ... looks are tested together. After so many, the baseline's error dominates.
LENGTHS = (1, 2, 4, 8, 16, 32)
LONGEST = LENGTHS[-1]


@dataclass(frozen=True)
class SequentialTest:
    """A test that may be read after every look.

    `alpha` is the probability of ever rejecting within `looks` looks a stream whose shares differ
    from the baseline's by at most `tolerance`, and `spread` the typical size of an excess: a wrong
    guess costs power, not validity.
    """

    alpha: float = 0.05
    tolerance: float = 0.02
    looks: int = 720
    spread: float = 0.05

    def e_values(
        self,
        baseline: Floats,
        baseline_rows: Floats,
        events: Floats,
        rows: Floats,
        design_effects: Floats,
    ) -> Floats:
        """Return the e-values of columns at the last of T looks, [...].

        `baseline` [..., K] and `events` [T, ..., K] are counts of K events, `baseline_rows` [...]
        and `rows` [T, ...] of rows, and `design_effects` [T, ...] as `design_effect` returns them;
        a look without rows counts nothing. Only the last `LONGEST` looks matter, the last one
        being the newest.

        A change may begin at any look, so a test supermartingale E_j starts at each look j, and
        their sum is tested, divided by the horizon: E = (sum_j E_j) / `looks`. The sum is the
        Shiryaev-Roberts e-detector (Shin, Ramdas and Rinaldo 2023, "E-detectors: a nonparametric
        framework for sequential change detection", NEJSDS 2): the sum minus the number of looks is
        a supermartingale, so that by Ville's inequality E exceeds 1 / a within `looks` looks with
        probability at most a. Afterwards the expected time between false alarms stays at least
        `looks` / a. Only the tests that began 1, 2, 4, ... looks ago are summed: leaving others out
        can only lower E. E_j is the mean of `shift_evidence` over the events, at the shares of all
        rows since look j; the number of rows is divided by `pooled_design_effect`.
        """
        if not events.shape[-1]:  # a column with one bin
            return np.zeros(np.shape(rows)[1:])
        recent = slice(-LONGEST, None)
        effect = pooled_design_effect(design_effects[recent], rows[recent])
        logarithms = [
            np.where(
                rows[-length] > 0,
                self._mean(baseline, baseline_rows, events[-length:], rows[-length:], effect),
                -np.inf,
            )
            for length in LENGTHS
            if length <= len(events)
        ]
        summed = np.logaddexp.reduce(logarithms, axis=0) - np.log(self.looks)
        return np.asarray(np.exp(np.minimum(summed, LOG_LIMIT)))

    def _mean(
        self, baseline: Floats, baseline_rows: Floats, events: Floats, rows: Floats, effect: Floats
    ) -> Floats:
        """Return the logarithm of the mean e-value of the events in all rows of these looks."""
        logarithms = shift_evidence(
            baseline,
            baseline_rows[..., None],
            events.sum(axis=0) / effect[..., None],
            (np.maximum(rows.sum(axis=0), 1) / effect)[..., None],
            tolerance=self.tolerance,
            spread=self.spread,
        )
        return np.asarray(np.logaddexp.reduce(logarithms, axis=-1) - np.log(logarithms.shape[-1]))
