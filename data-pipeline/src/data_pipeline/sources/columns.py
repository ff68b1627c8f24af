"""From the columns of a source to those of the use case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from data_pipeline.sources.items import Remark
from data_pipeline.sources.raw import SOURCE_COLUMN
from platform_core.errors import InvalidData
from use_cases import UseCase


@dataclass(frozen=True)
class Wanted:
    """What a use case needs of its source, in a form that travels to other processes.

    `limits` are the most characters of text columns; `label_values` the known spellings.
    """

    names: tuple[str, ...]
    label: str
    time: str | None
    id: str | None
    defaults: Mapping[str, pa.Scalar]
    limits: Mapping[str, int]
    label_values: frozenset[str]
    renaming: Mapping[str, str]

    @classmethod
    def by(cls, case: UseCase, renaming: Mapping[str, str]) -> "Wanted":
        """Return what `case` needs; `renaming` maps names of the source to ours."""
        schema = case.record_schema
        return cls(
            names=tuple(schema.names),
            label=case.training().label.column,
            time=case.training().time_column,
            id=case.id_column,
            defaults={
                n: pa.scalar(v, schema.field(n).type) for n, v in case.training().defaults.items()
            },
            limits={
                name: int(limits.maximum)
                for name, limits in case.limits.items()
                if schema.field(name).type == pa.string()
            },
            label_values=frozenset(case.training().label.values),
            renaming=dict(renaming),
        )

    @property
    def known(self) -> frozenset[str]:
        """The names that a source may use for columns that mean something to the use case."""
        own = {*self.names, self.label, *([self.time] if self.time else [])}
        return frozenset((own - set(self.renaming.values())) | set(self.renaming))

    def ordered(self, names: Sequence[str]) -> list[str]:
        """Return `names` with the use case's columns first and where a row came from last."""
        first = [*self.names, self.label, *([self.time] if self.time else [])]
        rest = [name for name in names if name not in {*first, SOURCE_COLUMN}]
        return [name for name in first if name in names] + rest + [SOURCE_COLUMN]

    def choose(self, file: str, schema: pa.Schema) -> "Chosen":
        """Return which columns of `file` are taken.

        Raises:
            InvalidData: a needed or mapped column is absent, twice there, or nested.
        """
        absent = [source for source in self.renaming if source not in schema.names]
        if absent:
            raise InvalidData(
                f"COLUMNS names {', '.join(absent)}, which {file} does not have; "
                f"its columns are {_listed(schema.names)}"
            )
        taken, dropped = self._take(file, schema)
        self._require(file, taken, schema.names)
        return Chosen(self, tuple(taken.values()), tuple(taken), tuple(dropped))

    def _take(self, file: str, schema: pa.Schema) -> tuple[dict[str, int], list[str]]:
        """Return the index of each column that is kept, by its new name, and what is dropped."""
        taken: dict[str, int] = {}
        dropped: list[str] = []
        for index, field in enumerate(schema):
            # A column that already has a target's name gives way to the one mapped to it.
            given_way = field.name in self.renaming.values() and field.name not in self.renaming
            name = self.renaming.get(field.name, field.name)
            if given_way or name == SOURCE_COLUMN:
                continue
            usable = name != "" and name not in taken and not pa.types.is_nested(field.type)
            if usable:
                taken[name] = index
            elif field.name in self.known:
                what = "holds lists or objects" if name not in taken else "is there twice"
                raise InvalidData(f"the column {field.name} of {file} {what}; give one plain value")
            else:
                dropped.append(field.name or f"(column {index + 1} without a name)")
        return taken, dropped

    def _require(self, file: str, taken: Mapping[str, int], names: Sequence[str]) -> None:
        optional = {*self.defaults, self.id}
        needed = [*(name for name in self.names if name not in optional), self.label]
        missing = [name for name in needed if name not in taken]
        if missing:
            raise InvalidData(
                f"{file} has no column {', '.join(missing)}; its columns are {_listed(names)}. "
                f'Map yours by COLUMNS="{missing[0]}=<your column>"'
            )


@dataclass(frozen=True)
class Chosen:
    """The columns that are taken of one file: `indices` of the source become `names`."""

    wanted: Wanted
    indices: tuple[int, ...]
    names: tuple[str, ...]
    dropped: tuple[str, ...]

    def remarks(self, file: str) -> list[Remark]:
        """Return what a person should know of columns that were left out."""
        if not self.dropped:
            return []
        return [
            Remark(
                f"{file}: left out {_listed(self.dropped)}: no name, the name of another column, "
                "or lists and objects inside"
            )
        ]

    def apply(self, batch: pa.RecordBatch, sources: str | pa.Array) -> pa.RecordBatch:
        """Return `batch` (all columns of the file) with our names, defaults and `_source`."""
        columns = {
            name: _plain(batch.column(index))
            for name, index in zip(self.names, self.indices, strict=True)
        }
        for name, value in self.wanted.defaults.items():
            if name not in columns:
                columns[name] = pa.repeat(value, batch.num_rows)
        columns[SOURCE_COLUMN] = (
            pa.repeat(sources, batch.num_rows) if isinstance(sources, str) else sources
        )
        names = self.wanted.ordered(list(columns))
        return pa.record_batch([columns[name] for name in names], names=names)


def _plain(column: pa.Array) -> pa.Array:
    """Return text as Arrow's plain strings, however the file stores it."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    text = pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type)
    return column.cast(pa.string()) if text else column


def _listed(names: Sequence[str], most: int = 30) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(name[:100] for name in names[:most]) + more
