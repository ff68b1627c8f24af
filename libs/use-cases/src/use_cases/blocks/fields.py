"""All columns of a use case: its record, features, golden records and contradictions."""

import re
import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, create_model

from use_cases.blocks.block import Block
from use_cases.blocks.text import Id
from use_cases.feature_schema import NUMBERS, FeatureSchema
from use_cases.interface import MonitoredColumn

_RESERVED = """
label row_id cluster part source reason minhash event_timestamp prediction score row numbers
_source degraded truncated release_id
"""
RESERVED = frozenset(_RESERVED.split())
"""Names that the platform gives to columns of its own."""
MAX_GOLDEN = 64


class Fields:
    """The columns of one use case, each with the block that declares it."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks = tuple(blocks)
        self.columns = tuple((name, block) for block in self.blocks for name in block.names)
        self.names = tuple(name for name, _ in self.columns)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The columns with free text."""
        return tuple(name for name, block in self.columns if block.is_text)

    @cached_property
    def id(self) -> str | None:
        """The column with the id of a record, `None` if there is none."""
        return next((name for name, block in self.columns if isinstance(block, Id)), None)

    @cached_property
    def feature_schema(self) -> FeatureSchema:
        """The features of all columns, in order."""
        texts = (text for name, block in self.columns for text in block.texts(name))
        numbers = (number for name, block in self.columns for number in block.numbers(name))
        return FeatureSchema(tuple(texts), tuple(numbers))

    @cached_property
    def monitored(self) -> tuple[MonitoredColumn, ...]:
        """The monitored columns, in order."""
        return tuple(m for name, block in self.columns for m in block.monitored(name))

    def record(self, name: str, doc: str) -> type[BaseModel]:
        """Return the pydantic model of one record."""
        fields: dict[str, Any] = {column: block.field(column) for column, block in self.columns}
        config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())
        with warnings.catch_warnings():
            # A column may shadow a method of pydantic's models, which is not used here.
            warnings.filterwarnings("ignore", "Field name .* shadows", UserWarning)
            return create_model(name, __config__=config, __doc__=doc, **fields)

    def features(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Return the features of N records."""
        computed = [
            block.compute(records.column(index)) for index, (_, block) in enumerate(self.columns)
        ]
        texts = [text for column in computed for text in column.texts]
        numbers = np.concatenate([column.numbers for column in computed], axis=1)
        return self.feature_schema.batch(texts, numbers)

    def slices(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Return the slices of N records, a column per kind."""
        found = {
            name: slices
            for name, block in self.columns
            if (slices := block.slices(records[name])) is not None
        }
        return pa.RecordBatch.from_arrays(list(found.values()), names=list(found))

    @property
    def slice_names(self) -> Iterator[tuple[str, str]]:
        """The slices that records may be in: the column, and the name of the slice."""
        return ((name, level) for name, block in self.columns for level in block.slice_names)

    def golden(self, schema: pa.Schema) -> pa.RecordBatch:
        """Return records (`schema`) in which every golden value of every column occurs.

        Columns change at different rates, so that values meet in different combinations.
        """
        values = [block.golden() for _, block in self.columns]
        count = min(MAX_GOLDEN, max(len(column) for column in values))
        rows = [
            {
                name: _at(column, row) if name != self.id else f"golden-{row}"
                for name, column in zip(self.names, values, strict=True)
            }
            for row in range(count)
        ]
        return pa.RecordBatch.from_pylist(rows, schema=schema)

    def problems(self, label: str, time: str | None) -> Iterator[str]:
        """Yield the contradictions, each with the name of the column."""
        if not self.columns:
            yield "it has no columns; name at least one in `fields`"
        for name in sorted({name for name in self.names if self.names.count(name) > 1}):
            yield f"the column {name!r} is declared {self.names.count(name)} times"
        if label in self.names:
            yield (
                f"the label column {label!r} is also a record column: a caller would have to know "
                "the answer; take it out of `fields`"
            )
        if time is not None and time in (*self.names, label):
            yield f"the time column {time!r} is also a record column or the label; name another one"
        if sum(isinstance(block, Id) for block in self.blocks) > 1:
            yield "it has more than one Id; a record has one"
        if self.id is not None and self.names[0] != self.id:
            yield f"the id {self.id!r} is not the first column; put it in front"
        for name in self.names:
            yield from name_problems(name)
        for name, block in self.columns:
            yield from block.problems(name)
        yield from self._clashes()

    def _clashes(self) -> Iterator[str]:
        found: dict[str, str] = {}
        for name, block in self.columns:
            for feature in (*block.texts(name), *block.numbers(name)):
                if found.setdefault(feature, name) != name:
                    yield (
                        f"the columns {found[feature]!r} and {name!r} both make the feature "
                        f"{feature!r}; rename one of them"
                    )
        if not found and self.columns:
            yield "it has no column that a model could learn from"


def _at(values: Sequence[Any], row: int) -> Any:
    return values[(row + row // len(values)) % len(values)]


def name_problems(name: str) -> Iterator[str]:
    """Yield why a column cannot have this name."""
    if name in RESERVED or name == NUMBERS:
        yield f"the column {name!r} has a name that the platform uses itself; rename it"
    if not re.match(r"[^\W_]", name):
        yield f"the column {name!r} must begin with a letter or a digit; rename it"
