"""Numbers."""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from use_cases.blocks.block import Block, Computed, Draw
from use_cases.blocks.profile import DIGITS, ColumnProfile, quantiles
from use_cases.feature_schema import MISSING

LARGEST = 1e12


class Number(Block):
    """Numbers from `minimum` to `maximum`, inclusive, read as float32.

    With `missing` a number may be absent or null: the model then sees the value of `missing` and
    1 in `<name>_missing`, which is 0 for every other record.
    """

    def __init__(
        self,
        *names: str,
        minimum: float = 0.0,
        maximum: float = LARGEST,
        missing: float | None = None,
    ) -> None:
        self.names = names
        self.minimum, self.maximum, self.missing = minimum, maximum, missing
        self.nullable = missing is not None

    def field(self, name: str) -> tuple[Any, Any]:
        """Return a finite number within the limits."""
        del name
        kind: Any = float | None if self.nullable else float
        limits = Field(ge=self.minimum, le=self.maximum, allow_inf_nan=False)
        return Annotated[kind, limits], None if self.nullable else ...

    def numbers(self, name: str) -> tuple[str, ...]:
        """Return the number, and if it may be missing, whether it is."""
        return (name, f"{name}{MISSING}") if self.nullable else (name,)

    def compute(self, column: pa.Array) -> Computed:
        """Return the numbers [N, 1], or [N, 2] with 1 for those that are missing."""
        return Computed((), filled(column, self.missing))

    def golden(self) -> Sequence[Any]:
        """Return the limits, their middle, and a missing number."""
        middle = float(np.float32((self.minimum + self.maximum) / 2))
        return [self.minimum, self.maximum, middle, *([None] if self.nullable else [])]

    def measure(self, column: pa.Array) -> ColumnProfile:
        """Return quantiles, the share of missing numbers, and whether all are whole."""
        present = column.drop_null().to_numpy(zero_copy_only=False)
        return ColumnProfile(
            missing=round(column.null_count / max(1, len(column)), DIGITS),
            quantiles=quantiles(present),
            whole=bool((present == np.rint(present)).all()),
        )

    def assumed(self, place: float) -> ColumnProfile:
        """Return half of the range, or of the first hundred, that moves with `place`."""
        span = min(self.maximum - self.minimum, 100.0)
        low = self.minimum + span * place / 2
        return ColumnProfile(
            missing=0.1 if self.nullable else 0.0, quantiles=(low, low + span / 4, low + span / 2)
        )

    def sample(self, profile: ColumnProfile, draw: Draw) -> pa.Array:
        """Return numbers within the limits."""
        values = np.clip(draw.numbers(profile), self.minimum, self.maximum).astype(np.float32)
        return pa.array(values, mask=draw.absent(profile) if self.nullable else None)

    def problems(self, name: str) -> list[str]:
        """Return the problems: limits in the wrong order, or a fill value beyond them."""
        if not -LARGEST <= self.minimum < self.maximum <= LARGEST:
            return [
                f"the number {name!r} has limits from {self.minimum:g} to {self.maximum:g}; "
                f"minimum must be less than maximum, both within ±{LARGEST:g}"
            ]
        if self.missing is not None and not self.minimum <= self.missing <= self.maximum:
            return [
                f"the number {name!r} has the fill value {self.missing:g}, which is not between "
                f"{self.minimum:g} and {self.maximum:g}"
            ]
        return []


def filled(column: pa.Array, missing: float | None) -> np.ndarray:
    """Return N numbers [N, 1] float32; with a value for the missing ones [N, 2], 1 for missing."""
    if missing is None:
        return np.asarray(column.to_numpy(zero_copy_only=False), np.float32)[:, None]
    absent = pc.is_null(column, nan_is_null=True)
    values = pc.if_else(absent, pa.scalar(missing, column.type), column)
    return np.column_stack(
        [values.to_numpy(zero_copy_only=False), absent.to_numpy(zero_copy_only=False)]
    ).astype(np.float32)
