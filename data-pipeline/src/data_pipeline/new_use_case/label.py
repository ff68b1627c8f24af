"""Decide the task from the label column."""

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_pipeline.validation.labels import count_spellings
from data_pipeline.versions.checks import MIN_ROWS_PER_CLASS
from platform_core.contracts.tasks import Task
from platform_core.errors import InvalidData
from use_cases.blocks import Label
from use_cases.plain_columns import is_text
from use_cases.validation import cast_column, without_blanks

MAX_CLASSES = 100
FEW_NUMBERS = 20
"""A label with more different numbers than these is a number, not a class."""
SHOWN = 5
POSITIVE = frozenset({"1", "true", "yes", "y", "t", "positive", "pos", "spam", "fraud", "bad"})


@dataclass(frozen=True)
class LabelPlan:
    """The label, the task, and the reason."""

    label: Label
    task: Task
    why: str


def plan_label(name: str, column: pa.Array, task: Task | None) -> LabelPlan:
    """Return the label plan of a column; `task` overrides the inferred task.

    Raises:
        InvalidData: it has one class, too many, or too few rows of one; or it does not fit the
            task. The message says which values it has.
    """
    if not is_text(column):
        raise InvalidData(f"the label {name!r} has bytes that are not text; write it as UTF-8")
    column = _without_missing_numbers(column)
    numbers = _numbers(column)
    different = 0 if numbers is None else len(np.unique(numbers))
    if task == "regression" or (task is None and different > FEW_NUMBERS):
        return _number(name, column, numbers, different)
    spellings = count_spellings(column, None)
    counts = {text: count for text, count in spellings.items() if text}
    _check(name, counts, numbers is not None)
    if task == "binary" and len(counts) != 2:  # noqa: PLR2004
        raise InvalidData(
            f"the label {name!r} has {len(counts)} classes ({_listed(counts)}); use "
            "--task multiclass"
        )
    names = sorted(counts, key=lambda text: (-counts[text], text))
    spelled = _as_written(column, names)
    if len(names) > 2:  # noqa: PLR2004
        return LabelPlan(
            Label(name, *sorted(spelled)), "multiclass", f"it has {len(names)} different values"
        )
    positive = next((text for text in names if text in POSITIVE), names[-1])
    names.sort(key=lambda text: text == positive)
    why = f"it has two values; {positive!r} is the positive class"
    why += "" if positive in POSITIVE else ", as it is the rarer one"
    return LabelPlan(Label(name, *_as_written(column, names)), "binary", why)


def _number(name: str, column: pa.Array, numbers: np.ndarray | None, different: int) -> LabelPlan:
    if numbers is None or different < 2:  # noqa: PLR2004
        shown = _listed(count_spellings(column))
        raise InvalidData(
            f"the label {name!r} is not a number ({shown}); use --task binary or multiclass"
        )
    if not np.isfinite(numbers).all():
        count = int((~np.isfinite(numbers)).sum())
        raise InvalidData(
            f"the label {name!r} has {count} infinite values; remove these rows from the data"
        )
    return LabelPlan(Label(name), "regression", f"it has {different:,} different numbers")


def _check(name: str, counts: dict[str, int], are_numbers: bool) -> None:
    if len(counts) < 2:  # noqa: PLR2004
        raise InvalidData(
            f"the label {name!r} has only one class ({_listed(counts) or 'no value'}); a model "
            "needs rows of at least two"
        )
    if len(counts) > MAX_CLASSES:
        advice = "use --task regression" if are_numbers else "is it an id or a free text?"
        raise InvalidData(
            f"the label {name!r} has {len(counts):,} classes ({_listed(counts)}); at most "
            f"{MAX_CLASSES} are possible: {advice}"
        )
    few = {text: count for text, count in counts.items() if count < MIN_ROWS_PER_CLASS}
    if few:
        raise InvalidData(
            f"of the label {name!r} these classes have fewer than {MIN_ROWS_PER_CLASS} rows: "
            f"{_listed(few)}; add rows of these classes, or remove the classes from the data"
        )


def _numbers(column: pa.Array) -> np.ndarray | None:
    """Return the numbers of a column without missing values, `None` if one is not a number."""
    present = column.drop_null()
    if pa.types.is_boolean(present.type) or pa.types.is_temporal(present.type):
        return None
    values = cast_column(present, pa.float64())
    if values.null_count or not len(values):
        return None
    numbers: np.ndarray = values.filter(pc.invert(pc.is_nan(values))).to_numpy()
    return numbers


def _without_missing_numbers(column: pa.Array) -> pa.Array:
    """Return a column of numbers in text with null for the spellings of a missing number."""
    if not pa.types.is_string(column.type):
        return column
    known = without_blanks(column, pa.float32())
    are_numbers = cast_column(known, pa.float64()).null_count == known.null_count
    return known if are_numbers else column


def _as_written(column: pa.Array, spellings: list[str]) -> list[str]:
    """Return each spelling (lower case) as it is written most often."""
    written: dict[str, str] = {}
    for entry in pc.value_counts(column.drop_null()).to_pylist():
        value = entry["values"]
        text = str(value).strip()
        text = text.lower() if isinstance(value, bool) else text.removesuffix(".0")
        written.setdefault(text.lower(), text)
    return [written[text] for text in spellings]


def _listed(counts: dict[str, int]) -> str:
    shown = sorted(counts.items(), key=lambda item: -item[1])[:SHOWN]
    more = f" and {len(counts) - SHOWN:,} more" if len(counts) > SHOWN else ""
    return ", ".join(f"{text[:40]!r} {count:,}" for text, count in shown) + more


def missing(column: pa.Array) -> int:
    """Return how many labels are missing."""
    nan = pa.types.is_floating(column.type)
    return int(pc.sum(pc.is_null(column, nan_is_null=nan)).as_py() or 0)


def rounded(value: float) -> float:
    """Return the next limit of one significant digit and a zero behind `value`: 72 → 1,000."""
    return float(10.0 ** (math.floor(math.log10(value)) + 2)) if value > 0 else 1.0
