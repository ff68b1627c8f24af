"""How training chooses the rule that turns probabilities into a class."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class FalsePositiveRate:
    """The lowest threshold whose share of false positives among the negatives, on training rows
    the model was not fitted on, is at most `rate`, and never one below `at_least`.
    """

    rate: float
    at_least: float = 0.0


@dataclass(frozen=True)
class BestF1:
    """The threshold with the highest F1 of the positive class on training rows the model was not
    fitted on, and never one below `at_least`.
    """

    at_least: float = 0.0


@dataclass(frozen=True)
class ErrorCosts:
    """The threshold with the lowest total cost on training rows the model was not fitted on, in
    any unit. Correct answers cost nothing.
    """

    false_positive: float
    false_negative: float

    def __post_init__(self) -> None:
        """Refuse costs that are not positive."""
        if not (self.false_positive > 0 and self.false_negative > 0):
            raise ValueError(
                f"the costs of errors are {self.false_positive} and {self.false_negative}; "
                "both must be greater than 0"
            )


@dataclass(frozen=True)
class CostMatrix:
    """For any number of classes: answer the class with the lowest expected cost.

    `costs[label][answer]` is the cost of answering `answer` when `label` is true; the
    default is 0 for the correct class and 1 for any other.
    """

    costs: Mapping[str, Mapping[str, float]]


ScoreThreshold = FalsePositiveRate | BestF1 | ErrorCosts
"""How a threshold on the probability of the positive class of two is chosen."""

ThresholdRule = ScoreThreshold | CostMatrix
"""How the decision rule of a release is chosen; all but `CostMatrix` need two classes and
`positive`.
"""
