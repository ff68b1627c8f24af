"""From the columns of a source to those of the use case."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote

import pyarrow as pa

from data_pipeline.sources.events import Note
from data_pipeline.sources.formats.opening import SourceFile
from data_pipeline.sources.raw import OWN_COLUMNS, SOURCE_COLUMN
from platform_core.errors import InvalidData
from use_cases import UseCase
from use_cases.invisible import without_invisible
from use_cases.plain_columns import plain

MAX_UNNAMED_COLUMNS = 256
"""Columns that the use case does not name, of one file; more of them are left out."""
_PARTITION = re.compile(r"([^=/]+)=([^/]*)/")
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class ColumnMapping:
    """What a use case needs of a source, in a form that travels to other processes.

    `limits`: maximum number of characters per text column; `label_values`: the known spellings;
    `renaming` maps names of the source to ours. If several sources are `pooled`, a file need not
    have each of these columns.
    """

    names: tuple[str, ...]
    label: str
    time: str | None
    id: str | None
    defaults: Mapping[str, pa.Scalar]
    limits: Mapping[str, int]
    label_values: frozenset[str]
    renaming: Mapping[str, str]
    pooled: bool = False

    @classmethod
    def of(
        cls, case: UseCase, renaming: Mapping[str, str], *, pooled: bool = False
    ) -> "ColumnMapping":
        """Return what `case` needs."""
        schema, training = case.record_schema, case.training()
        defaults = {n: pa.scalar(v, schema.field(n).type) for n, v in training.defaults.items()}
        texts = (name for name in case.limits if schema.field(name).type == pa.string())
        return cls(
            names=tuple(schema.names),
            label=training.label.column,
            time=training.time_column,
            id=case.id_column,
            defaults=defaults,
            limits={name: int(case.limits[name].maximum) for name in texts},
            label_values=frozenset(training.label.values),
            renaming=dict(renaming),
            pooled=pooled,
        )

    @property
    def own(self) -> list[str]:
        """The columns that mean something to the use case, in order."""
        return [*self.names, self.label, *([self.time] if self.time else [])]

    @property
    def known(self) -> frozenset[str]:
        """The names that a source may use for columns that mean something to the use case."""
        return frozenset((set(self.own) - set(self.renaming.values())) | set(self.renaming))

    def ordered(self, names: Sequence[str]) -> list[str]:
        """Return `names` with the use case's columns first and where a row came from last."""
        rest = [name for name in names if name not in {*self.own, SOURCE_COLUMN}]
        return [name for name in self.own if name in names] + rest + [SOURCE_COLUMN]

    def select(self, file: SourceFile, fields: Sequence[pa.Field]) -> "ColumnSelection":
        """Return which columns of `file` are taken, those in the names of its folders included.

        Raises:
            InvalidData: a needed or mapped column is absent, there twice, or nested.
        """
        fields = self._with_plain_names(fields)
        names = [field.name for field in fields]
        partitions = {k: v for k, v in _partitions(file).items() if k not in names}
        absent = [name for name in self.renaming if name not in {*names, *partitions}]
        if absent and self.pooled:
            present = {ours: to for ours, to in self.renaming.items() if ours not in absent}
            return replace(self, renaming=present).select(file, fields)
        if absent:
            raise InvalidData(
                f"COLUMNS names {', '.join(absent)}, which {file.name} does not have; "
                f"its columns are {_listed(names)}"
            )
        fields = [*fields, *(pa.field(name, pa.string()) for name in partitions)]
        taken, dropped = self._take(file.name, fields)
        self._require(file.name, taken, names)
        inside = {name: index for name, index in taken.items() if index < len(names)}
        constant = {n: partitions[fields[i].name] for n, i in taken.items() if n not in inside}
        return ColumnSelection(self, inside, constant, tuple(dropped), tuple(self._hints(taken)))

    def _with_plain_names(self, fields: Sequence[pa.Field]) -> list[pa.Field]:
        """Return the fields; one whose name is ours but for blanks and characters that cannot be
        seen has our name.
        """
        names = {field.name for field in fields}
        return [
            field.with_name(name)
            if (name := without_invisible(field.name).strip()) in self.known - names
            else field
            for field in fields
        ]

    def _hints(self, taken: Mapping[str, int]) -> Iterator[str]:
        """Yield a sentence for each of our columns that is absent, though another has its name but
        for case, blanks and hyphens.
        """
        for name in self.own:
            like = None if name in taken else _like(name, taken)
            if like is not None:
                yield f'there is no column {name}; COLUMNS="{name}={like}" takes {like} for it'

    def _take(self, file: str, fields: Sequence[pa.Field]) -> tuple[dict[str, int], list[str]]:
        """Return the index of each column that is kept, by its new name, and what is dropped."""
        taken: dict[str, int] = {}
        dropped: list[str] = []
        unnamed = 0
        for index, field in enumerate(fields):
            # A column that already has a target's name gives way to the one mapped to it.
            gives_way = field.name in self.renaming.values() and field.name not in self.renaming
            name = self.renaming.get(field.name, field.name)
            if gives_way or name in OWN_COLUMNS:
                continue
            known = field.name in self.known
            usable = name != "" and name not in taken and not pa.types.is_nested(field.type)
            if usable and (known or unnamed < MAX_UNNAMED_COLUMNS):
                taken[name] = index
                unnamed += not known
            elif known:
                what = "holds lists or objects" if name not in taken else "appears twice"
                raise InvalidData(f"the column {field.name} of {file} {what}; give one plain value")
            else:
                dropped.append(field.name or f"(column {index + 1} without a name)")
        return taken, dropped

    def _require(self, file: str, taken: Mapping[str, int], names: Sequence[str]) -> None:
        optional = {*self.defaults, self.id}
        needed = [*(name for name in self.names if name not in optional), self.label]
        missing = [name for name in needed if name not in taken]
        if missing:
            yours = _like(missing[0], names) or "<your column>"
            raise InvalidData(
                f"{file} has no column {', '.join(missing)}; its columns are {_listed(names)}. "
                f'Map yours with COLUMNS="{missing[0]}={yours}"'
            )


@dataclass(frozen=True)
class ColumnSelection:
    """The columns that are taken of one file: of our names to their index in it, and to the
    value that all its rows have because of its folder. `hints` are about columns that are absent.
    """

    mapping: ColumnMapping
    inside: Mapping[str, int]
    constant: Mapping[str, str | None]
    dropped: tuple[str, ...]
    hints: tuple[str, ...] = ()

    @property
    def indices(self) -> list[int]:
        """The columns of the file that are taken, in the order that `apply` expects."""
        return list(self.inside.values())

    def notes(self, file: str) -> list[Note]:
        """Return what a person should know about columns that were left out or are absent."""
        notes = [Note(f"{file}: {hint}") for hint in self.hints]
        if self.dropped:
            why = "no name, the name of another column, lists and objects inside, or too many"
            notes.append(Note(f"{file}: left out {_listed(self.dropped)}: {why} columns"))
        return notes

    def apply(self, columns: Sequence[pa.Array], sources: str | pa.Array) -> pa.RecordBatch:
        """Return the columns at `indices` with our names, defaults and `_source`."""
        rows = len(columns[0])
        named = {name: plain(column) for name, column in zip(self.inside, columns, strict=True)}
        for name, value in self.constant.items():
            named[name] = pa.repeat(pa.scalar(value, pa.string()), rows)
        for name, default in self.mapping.defaults.items():
            if name not in named:
                named[name] = pa.repeat(default, rows)
        named[SOURCE_COLUMN] = pa.repeat(sources, rows) if isinstance(sources, str) else sources
        names = self.mapping.ordered(list(named))
        return pa.record_batch([named[name] for name in names], names=names)


def _partitions(file: SourceFile) -> dict[str, str | None]:
    """Return the columns in the names of a file's folders, as Hive and Spark write them."""
    found = _PARTITION.findall(f"{file.under}/{file.name}")
    return {unquote(n): None if v == _NO_VALUE else unquote(v) for n, v in found}


def _like(name: str, names: Iterable[str]) -> str | None:
    """Return the first of `names` that is `name` but for case, blanks, hyphens and underscores."""
    return next((other for other in names if _letters(other) == _letters(name)), None)


def _letters(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).casefold()


def _listed(names: Sequence[str], most: int = 30) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(name[:100] for name in names[:most]) + more
