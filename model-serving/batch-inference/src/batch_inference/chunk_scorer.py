"""One chunk of the input → its scored rows and its invalid rows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from batch_inference.source import Chunk
from platform_core.ports.online_store import OnlineStore
from scoring import FeatureTransformer, Release, Scorer
from use_cases import UseCase, use_case, validate_columns

ROW = "row"
REASON = "reason"
PREDICTION = "prediction"
PROBABILITY_PREFIX = "probability."
RELEASE_ID = "release_id"
DEGRADED = "degraded"
# One call to the online store reads this many keys, and a slow call degrades this many rows.
STEP_ROWS = 1_000

Poll = Callable[[], None]
"""Called now and then while work goes on; what it raises ends the work."""


@dataclass(frozen=True)
class ScoringPlan:
    """What scoring needs, in a form that travels to another process.

    `online_store` connects there; it is called only for a release that reads feature views.
    """

    use_case: str
    release: Release
    online_store: Callable[[], OnlineStore]


@dataclass(frozen=True)
class ScoredChunk:
    """`scored` (`output_schema`) and `invalid` (`invalid_schema`) are `rows` rows together."""

    rows: int
    scored: pa.Table
    invalid: pa.Table


def output_schema(case: UseCase) -> pa.Schema:
    """Return the columns of the output; probabilities by class, from 0 to 1."""
    probabilities = [pa.field(PROBABILITY_PREFIX + name, pa.float32()) for name in case.classes]
    names = [pa.field(PREDICTION, pa.string()), *probabilities, pa.field(RELEASE_ID, pa.string())]
    return pa.schema([_key(case), *names, pa.field(DEGRADED, pa.bool_())])


def invalid_schema(case: UseCase) -> pa.Schema:
    """Return the columns of the side file: which row of the input (from 0), and why."""
    identity = [] if case.id_column is None else [pa.field(case.id_column, pa.string())]
    return pa.schema([pa.field(ROW, pa.int64()), *identity, pa.field(REASON, pa.string())])


class ChunkScorer:
    """A release ready to score chunks."""

    def __init__(self, plan: ScoringPlan) -> None:
        """Load and verify the release; `ReleaseRefused` when it does not fit this code."""
        self._case = use_case(plan.use_case)
        self._scorer = Scorer(plan.release, self._case)
        manifest = plan.release.manifest
        store = plan.online_store() if manifest.feature_views else None
        self._transformer = FeatureTransformer(self._case, manifest, store)

    def score(self, chunk: Chunk, poll: Poll = lambda: None) -> ScoredChunk:
        """Return the answers to a chunk in its order, and what is wrong with the other rows.

        `poll` is called before each step of at most `STEP_ROWS` rows.
        """
        validation = validate_columns(self._case, chunk.table)
        numbers = pa.array(np.arange(chunk.start, chunk.start + chunk.table.num_rows))
        fits = validation.fits
        records, kept = validation.records.filter(fits), numbers.filter(fits)
        steps = []
        for start in range(0, records.num_rows, STEP_ROWS):
            poll()
            rows = slice(start, start + STEP_ROWS)
            steps.append(self._answers(records[rows], kept[rows]))
        scored = pa.Table.from_batches(steps, schema=output_schema(self._case))
        wrong = self._wrong(validation.records, numbers, validation.reasons)
        return ScoredChunk(chunk.table.num_rows, scored, wrong)

    def _answers(self, records: pa.RecordBatch, numbers: pa.Array) -> pa.RecordBatch:
        transformed = self._transformer.transform(records)
        scores = self._scorer.score_features(transformed.features)
        rows, identity = records.num_rows, self._case.id_column
        columns = [
            numbers if identity is None else records.column(identity),
            scores.predictions,
            *(pa.array(column) for column in np.ascontiguousarray(scores.probabilities.T)),
            pa.repeat(self._scorer.release_id, rows),
            pa.repeat(transformed.degraded, rows),
        ]
        return pa.record_batch(columns, schema=output_schema(self._case))

    def _wrong(self, records: pa.RecordBatch, numbers: pa.Array, reasons: pa.Array) -> pa.Table:
        identity = self._case.id_column
        named = [] if identity is None else [records.column(identity)]
        schema = invalid_schema(self._case)
        batch = pa.record_batch([numbers, *named, reasons], schema=schema)
        return pa.Table.from_batches([batch.filter(reasons.is_valid())], schema=schema)


def _key(case: UseCase) -> pa.Field:
    if case.id_column is None:
        return pa.field(ROW, pa.int64())
    return case.record_schema.field(case.id_column)
