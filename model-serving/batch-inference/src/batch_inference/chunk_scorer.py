"""Scoring one chunk of the input: record validation, features, predictions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from batch_inference.input.reader import Chunk
from platform_core.contracts.tasks import INTERVAL_ENDS
from platform_core.ports.online_store import OnlineStore
from scoring import FeatureTransformer, Release, Scorer
from use_cases import UseCase, use_case, validate_columns

ROW = "row"
REASON = "reason"
PREDICTION = "prediction"
PROBABILITY_PREFIX = "probability."
RELEASE_ID = "release_id"
DEGRADED = "degraded"
TRUNCATED = "truncated"
# The keys in one call to the online store; a call that times out degrades this many rows.
STEP_ROWS = 1_000

Poll = Callable[[], None]
"""Called regularly during the work; it raises an exception to end the work."""


@dataclass(frozen=True)
class ScoringPlan:
    """What scoring needs, in a form that can be sent to another process.

    `online_store` connects in that process; it is called only for releases with feature views.
    """

    use_case: str
    release: Release
    online_store: Callable[[], OnlineStore]


@dataclass(frozen=True)
class ScoredChunk:
    """`rows` rows of the input: `scored` (`output_schema`) and `invalid` (`invalid_schema`)."""

    rows: int
    scored: pa.Table
    invalid: pa.Table

    @property
    def truncated(self) -> int:
        """The number of scored rows with cut fields."""
        return int(self.scored.num_rows - self.scored[TRUNCATED].null_count)


def output_schema(case: UseCase) -> pa.Schema:
    """Return the columns of the output: the prediction with a probability per class, or for
    regression with the ends of its interval; `truncated` names the fields of which only the
    start was read, with commas between them, null where there is none.
    """
    numbers = [PROBABILITY_PREFIX + name for name in case.classes] or [*INTERVAL_ENDS]
    answer = [
        pa.field(PREDICTION, pa.string() if case.classes else pa.float32()),
        *(pa.field(name, pa.float32()) for name in numbers),
    ]
    names = [*answer, pa.field(RELEASE_ID, pa.string())]
    flags = [pa.field(DEGRADED, pa.bool_()), pa.field(TRUNCATED, pa.string())]
    return pa.schema([_id_field(case), *names, *flags])


def invalid_schema(case: UseCase) -> pa.Schema:
    """Return the columns of the side file: the row of the input (from 0) and the reason."""
    identity = [] if case.id_column is None else [pa.field(case.id_column, pa.string())]
    return pa.schema([pa.field(ROW, pa.int64()), *identity, pa.field(REASON, pa.string())])


class ChunkScorer:
    """Scores chunks with one release."""

    def __init__(self, plan: ScoringPlan) -> None:
        """Load and verify the release; `ReleaseRefused` when this code cannot run it."""
        self._case = use_case(plan.use_case)
        self._scorer = Scorer(plan.release, self._case)
        manifest = plan.release.manifest
        store = plan.online_store() if manifest.feature_views else None
        self._transformer = FeatureTransformer(self._case, manifest, store)

    def score(self, chunk: Chunk, poll: Poll = lambda: None) -> ScoredChunk:
        """Return the predictions of a chunk in order, and the reasons why other rows are invalid.

        `poll` is called before each step of at most `STEP_ROWS` rows.
        """
        validation = validate_columns(self._case, chunk.table)
        numbers = pa.array(np.arange(chunk.start, chunk.start + chunk.table.num_rows))
        fits = validation.fits
        records, kept = validation.records.filter(fits), numbers.filter(fits)
        truncated = _names(validation.truncated, chunk.table.num_rows).filter(fits)
        steps = []
        for start in range(0, records.num_rows, STEP_ROWS):
            poll()
            rows = slice(start, start + STEP_ROWS)
            steps.append(self._score(records[rows], kept[rows], truncated[rows]))
        scored = pa.Table.from_batches(steps, schema=output_schema(self._case))
        invalid = self._invalid(validation.records, numbers, validation.reasons)
        return ScoredChunk(chunk.table.num_rows, scored, invalid)

    def _score(
        self, records: pa.RecordBatch, numbers: pa.Array, truncated: pa.Array
    ) -> pa.RecordBatch:
        transformed = self._transformer.transform(records)
        scores = self._scorer.score_features(transformed.features)
        rows, identity = records.num_rows, self._case.id_column
        answer = scores.probabilities if scores.intervals is None else scores.intervals
        columns = [
            numbers if identity is None else records.column(identity),
            scores.predictions,
            *(pa.array(column) for column in np.ascontiguousarray(answer.T)),
            pa.repeat(self._scorer.release_id, rows),
            pa.repeat(transformed.degraded, rows),
            truncated,
        ]
        return pa.record_batch(columns, schema=output_schema(self._case))

    def _invalid(self, records: pa.RecordBatch, numbers: pa.Array, reasons: pa.Array) -> pa.Table:
        identity = self._case.id_column
        named = [] if identity is None else [records.column(identity)]
        schema = invalid_schema(self._case)
        batch = pa.record_batch([numbers, *named, reasons], schema=schema)
        return pa.Table.from_batches([batch.filter(reasons.is_valid())], schema=schema)


def _names(masks: Mapping[str, pa.BooleanArray], rows: int) -> pa.StringArray:
    """Return the names of the masks that are true in each row."""
    found = pa.nulls(rows, pa.string())
    for name, mask in masks.items():
        both = pc.binary_join_element_wise(found, name, ",", null_handling="skip")
        found = pc.if_else(mask, both, found)
    return found


def _id_field(case: UseCase) -> pa.Field:
    if case.id_column is None:
        return pa.field(ROW, pa.int64())
    return case.record_schema.field(case.id_column)
