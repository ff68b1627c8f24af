"""The parts of a record that contribute most to its score."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mlplatform_client.models.predictions import PredictionExplanation

SHOWN_PARTS = 10
NOTICEABLE = 0.001
"""A change of a probability up to this one, 0.1 percentage points, does not count."""
LEAST_SCALE = 0.01
"""Bars of probabilities are not drawn on a smaller scale, so that a tiny change has a tiny bar."""


@dataclass(frozen=True)
class Contribution:
    """A part of the record, and the change of the score by it.

    `place` of `times`: which occurrence of the same text in the same field this is.
    """

    field: str
    value: str | float | None
    is_text: bool
    replaced_by: Sequence[str | float | None]
    change: float
    place: int
    times: int


@dataclass(frozen=True)
class Contributions:
    """The parts with the largest effect, largest first.

    `less` counts further parts that are not shown, `fixed` those that cannot be left out. `scale`
    is the change that fills a bar. `negligible`: no change is larger than `noticeable`.
    """

    shown: Sequence[Contribution]
    less: int
    fixed: int
    scale: float
    negligible: bool
    noticeable: float = NOTICEABLE


def contributions(explanation: PredictionExplanation) -> Contributions:
    """Return the parts of an explanation for a page."""
    times = Counter((one.field, one.value) for one in explanation.parts)
    seen: Counter[tuple[str, str | float | None]] = Counter()
    found: list[Contribution] = []
    for one in explanation.parts:
        key = one.field, one.value
        seen[key] += 1
        if one.change is not None:
            is_text = one.start is not None
            place = seen[key], times[key]
            found.append(Contribution(*key, is_text, one.replaced_by, one.change, *place))
    found.sort(key=lambda one: abs(one.change), reverse=True)
    largest = abs(found[0].change) if found else 0.0
    is_share = explanation.score_of is not None
    return Contributions(
        shown=found[:SHOWN_PARTS],
        less=max(0, len(found) - SHOWN_PARTS),
        fixed=len(explanation.parts) - len(found),
        scale=max(largest, LEAST_SCALE) if is_share else largest,
        negligible=largest <= (NOTICEABLE if is_share else 0),
    )
