"""The groups of rows that a data report compares: the classes, or for regression both sides of the
median of the labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from data_pipeline.columns import LABEL
from use_cases import UseCase

MaybeTable = TypeVar("MaybeTable", pa.Table, pa.Table | None)


@dataclass(frozen=True)
class LabelGroups:
    """The `names` of the groups, the upper side of the `median` last; `None` for classes."""

    names: Sequence[str]
    median: float | None

    def named(self, table: MaybeTable) -> MaybeTable:
        """Return `table` with the name of each row's group as `label`."""
        if table is None or self.median is None or LABEL not in table.column_names:
            return table
        upper = pc.greater(table[LABEL], self.median)
        names = pc.if_else(upper, self.names[1], self.names[0])
        return table.set_column(table.schema.get_field_index(LABEL), LABEL, names)

    def view(self, name: str, rows: str) -> str:
        """Return the SQL that creates the view `name` of `rows` with the groups as `label`."""
        low, high = (self.names[0], self.names[-1])
        label = LABEL if self.median is None else f"if(label > {self.median!r}, '{high}', '{low}')"
        return f"CREATE VIEW {name} AS SELECT * REPLACE ({label} AS label) FROM {rows}"  # noqa: S608 (names of this package, a number)


def label_groups(case: UseCase, records: ds.Dataset) -> LabelGroups:
    """Return the groups of the `records` of a dataset version."""
    if case.classes:
        return LabelGroups(case.classes, None)
    labels = records.to_table([LABEL])[LABEL].to_numpy()
    median = float(np.median(labels)) if len(labels) else 0.0
    return LabelGroups((f"{median:g} or less", f"above {median:g}"), median)
