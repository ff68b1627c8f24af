"""Decide the kind of a column from its values."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_pipeline.new_use_case.label import rounded
from platform_core.errors import InvalidData
from use_cases.blocks import Block, Category, Date, Id, Number, Text
from use_cases.blocks.date import FIRST, LAST
from use_cases.plain_columns import is_text
from use_cases.validation import cast_column, without_blanks

FEW, MANY = 20, 100
"""A text column with up to so many values is a closed category, or an open one."""
COVERED = 0.8
TEXT_WORDS = 3.0
# A number would lose its zeros: a postal code, an article number.
_CODE = r"^0\d"
_DATE = r"^\d{4}-\d{2}-\d{2}(?:[T ].*)?$"


@dataclass(frozen=True)
class ColumnPlan:
    """A column, its block (`None` if the column is left out), and the reason."""

    name: str
    block: Block | None
    why: str


def plan_column(name: str, column: pa.Array) -> ColumnPlan:
    """Return the plan for a column of N values."""
    kind = column.type
    if pa.types.is_boolean(kind):
        gaps = column.null_count
        return ColumnPlan(name, Category(name, values=("false", "true"), missing=gaps > 0),
                          f"true or false{_noted(gaps)}")  # fmt: skip
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return _date(name, pc.cast(column, pa.string()))
    if pa.types.is_temporal(kind):
        return ColumnPlan(name, None, f"it has values of type {kind}; write them as numbers")
    if not pa.types.is_string(kind):
        # Integers beyond 2**53 are rounded, where `cast_column` would have none at all.
        exact = not pa.types.is_integer(kind)
        numbers = cast_column(column, pa.float64()) if exact else column.cast(pa.float64(), False)
        return _number(name, numbers, len(column))
    if not is_text(column):
        return ColumnPlan(name, None, "it has bytes that are not text")
    return _words(name, column)


def _words(name: str, column: pa.Array) -> ColumnPlan:
    """Return the plan for a column of text, which may hold numbers or dates."""
    known = pc.ascii_trim_whitespace(without_blanks(column, pa.float32()))
    numbers = cast_column(known, pa.float64())
    present = len(known) - known.null_count
    is_code = pc.any(pc.match_substring_regex(known, _CODE)).as_py()
    if present and numbers.null_count == known.null_count and not is_code:
        return _number(name, numbers, len(column))
    text = without_blanks(column, pa.string())
    if pc.all(pc.match_substring_regex(text.drop_null(), _DATE)).as_py() and present:
        return _date(name, text)
    return _text(name, text)


def find_id(table: pa.Table, names: Sequence[str], given: str | None) -> ColumnPlan | None:
    """Return the column that names a record: the one `given`, or the first whose name ends in
    `id` and whose values are all there and different.

    Raises:
        InvalidData: the column that was given has missing or repeated values.
    """
    for name in [given] if given else names:
        column = table[name].combine_chunks()
        kind = column.type
        possible = pa.types.is_integer(kind) or pa.types.is_string(kind)
        if not given and not (name.lower().endswith("id") and possible):
            continue
        if given and column.null_count:
            raise InvalidData(f"the id {name!r} is missing in {column.null_count:,} rows")
        different = pc.count_distinct(column, mode="all").as_py() == len(column)
        if given:
            why = "named by --id" if different else "named by --id; some rows share an id"
            return ColumnPlan(name, Id(name), why)
        if different and not column.null_count:
            return ColumnPlan(name, Id(name), "each row has a different value")
    return None


def _number(name: str, column: pa.Array, rows: int) -> ColumnPlan:
    values = column.to_numpy(zero_copy_only=False)
    finite = values[np.isfinite(values)]
    different = np.unique(finite)
    infinite = int(np.isinf(values).sum())
    gaps = rows - len(finite) - infinite
    if len(different) < 2:  # noqa: PLR2004
        what = "it has only one value" if len(different) else "it has no values"
        return ColumnPlan(name, None, what)
    low, high = float(different[0]), float(different[-1])
    largest = max(-low, high)
    if largest >= 1e11:  # noqa: PLR2004
        return ColumnPlan(name, None, f"it has numbers up to {largest:.3g}")
    switch = set(different) == {0.0, 1.0}
    block = Number(
        name,
        minimum=0.0 if low >= 0 else -rounded(-low),
        maximum=1.0 if switch else rounded(largest),
        missing=float(f"{np.median(finite):.6g}") if gaps else None,
    )
    note = f"; {infinite:,} infinite values, which are refused" if infinite else ""
    filled = f", filled with the median {block.missing:g}" if block.missing is not None else ""
    return ColumnPlan(name, block, f"numbers from {low:g} to {high:g}{_noted(gaps)}{filled}{note}")


def _date(name: str, text: pa.Array) -> ColumnPlan:
    days = pc.utf8_slice_codeunits(text.drop_null(), 0, 10)
    if not len(days):
        return ColumnPlan(name, None, "it has no values")
    low, high = pc.min(days).as_py(), pc.max(days).as_py()
    if low < FIRST.isoformat() or high > LAST.isoformat():
        return ColumnPlan(name, None, f"its dates, {low} to {high}, are beyond {FIRST} to {LAST}")
    middle = pc.array_sort_indices(days)[len(days) // 2].as_py()
    block = Date(name, missing=days[middle].as_py() if text.null_count else None)
    return ColumnPlan(name, block, f"dates from {low} to {high}{_noted(text.null_count)}")


def _text(name: str, text: pa.Array) -> ColumnPlan:
    present, gaps = text.drop_null(), text.null_count
    counts = Counter({e["values"]: e["counts"] for e in pc.value_counts(present).to_pylist()})
    longest = pc.max(pc.utf8_length(present)).as_py() or 0
    words = pc.mean(pc.list_value_length(pc.split_pattern_regex(present, r"\s+"))).as_py() or 0
    if len(counts) < 2:  # noqa: PLR2004
        return ColumnPlan(name, None, "it has only one value" if counts else "it has no values")
    if len(counts) <= FEW and longest <= MANY:
        block: Block = Category(name, values=sorted(counts), missing=gaps > 0)
        return ColumnPlan(name, block, f"{len(counts)} different values{_noted(gaps)}")
    frequent = [value for value, _ in counts.most_common(FEW) if len(value) <= MANY]
    covered = sum(counts[value] for value in frequent) / len(present)
    if len(counts) <= MANY or covered >= COVERED:
        block = Category(name, values=sorted(frequent), others=True, missing=gaps > 0)
        why = f"{len(counts):,} different values; the {len(frequent)} most frequent ones"
        return ColumnPlan(name, block, f"{why} are {covered:.0%} of the rows{_noted(gaps)}")
    if words >= TEXT_WORDS:
        most = max(1_000, int(rounded(longest)))
        block = Text(name, maximum=most, missing=gaps > 0)
        return ColumnPlan(name, block, f"text of {words:.0f} words on average{_noted(gaps)}")
    return ColumnPlan(name, None, f"{len(counts):,} different values, none of them frequent")


def _noted(gaps: int) -> str:
    return f", {gaps:,} missing" if gaps else ""
