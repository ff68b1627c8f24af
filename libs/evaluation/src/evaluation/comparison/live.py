"""All criteria of a canary or a shadow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.comparison.latency import (
    CANARY_LATENCY,
    SHADOW_LATENCY,
    LatencyRule,
    measured_latency,
)
from evaluation.comparison.levels import ERROR_RATE, Levels
from evaluation.comparison.quality import (
    Losses,
    outputs_criterion,
    paired_quality,
    unpaired_quality,
)
from evaluation.comparison.rates import RateCounts
from evaluation.comparison.service import errors_criterion
from evaluation.curves import Floats
from platform_core.contracts.comparison import CriterionResult

ERRORS_MARGIN = 0.01
# Errors, three criteria of latency, and quality may say `worse`.
_CRITERIA = 5


@dataclass(frozen=True)
class ServedAnswers:
    """N answers of both releases, in the order of time.

    `candidate` [N]: it is the candidate's. `failed` [N]: the release gave no usable answer.
    `seconds` [N]: how long the caller waited. `service` [N]: how long the release took without
    waiting for a processor, NaN where that is unknown, `None` if it is for all. Of failed answers
    both are not used.
    """

    candidate: NDArray[np.bool_]
    failed: NDArray[np.bool_]
    seconds: Floats
    service: Floats | None = None


@dataclass(frozen=True)
class LabelledLosses:
    """The losses [M] of labelled answers of both releases, in the order of time.

    `candidate` [M] says whose answer each is.
    """

    candidate: NDArray[np.bool_]
    losses: Floats


@dataclass(frozen=True)
class PairedAnswers:
    """Records that both releases answered.

    `outputs` [K] is the difference of the answers to each record, `losses` [M] the candidate's
    loss minus the stable release's of each that has a label.
    """

    outputs: Floats
    losses: Floats


def canary_criteria(
    answers: ServedAnswers, labelled: LabelledLosses, losses: Losses, error_rate: float = ERROR_RATE
) -> tuple[CriterionResult, ...]:
    """Compare a canary with the stable release; each record has an answer of one of them."""
    levels = Levels.of(_CRITERIA, error_rate)
    quality = unpaired_quality(labelled.candidate, labelled.losses, losses, levels)
    return (*_service(answers, levels, CANARY_LATENCY), quality)


def shadow_criteria(
    answers: ServedAnswers, pairs: PairedAnswers, losses: Losses, error_rate: float = ERROR_RATE
) -> tuple[CriterionResult, ...]:
    """Compare a shadow with the stable release on the records that both answered."""
    levels = Levels.of(_CRITERIA, error_rate)
    outputs = outputs_criterion(pairs.outputs, losses, levels.for_outputs())
    quality = paired_quality(pairs.losses, losses, levels.for_labels())
    return (*_service(answers, levels, SHADOW_LATENCY), outputs, quality)


def _service(answers: ServedAnswers, levels: Levels, rule: LatencyRule) -> list[CriterionResult]:
    errors = RateCounts.of(answers.candidate, answers.failed)
    answered = ~answers.failed
    unknown = np.full(len(answered), np.nan)
    service = unknown if answers.service is None else answers.service
    candidate, seconds = answers.candidate[answered], answers.seconds[answered]
    latency = measured_latency(candidate, seconds, service[answered], levels, rule)
    return [errors_criterion(errors, ERRORS_MARGIN, levels), *latency]
