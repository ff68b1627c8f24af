"""What each column alone tells of the label: a column that nearly gives it away is a leak, or
says that the classes were collected in different places.
"""

from collections.abc import Iterable, Iterator, Sequence

from data_pipeline.report.contract import ColumnLeak, Reading, Role
from data_pipeline.report.readings import known_values, readings
from data_pipeline.report.sample import Column
from use_cases import UseCase

# How a warning begins and ends for columns of each role, what reaches the model first.
_WARNINGS = {
    Role.FEATURE: (
        "Model features that alone give the label away",
        "The model may lean on them and nothing else: check that they are known, and mean the "
        "same, when a record is answered.",
    ),
    Role.ENTITY: (
        "Entity features that alone give the label away",
        "The model sees them: check that they mean the same for records from elsewhere.",
    ),
    Role.RECORD: (
        "Record columns that alone give the label away",
        "Features are made from them: check that these do not carry it over.",
    ),
    Role.TIME: (
        "The time alone gives the label away",
        "It never reaches a model, but whatever else changed between the times of the classes "
        "may be learned instead of the label.",
    ),
    Role.NONE: (
        "Columns outside the use case that alone give the label away",
        "They never reach a model, but show that the classes were collected in different places "
        "or ways: figures on this data may not hold elsewhere.",
    ),
}


def leaks(case: UseCase, columns: Iterable[Column], limit: float) -> tuple[ColumnLeak, ...]:
    """Return what each column tells of the label, the most telling one first.

    A column warns when one of its readings has an AUC above `limit`. With two classes the AUC
    is of the positive one, with more of each against the others.
    """
    watched = watched_classes(case)
    found = [_leak(column, watched, limit) for column in columns]
    return tuple(sorted(found, key=lambda leak: (-strength(leak), leak.name)))


def watched_classes(case: UseCase) -> Sequence[str]:
    """Return the classes that are told from the rest."""
    if len(case.classes) > 2:  # noqa: PLR2004
        return case.classes
    return [case.positive or case.classes[-1]]


def strength(leak: ColumnLeak) -> float:
    """Return the AUC of the strongest reading, 0 for a column that could not be read."""
    return leak.readings[0].auc if leak.readings else 0.0


def leak_warnings(found: Sequence[ColumnLeak], limit: float) -> Iterator[str]:
    """Yield a sentence or two per kind of column that warns, what reaches the model first."""
    for role, (opening, advice) in _WARNINGS.items():
        named = ", ".join(_named(leak) for leak in found if leak.warning and leak.role is role)
        if named:
            yield f"{opening} (AUC above {limit:g}): {named}. {advice}"


def described(reading: Reading) -> str:
    """Return in words how a column was read."""
    if reading.how == "word":
        return f"word “{reading.word}”"
    return {"category": "value", "missing": "absence"}.get(reading.how, reading.how)


def _named(leak: ColumnLeak) -> str:
    first = leak.readings[0]
    return f"{leak.name} ({first.auc:.4f} for {first.of_class} by its {described(first)})"


def _leak(column: Column, watched: Sequence[str], limit: float) -> ColumnLeak:
    found = readings(column.values, column.labels, watched)
    known = known_values(column.values)
    return ColumnLeak(
        name=column.name,
        role=column.role,
        rows=len(known),
        known=len(known) - known.null_count,
        readings=found,
        warning=bool(found) and found[0].auc > limit,
    )
