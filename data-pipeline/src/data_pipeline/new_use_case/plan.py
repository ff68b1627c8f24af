"""The plan of a new use case: what was decided from data, and the reasons."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from keyword import iskeyword

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_pipeline.new_use_case.columns import ColumnPlan, find_id, plan_column
from data_pipeline.new_use_case.label import LabelPlan, missing, plan_label
from data_pipeline.new_use_case.proposed_gates import FOLDS, METRICS, ProposedGates, propose_gates
from data_pipeline.validation.labels import read_labels
from data_pipeline.validation.times import read_times
from data_pipeline.versions.split import no_time_split
from platform_core.contracts.tasks import Task
from platform_core.errors import InvalidData, InvalidInput
from use_cases import use_case_names, validate_columns
from use_cases.blocks import Block, DeclaredUseCase
from use_cases.blocks.fields import name_problems
from use_cases.blocks.generator import measure
from use_cases.blocks.profile import Profile
from use_cases.validation import cast_column

MAX_LISTED = 60


@dataclass(frozen=True)
class Plan:
    """A use case to write: its columns, its label, its gates, and what its data looks like.
    `split` says which rows are for the test if it has a `time` column.
    """

    name: str
    rows: int
    label: LabelPlan
    time: str | None
    split: str
    columns: tuple[ColumnPlan, ...]
    proposed: ProposedGates
    profile: Profile
    missing_labels: int

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The columns that are kept."""
        return tuple(column.block for column in self.columns if column.block is not None)

    def lines(self) -> Iterator[str]:
        """Yield the decisions with their reasons, as lines."""
        label = self.label
        yield f"{self.rows:,} rows"
        yield f"label     {label.label.column}: {label.task}, because {label.why}"
        if self.missing_labels:
            yield f"          {self.missing_labels:,} rows without a label are refused"
        if self.time:
            yield f"time      {self.time}: {self.split}"
        for column in self.columns[:MAX_LISTED]:
            kind = type(column.block).__name__.lower() if column.block else "left out"
            yield f"{kind:9} {column.name}: {column.why}"
        if len(self.columns) > MAX_LISTED:
            yield f"          and {len(self.columns) - MAX_LISTED} more columns"
        yield f"gates     {', '.join(self.proposed.gates)}: {self.proposed.why}"


def make_plan(
    name: str,
    table: pa.Table,
    label: str,
    *,
    id: str | None = None,  # noqa: A002 (the option's name)
    time: str | None = None,
    task: Task | None = None,
) -> Plan:
    """Return the plan of a use case for the rows of `table`.

    Raises:
        InvalidInput: the name cannot be used, or the data does not make a use case.
    """
    check_name(name)
    check_columns(label, id, time)
    planned = plan_label(label, table[label].combine_chunks(), task)
    names = [column for column in table.column_names if column not in {label, time}]
    identity = find_id(table, names, id)
    first = [] if identity is None else [identity]
    others = (name for name in names if name not in {one.name for one in first})
    rest = [plan_column(name, table[name].combine_chunks()) for name in others]
    columns = tuple(map(_usable, first + rest))
    blocks = tuple(column.block for column in columns if column.block is not None)
    case = declare(name, blocks, planned, (f"{METRICS[planned.task]} >= 0",), time)
    checked, labels = validate_columns(case, table), _labels(table, case, planned)
    usable = pc.and_(checked.fits, labels.is_valid())
    records, kept = checked.records.filter(usable), labels.filter(usable)
    _check_usable(case, kept, checked.reasons)
    return Plan(
        name, table.num_rows, planned, time,
        _split(time, table[time].combine_chunks()) if time else "", columns,
        propose_gates(case, planned, records, kept),
        measure(case.declared, planned.label, records, kept),
        missing(table[label].combine_chunks()),
    )  # fmt: skip


def check_columns(label: str, id: str | None, time: str | None) -> None:  # noqa: A002
    """Refuse one column for two of label, id and time.

    Raises:
        InvalidInput: two of them are the same column.
    """
    given = [("--label", label), ("--id", id), ("--time", time)]
    for index, (option, column) in enumerate(given):
        for other, same in given[:index]:
            if column is not None and column == same:
                raise InvalidInput(f"{other} and {option} both name {column!r}; name two columns")


def check_name(name: str) -> None:
    """Refuse a name that a use case cannot have.

    Raises:
        InvalidInput: it is malformed, or taken by a use case or a Python package.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name) or iskeyword(name):
        raise InvalidInput(
            f"a use case cannot be called {name!r:.60}; use lower case letters, digits and _, "
            "beginning with a letter"
        )
    if name in use_case_names():
        raise InvalidInput(f"the use case {name!r} already exists; choose another name")
    if find_spec(name) is not None:
        raise InvalidInput(f"a Python package {name!r} already exists; choose another name")


def declare(
    name: str, blocks: Sequence[Block], label: LabelPlan, gates: Sequence[str], time: str | None
) -> DeclaredUseCase:
    """Return the use case that these parts declare.

    Raises:
        InvalidInput: the parts contradict each other.
    """
    attributes = {
        "__module__": __name__,
        "__doc__": f"{name}.",
        "name": name,
        "fields": tuple(blocks),
        "label": label.label,
        "gates": tuple(gates),
        "time_column": time,
    }
    case: DeclaredUseCase = type("NewUseCase", (DeclaredUseCase,), attributes)()
    return case


def _labels(table: pa.Table, case: DeclaredUseCase, label: LabelPlan) -> pa.Array:
    column = table[label.label.column].combine_chunks()
    if label.task == "regression":
        return cast_column(column, pa.float64())
    return read_labels(case, column)[0]


def _split(name: str, column: pa.Array) -> str:
    """Return which rows are for the test.

    Raises:
        InvalidData: no time can be read.
    """
    known = read_times(column).known()
    if not len(known):
        raise InvalidData(
            f"no time of the column {name!r} can be read ({_shown(column)}); write times as "
            "2026-01-31T10:00:00, or leave out --time"
        )
    reason = no_time_split(len(column), len(known), len(np.unique(known)))
    return f"{reason}: split by content" if reason else "the test rows are the latest ones"


def _check_usable(case: DeclaredUseCase, labels: pa.Array, reasons: pa.Array) -> None:
    """Refuse data whose rows fit the columns so seldom that no model can be trained on them."""
    counts = Counter(dict.fromkeys(case.classes, 0)) if case.classes else Counter({"all": 0})
    counts.update(labels.to_pylist() if case.classes else {"all": len(labels)})
    if min(counts.values()) < FOLDS:
        known = reasons.drop_null()
        why = f"; the first problem is: {known[0]}" if len(known) else ""
        raise InvalidData(f"only {len(labels):,} of {len(reasons):,} rows can be used{why}")


def _shown(values: pa.Array) -> str:
    known = values.drop_null()
    return f"the first one is {str(known[0])[:40]!r}" if len(known) else "it has no values"


def _usable(column: ColumnPlan) -> ColumnPlan:
    """Return the column, left out where its name cannot be used."""
    problem = next(name_problems(column.name), None)
    return column if problem is None else ColumnPlan(column.name, None, problem)
