"""Labels in the spellings people use: text, numbers and booleans, with spaces, in any case."""

from collections import Counter
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from use_cases import UseCase

SHOWN = 8
MAX_CHARACTERS = 40


def read_labels(use_case: UseCase, column: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return each row's class and what is wrong with its label, both null where not so."""
    label = use_case.training().label
    encoded = column.dictionary_encode()
    found = [_spelling(value) for value in encoded.dictionary]
    classes = pa.array([label.values.get(text) for text in found], pa.string())
    labels = classes.take(encoded.indices)
    reasons = pc.if_else(labels.is_null(), f"{label.column} is not a known label", None)
    return labels, pc.if_else(column.is_null(), f"{label.column} is missing", reasons).cast(
        pa.string()
    )


def count_spellings(column: pa.Array) -> Counter[str]:
    """Return how often each label occurs as it is spelt, cut to what a message can show."""
    counted = pc.value_counts(column.drop_null())
    spellings: Counter[str] = Counter()
    for value, count in zip(counted.field("values"), counted.field("counts"), strict=True):
        spellings[_spelling(value)[:MAX_CHARACTERS]] += count.as_py()
    return spellings


def explain_labels(use_case: UseCase, found: Mapping[str, int]) -> str:
    """Return what the labels are, what they may be, and how to bring both together."""
    seen = ", ".join(f"{text!r} {count}" for text, count in Counter(found).most_common(SHOWN))
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    known = "; ".join(
        f"{name}: {', '.join(_spellings(use_case, name))}" for name in use_case.classes
    )
    column = use_case.training().label.column
    return (
        f"the column {column} holds {seen or 'no label at all'}{more}; understood "
        f"are {known}. Name the column with the labels by "
        f'COLUMNS="{column}=<your column>", or add your spellings to '
        f"the label spellings of the use case {use_case.name}"
    )


def _spellings(use_case: UseCase, name: str) -> list[str]:
    return sorted(
        text for text, target in use_case.training().label.values.items() if target == name
    )


def _spelling(value: pa.Scalar) -> str:
    try:
        text = str(value.as_py()).strip().lower()
    except UnicodeDecodeError:
        return "bytes that are not UTF-8"
    # A label column with one missing value arrives as floats: 1.0 is the label 1.
    return text.removesuffix(".0")
