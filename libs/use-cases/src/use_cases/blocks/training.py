"""The training half of a declared use case."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from platform_core.contracts.tasks import Metric, Task, task_of
from use_cases.blocks.fields import Fields
from use_cases.blocks.generator import generate, with_times
from use_cases.blocks.label import Label
from use_cases.blocks.text import Id
from use_cases.rules.gates import Gates
from use_cases.rules.thresholds import BestF1, ThresholdRule
from use_cases.training import Candidate, Duplicates, LabelSpec, TrainingUseCase

if TYPE_CHECKING:
    from use_cases.blocks.use_case import DeclaredUseCase

MARGIN = 0.02
METRICS: Mapping[Task, Metric] = {
    "binary": "roc_auc",
    "multiclass": "f1_macro",
    "regression": "rmse",
}


class DeclaredTraining(TrainingUseCase):
    """Label, gates, generator and candidates as the use case declares them."""

    case: ClassVar["type[DeclaredUseCase]"]

    def __init__(self) -> None:
        label, case = self.case.label, self.case
        self.label = LabelSpec(label.column, label.values if label.classes else {})
        self.time_column = case.time_column
        self.metric = case.metric or METRICS[task_of(len(label.classes))]
        self.gates = Gates(case.gates, MARGIN)
        self.threshold = case.threshold or _threshold(case.label, self.gates)
        self.duplicates = case.duplicates or _policy(case.declared)

    def generate(self, rows: int, seed: int, drift: float = 0.0) -> pa.Table:
        """Return records drawn from the use case's profile; `drift` moves every column."""
        case = self.case
        table = generate(case.declared, case.label, case.profile, rows, seed, drift)
        return table if self.time_column is None else with_times(table, self.time_column, seed)

    def candidates(self) -> Sequence[Candidate]:
        """Return the stock candidates that suit the columns."""
        from use_cases.stock import candidates

        case = self.case
        task = task_of(len(case.classes))
        return candidates(case.feature_schema, task, case.classes, case.models)

    def duplicate_text(self, records: pa.RecordBatch) -> pa.Array:
        """Return the texts of a record that has nothing but texts, otherwise null."""
        if self.duplicates != "near":
            return super().duplicate_text(records)
        texts = [pc.fill_null(records[name], "") for name in self.case.declared.texts]
        joined = pc.binary_join_element_wise(*texts, "\n")
        blank = pc.equal(pc.utf8_trim_whitespace(joined), "")
        return pc.if_else(blank, pa.scalar(None, pa.string()), joined)

    def slices(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Return the category of each record, and the length of its texts."""
        return self.case.declared.slices(records)


def _policy(fields: Fields) -> Duplicates:
    """Return how repeated rows are found: by similar text if all columns are texts, not at all if
    rows have an id, and otherwise by equal content and label.
    """
    if fields.texts and all(block.is_text or isinstance(block, Id) for block in fields.blocks):
        return "near"
    return "none" if fields.id else "exact"


def _threshold(label: Label, gates: Gates) -> ThresholdRule | None:
    """Return `BestF1` if a gate asks for F1: with rare classes 0.5 seldom suffices. Where another
    asks for accuracy, which is highest at 0.5, that stays.
    """
    asked = {gate.metric for gate in gates.minimums}
    if label.positive is None or "accuracy" in asked or "f1" not in asked:
        return None
    return BestF1()
