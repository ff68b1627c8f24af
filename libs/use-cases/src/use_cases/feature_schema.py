"""The features of a model: text columns and one block of float32 numbers with named columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from platform_core.contracts.release import FeatureSpec
from platform_core.open_inference import NUMBERS, number_block

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NUMBERS", "FeatureSchema", "number_block"]


MISSING = "_missing"


def is_indicator(name: str) -> bool:
    """Return whether a number is 0 or 1 by its name: `plan=basic`, or `age_missing`."""
    return "=" in name or name.endswith(MISSING)


@dataclass(frozen=True)
class FeatureSchema:
    """T text columns and K numbers.

    As Arrow: a string column per text, then `numbers`, a fixed-size list of K float32 values.
    Without numbers there is no such column.
    """

    texts: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse names that occur twice or clash with the block's."""
        if len(set(self.names)) != len(self.names) or NUMBERS in self.texts:
            raise ValueError(
                f"the features {self.names} must differ from each other and no text may be called "
                f"{NUMBERS!r}"
            )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of all features, the texts first."""
        return (*self.texts, *self.numbers)

    @cached_property
    def arrow(self) -> pa.Schema:
        """The columns of a record batch of features."""
        fields = [pa.field(name, pa.string()) for name in self.texts]
        if self.numbers:
            fields.append(pa.field(NUMBERS, pa.list_(pa.float32(), len(self.numbers)), False))
        return pa.schema(fields)

    @cached_property
    def spec(self) -> FeatureSpec:
        """The features as a release's manifest names them."""
        return FeatureSpec(texts=self.texts, numbers=self.numbers)

    def with_numbers(self, names: Sequence[str]) -> FeatureSchema:
        """Return these features with more numbers behind them."""
        return FeatureSchema(self.texts, (*self.numbers, *names))

    def batch(self, texts: Sequence[pa.Array], numbers: np.ndarray) -> pa.RecordBatch:
        """Return features from T text columns and `numbers` [N, K] float32, without a copy."""
        columns = list(texts)
        if self.numbers:
            values = pa.array(np.ascontiguousarray(numbers, np.float32).reshape(-1))
            columns.append(pa.FixedSizeListArray.from_arrays(values, type=self._block_type))
        return pa.RecordBatch.from_arrays(columns, schema=self.arrow)

    def select(self, table: pa.Table) -> pa.RecordBatch:
        """Return the features among the columns of `table` as one batch."""
        columns = [table[name].combine_chunks().cast(kind) for name, kind in self._types]
        return pa.RecordBatch.from_arrays(columns, schema=self.arrow)

    def column(self, features: pa.RecordBatch | pa.Table, name: str) -> pa.Array:
        """Return one feature of N rows: a text as string, a number as float32."""
        if name in self.texts:
            column = features[name]
            return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        return pa.array(number_block(features)[:, self.numbers.index(name)])

    def category(self, block: np.ndarray, name: str, levels: Sequence[str]) -> pa.Array:
        """Return a category (string [N]) from its 0/1 numbers in `block` [N, K], null where it has
        none of them or one is NaN. `levels` are the numbers' names, `<name>=<value>`.
        """
        chosen = block[:, [self.numbers.index(level) for level in levels]]
        values = pa.array([level.removeprefix(f"{name}=") for level in levels], pa.string())
        known = np.nansum(chosen, axis=1) == 1
        return values.take(pa.array(np.nan_to_num(chosen).argmax(axis=1), mask=~known))

    def columns(self, features: pa.RecordBatch | pa.Table) -> pa.Table:
        """Return the features as a table with a column per feature."""
        return pa.table({name: self.column(features, name) for name in self.names})

    def frame(self, features: pa.RecordBatch | pa.Table) -> pd.DataFrame:
        """Return the features as a pandas frame with a column per feature."""
        import pandas as pd

        numbers = number_block(features) if self.numbers else np.empty((features.num_rows, 0))
        frame = pd.DataFrame(numbers, columns=list(self.numbers), copy=False)
        for index, name in enumerate(self.texts):
            frame.insert(index, name, features[name].to_pandas())
        return frame

    def rows(self, features: pa.RecordBatch) -> list[dict[str, Any]]:
        """Return each row as a dictionary by feature name."""
        rows: list[dict[str, Any]] = self.columns(features).to_pylist()
        return rows

    @cached_property
    def _types(self) -> list[tuple[str, pa.DataType]]:
        return [(field.name, field.type) for field in self.arrow]

    @cached_property
    def _block_type(self) -> pa.DataType:
        return self.arrow.field(NUMBERS).type
