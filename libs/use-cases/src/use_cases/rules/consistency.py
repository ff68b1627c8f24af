"""Contradictions within a use case, found before anything is trained."""

from collections.abc import Iterator, Sequence

from platform_core.contracts.tasks import TASK_METRICS
from platform_core.errors import ConfigurationError
from use_cases.interface import UseCase
from use_cases.rules.thresholds import CostMatrix
from use_cases.training import LabelSpec, TrainingUseCase

MAX_CLASSES = 100
"""Each class is a column of the inference log, and needs rows in each split of the data."""


def check_consistency(case: UseCase) -> None:
    """Check that task, classes, label, metric, threshold and gates of a use case fit together.

    Raises:
        ConfigurationError: something does not; the message names it and says what to do.
    """
    training = case.training()
    problems = [
        *_classes(case),
        *_label(case, training.label),
        *_metrics(case, training),
        *_threshold(case, training),
    ]
    if problems:
        raise ConfigurationError(f"the use case {case.name} contradicts itself: {problems[0]}")


def _classes(case: UseCase) -> Iterator[str]:
    count, task = len(case.classes), case.task
    if len(set(case.classes)) < count:
        yield f"a class occurs twice in {list(case.classes)}"
    if count > MAX_CLASSES:
        yield (
            f"it has {count:,} classes, at most {MAX_CLASSES} are possible; group rare ones, or "
            "use task regression where the label is a number"
        )
    fits = {"regression": count == 0, "binary": count == 2, "multiclass": count > 2}  # noqa: PLR2004
    if not fits[task]:
        yield (
            f"its task is {task}, its classes are {_some(case.classes)}; regression has none, "
            "binary two, multiclass more"
        )
    if case.positive not in {None, *case.classes}:
        yield f"`positive` is {case.positive!r}, the classes are {_some(case.classes)}"


def _label(case: UseCase, label: LabelSpec) -> Iterator[str]:
    targets = set(label.values.values())
    if not case.classes and targets:
        yield "it predicts a number, but its LabelSpec has `values`; leave them out"
    if case.classes and targets != set(case.classes):
        yield (
            f"the values of its LabelSpec map to {_some(sorted(targets))}, the classes are "
            f"{_some(case.classes)}"
        )
    if label.column in case.record_schema.names:
        yield (
            f"the label column {label.column} is also a column of the record, so a model "
            "would see its own label"
        )


def _metrics(case: UseCase, training: TrainingUseCase) -> Iterator[str]:
    allowed = set(TASK_METRICS[case.task])
    allowed -= {"f1"} if case.positive is None else {"f1_macro"}
    asked = [training.metric, *(gate.metric for gate in training.gates.minimums)]
    for name in asked:
        if name not in allowed:
            need = "; f1 needs `positive`" if name == "f1" else ""
            yield f"{name} is not a metric of task {case.task} ({_some(sorted(allowed))}){need}"


def _threshold(case: UseCase, training: TrainingUseCase) -> Iterator[str]:
    threshold = training.threshold
    if case.task == "regression":
        if threshold is not None:
            yield "it predicts a number, which has no threshold"
        if not 0 < training.coverage < 1:
            yield f"`coverage` is {training.coverage}; it must lie between 0 and 1"
        return
    two_classes = case.task == "binary" and case.positive is not None
    if not (threshold is None or two_classes or isinstance(threshold, CostMatrix)):
        yield (
            f"{type(threshold).__name__} needs two classes and `positive`; use a CostMatrix or "
            "leave `threshold` out"
        )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5]) or "none"
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"  # noqa: PLR2004
