"""Dates, which become numbers."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from use_cases.blocks.block import Block, Computed, Draw
from use_cases.blocks.profile import DIGITS, ColumnProfile, quantiles
from use_cases.feature_schema import MISSING

EPOCH = date(1970, 1, 1)
FIRST, LAST = date(1700, 1, 1), date(2299, 12, 31)
ISO_CHARACTERS = 10
_FORM = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ].*)?")
Part = Literal["days", "month", "weekday"]


class Date(Block):
    """Dates (`2026-01-31`, or a time of such a day), as numbers: `<name>.days` since 1970-01-01,
    `<name>.month` from 1 to 12, `<name>.weekday` from 0 (Monday) to 6.

    With `missing` a date may be absent or null: the model then sees that date and 1 in
    `<name>_missing`.
    """

    def __init__(
        self,
        *names: str,
        parts: Sequence[Part] = ("days", "month", "weekday"),
        missing: str | None = None,
    ) -> None:
        self.names, self.parts, self.missing = names, tuple(parts), missing
        self.nullable = missing is not None

    def field(self, name: str) -> tuple[Any, Any]:
        """Return a text that begins with a date as ISO 8601 writes it."""
        del name
        kind: Any = str | None if self.nullable else str
        described = Field(max_length=40, json_schema_extra={"format": "date"})
        check = AfterValidator(_check_unless_blank if self.nullable else _check)
        return Annotated[kind, described, check], None if self.nullable else ...

    def numbers(self, name: str) -> tuple[str, ...]:
        """Return the parts, and if the date may be missing, whether it is."""
        parts = tuple(f"{name}.{part}" for part in self.parts)
        return (*parts, f"{name}{MISSING}") if self.nullable else parts

    def compute(self, column: pa.Array) -> Computed:
        """Return the parts [N, K]."""
        text = pc.utf8_slice_codeunits(column, 0, ISO_CHARACTERS)
        absent = pc.fill_null(pc.equal(text, ""), True)
        text = pc.if_else(absent, self.missing or EPOCH.isoformat(), text)
        days = text.cast(pa.date32())
        found = {
            "days": lambda: days.cast(pa.int32()),
            "month": lambda: pc.month(days),
            "weekday": lambda: pc.day_of_week(days),
        }
        columns = [found[part]().to_numpy(zero_copy_only=False) for part in self.parts]
        if self.nullable:
            columns.append(absent.to_numpy(zero_copy_only=False))
        return Computed((), np.column_stack(columns).astype(np.float32))

    def golden(self) -> Sequence[Any]:
        """Return the limits, a leap day, a time, and a missing date."""
        days = [FIRST.isoformat(), LAST.isoformat(), "2024-02-29", "2026-01-05T23:59:59Z"]
        return [*days, *([None] if self.nullable else [])]

    def measure(self, column: pa.Array) -> ColumnProfile:
        """Return quantiles in days since 1970-01-01, and the share of missing dates."""
        text = pc.utf8_slice_codeunits(column.drop_null(), 0, ISO_CHARACTERS)
        days = text.filter(pc.not_equal(text, "")).cast(pa.date32()).cast(pa.int32())
        return ColumnProfile(
            missing=round(1 - len(days) / max(1, len(column)), DIGITS),
            quantiles=quantiles(days.to_numpy(zero_copy_only=False)),
            whole=True,
        )

    def assumed(self, place: float) -> ColumnProfile:
        """Return a year of days around 2025 that moves with `place`."""
        start = (date(2025, 1, 1) - EPOCH).days + 365 * place
        missing = 0.1 if self.nullable else 0.0
        return ColumnProfile(missing=missing, quantiles=(start, start + 365), whole=True)

    def sample(self, profile: ColumnProfile, draw: Draw) -> pa.Array:
        """Return dates as `YYYY-MM-DD`."""
        ends = (FIRST - EPOCH).days, (LAST - EPOCH).days
        days = pa.array(np.clip(draw.numbers(profile), *ends).astype(np.int32)).cast(pa.date32())
        texts = days.cast(pa.string())
        if not self.nullable:
            return texts
        return pc.if_else(pa.array(draw.absent(profile)), pa.scalar(None, pa.string()), texts)

    def problems(self, name: str) -> list[str]:
        """Return unknown parts, and an invalid date for missing ones."""
        unknown = [part for part in self.parts if part not in ("days", "month", "weekday")]
        if unknown or not self.parts:
            return [f"the date {name!r} has the parts {self.parts}; use days, month, weekday"]
        if self.missing is not None and _parsed(self.missing) is None:
            return [f"the date {name!r} has the fill value {self.missing!r}; use YYYY-MM-DD"]
        return []


def _parsed(text: str) -> date | None:
    found = _FORM.fullmatch(text)
    try:
        day = date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None
    return day if day and FIRST <= day <= LAST else None


def _check(text: str) -> str:
    if _parsed(text) is None:
        raise PydanticCustomError(
            "date", "is not a date from {first} to {last}", {"first": str(FIRST), "last": str(LAST)}
        )
    return text


def _check_unless_blank(text: str | None) -> str | None:
    return _check(text) if text else text
