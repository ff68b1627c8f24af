"""A use case that is derived from the declaration of its columns and its label."""

import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from platform_core.contracts.release import DecisionRule
from platform_core.contracts.tasks import TASK_METRICS, Metric, task_of
from platform_core.errors import InvalidInput
from use_cases.blocks.block import Block
from use_cases.blocks.fields import Fields
from use_cases.blocks.generator import assumed, generate
from use_cases.blocks.label import Label
from use_cases.blocks.profile import PROFILE_FILE, Profile, read_profile
from use_cases.blocks.training import DeclaredTraining
from use_cases.interface import UseCase
from use_cases.record_schema import record_schema
from use_cases.rules.gates import Gates
from use_cases.rules.thresholds import ThresholdRule
from use_cases.training import Duplicates, TrainingUseCase

EVEN = 0.5


class DeclaredUseCase(UseCase):
    """A use case that declares its `fields` and its `label`.

    Records, limits, features, golden records, monitored columns, slices, examples and a generator
    follow from them, and the title from the class's docstring; a class attribute or a method of a
    subclass replaces any of these. The generator draws from `profile.json` in the folder of the
    module, or from plausible values if there is no such file.
    """

    fields: tuple[Block, ...]
    """The columns of a record, the id first where there is one."""
    label: Label
    """The column with the label, and its classes."""
    time_column: str | None = None
    """The optional column with the time of the event; it is not part of a record."""
    gates: tuple[str, ...]
    """What a release must reach: `accuracy >= 0.75`, `recall >= 0.6 where contract = monthly`."""
    threshold: ThresholdRule | None = None
    """How training chooses the threshold of two classes: even odds, or by best F1 where a gate asks
    for F1.
    """
    metric: Metric | None = None
    """The metric of the search. Default: ROC AUC, macro F1 for more classes, RMSE for numbers."""
    models: tuple[str, ...] | None = None
    """The names of the stock candidates to try; all that suit the columns by default."""
    duplicates: Duplicates | None = None
    """How repeated rows are found; by default it follows from the columns."""
    profile: Profile
    """What the generator draws from."""
    declared: ClassVar[Fields]

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Derive everything that the class does not define itself.

        Raises:
            InvalidInput: the declaration contradicts itself; the message names each column.
        """
        super().__init_subclass__(**arguments)
        if not hasattr(cls, "fields"):
            return
        cls.declared = fields = Fields(cls.fields)
        _check(cls)
        cls._derive(title=lambda: _title(cls))
        cls._derive(
            record=lambda: fields.record(f"{cls.name.title().replace('_', '')}Record", cls.title),
            classes=lambda: cls.label.classes,
            positive=lambda: cls.label.positive,
            decision=lambda: _decision(cls.label),
            feature_schema=lambda: fields.feature_schema,
            measured_texts=lambda: fields.texts,
            monitored=lambda: fields.monitored,
            profile=lambda: _profile(cls),
            examples=lambda: _examples(cls),
        )

    @classmethod
    def _derive(cls, **derived: Any) -> None:
        for name, value in derived.items():
            if name not in vars(cls):
                setattr(cls, name, value())

    def features(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Return the features of each column."""
        return self.declared.features(records)

    def golden_records(self) -> pa.RecordBatch:
        """Return records with every golden value of every column."""
        return self.declared.golden(self.record_schema)

    def training(self) -> TrainingUseCase:
        """Return the training half."""
        return _training_class(type(self))()


@cache
def _training_class(case: type[DeclaredUseCase]) -> type[DeclaredTraining]:
    return type(f"{case.__name__}Training", (DeclaredTraining,), {"case": case})


def _title(case: type[DeclaredUseCase]) -> str:
    return inspect.cleandoc(case.__doc__ or case.name).splitlines()[0].rstrip(".")


def _check(case: type[DeclaredUseCase]) -> None:
    label = case.label
    problems = [
        *case.declared.problems(label.column, case.time_column),
        *label.problems(),
        *_gate_problems(case),
    ]
    if problems:
        raise InvalidInput(f"the use case {case.name!r}: {'; '.join(problems)}")


def _gate_problems(case: type[DeclaredUseCase]) -> Iterator[str]:
    """Yield gates that cannot be read, or are about slices that the columns do not make."""
    try:
        gates = Gates(getattr(case, "gates", ()), 0.0).minimums
    except ValueError as error:
        yield str(error)
        return
    if len(case.label.classes) == 1:
        return
    known = TASK_METRICS[task_of(len(case.label.classes))]
    for gate in gates:
        if gate.metric not in known:
            yield f"the gate `{gate}` is for another task; use one of {', '.join(sorted(known))}"
        if gate.slice and gate.slice_of not in set(case.declared.slice_names):
            yield f"the gate `{gate}` is about rows that no column tells apart"


def _decision(label: Label) -> DecisionRule:
    if not label.classes:
        return DecisionRule()
    if label.positive is None:
        return DecisionRule(kind="argmax")
    negative = label.classes[0]
    return DecisionRule(
        kind="threshold", positive=label.positive, negative=negative, threshold=EVEN
    )


def _profile(case: type[DeclaredUseCase]) -> Profile:
    module = sys.modules[case.__module__].__file__
    file = Path(module or "").with_name(PROFILE_FILE)
    fields, label = case.declared, case.label
    return read_profile(file, label.groups, fields.names) or assumed(fields, label)


def _examples(case: type[DeclaredUseCase]) -> Mapping[str, dict[str, Any]]:
    """Return a generated record of each class."""
    label, schema = case.label, record_schema(case.record)
    rows = generate(case.declared, label, case.profile, 4 * len(label.groups), 0, 0.0).to_pylist()
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        found.setdefault(str(row[label.column]), schema.request(_shown(row)))
    names = label.classes or (str(rows[0][label.column]),)
    return {name: found[name] for name in names}


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with short numbers: 0.1, not the 17 digits of the nearest float32."""
    return {
        name: float(f"{value:.6g}") if isinstance(value, float) else value
        for name, value in row.items()
    }
