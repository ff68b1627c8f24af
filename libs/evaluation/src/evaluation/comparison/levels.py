"""The error rates of a comparison, divided among its criteria."""

from __future__ import annotations

from dataclasses import dataclass

ERROR_RATE = 0.05
# Of the probability of a wrong "equivalent" that outputs and labels share, the outputs' part.
OUTPUTS_SHARE = 0.2


@dataclass(frozen=True)
class Levels:
    """The probabilities with which the limits of one criterion may ever be wrong.

    A candidate is `worse` if one criterion says so, so the probability of a false `worse` is the
    sum over the criteria: it is divided among them (Bonferroni). It is `better` or `equivalent`
    only if all criteria say so, and a single one that is wrong must be wrong at its own level:
    that probability is not divided (intersection-union test, Berger 1982, "Multiparameter
    hypothesis testing and acceptance sampling", Technometrics 24).
    """

    lower: float
    upper: float

    @classmethod
    def of(cls, criteria: int, error_rate: float = ERROR_RATE) -> Levels:
        """Return the levels of each of so many criteria that may say `worse`."""
        return cls(error_rate / criteria, error_rate)

    def for_outputs(self) -> Levels:
        """Return the levels of the outputs' criterion, which replaces labels."""
        return Levels(self.lower, self.upper * OUTPUTS_SHARE)

    def for_labels(self) -> Levels:
        """Return the levels of the quality, where equivalent outputs may replace it."""
        return Levels(self.lower, self.upper * (1 - OUTPUTS_SHARE))
