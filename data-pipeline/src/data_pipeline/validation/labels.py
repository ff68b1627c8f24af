"""Labels in the spellings people use: text, numbers and booleans, with spaces, in any case."""

from collections import Counter
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from use_cases import UseCase
from use_cases.plain_columns import readable
from use_cases.validation import cast_column

SHOWN = 8
MAX_CHARACTERS = 40
MAX_SPELLINGS = 10_000
# More distinct numbers than these are not classes.
MANY_NUMBERS = 20


def read_labels(use_case: UseCase, column: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return each row's class, or number, and what is wrong with its label, both null where not
    so.
    """
    label = use_case.training().label
    if use_case.task == "regression":
        return _read_numbers(label.column, column)
    encoded = column.dictionary_encode()
    found = [_spelling(value) for value in encoded.dictionary]
    classes = pa.array([label.values.get(text) for text in found], pa.string())
    labels = classes.take(encoded.indices)
    reasons = pc.if_else(labels.is_null(), f"{label.column} is not a known label", None)
    return labels, pc.if_else(column.is_null(), f"{label.column} is missing", reasons).cast(
        pa.string()
    )


def _read_numbers(name: str, column: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return the numbers (float64) of a label column, and the reason where there is none."""
    given = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
    if pa.types.is_boolean(given.type):
        return pa.nulls(len(given), pa.float64()), pa.repeat(f"{name} is not a number", len(given))
    if pa.types.is_string(given.type) or pa.types.is_large_string(given.type):
        given = pc.utf8_trim_whitespace(readable(given))
    numbers = cast_column(given, pa.float64())
    missing = pc.or_(given.is_null(), pc.fill_null(pc.is_nan(numbers), False))
    infinite = pc.fill_null(pc.is_inf(numbers), False)
    reasons = pc.case_when(
        pc.make_struct(missing, numbers.is_null(), infinite),
        f"{name} is missing",
        f"{name} cannot be read as a number",
        f"{name} is not a finite number",
    )
    return pc.if_else(reasons.is_null(), numbers, None), reasons.cast(pa.string())


def count_spellings(column: pa.Array, characters: int | None = MAX_CHARACTERS) -> Counter[str]:
    """Return how often each label occurs as it is spelt, cut to so many `characters`: by default to
    what a message can show; `None` does not cut.
    """
    counted = pc.value_counts(column.drop_null())
    spellings: Counter[str] = Counter()
    for value, count in zip(counted.field("values"), counted.field("counts"), strict=True):
        spellings[_spelling(value)[:characters]] += count.as_py()
    return spellings


def explain_labels(use_case: UseCase, found: Mapping[str, int]) -> str:
    """Return what the labels are, what they may be, and how to bring both together."""
    seen = ", ".join(f"{text!r} {count}" for text, count in Counter(found).most_common(SHOWN))
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    label = use_case.training().label
    column, spellings = label.column, sorted(label.values)
    known = "; ".join(
        f"{name}: {', '.join(text for text in spellings if label.values[text] == name)}"
        for name in use_case.classes
    )
    if use_case.task == "regression":
        return (
            f"the column {column} holds {seen or 'no label at all'}{more}, but {use_case.name} "
            "predicts a number (task regression). Name the column with the numbers by "
            f'COLUMNS="{column}=<your column>", or give the use case `classes` and the label '
            "spellings of each (task binary or multiclass)"
        )
    if (numbers := sum(map(_is_number, found))) >= MANY_NUMBERS:
        many = f"{numbers:,}" if numbers < MAX_SPELLINGS else f"more than {MAX_SPELLINGS:,}"
        return (
            f"the label column {column} has {many} distinct numbers ({seen}{more}); "
            f"use task regression: a use case without `classes`, whose LabelSpec has no `values`"
        )
    return (
        f"the column {column} holds {seen or 'no label at all'}{more}; understood "
        f"are {known}. Name the column with the labels by "
        f'COLUMNS="{column}=<your column>", or add your spellings to '
        f"the label spellings of the use case {use_case.name}"
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _spelling(value: pa.Scalar) -> str:
    try:
        text = str(value.as_py()).strip().lower()
    except UnicodeDecodeError:
        return "bytes that are not UTF-8"
    # A label column with one missing value arrives as floats: 1.0 is the label 1.
    return text.removesuffix(".0")
