"""Features → graph → decision or interval, for online answers, batch jobs and gates alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from platform_core.contracts.release import IntervalRule
from platform_core.errors import ReleaseRefused
from scoring.decision import decided_classes, prediction_intervals
from scoring.graph import Graph
from scoring.release import Release
from scoring.verify import verify
from use_cases import UseCase, assemble, model_schema

SUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Scores:
    """Answers to N records.

    `features` as the model saw them (`model_schema`, N rows), `probabilities` [N, C] float32
    in the order of the classes, `decided` N classes. For regression C is 0, `decided` are N
    numbers and `intervals` [N, 2] float32 are theirs.
    """

    features: pa.RecordBatch
    probabilities: np.ndarray
    decided: Sequence[str] | Sequence[float]
    intervals: np.ndarray | None = None

    @property
    def predictions(self) -> pa.Array:
        """The N classes (string), or the N numbers (float32), as an Arrow array."""
        return pa.array(self.decided, pa.string() if self.intervals is None else pa.float32())


class Scorer:
    """A release, verified against the installed code and ready to answer."""

    def __init__(self, release: Release, use_case: UseCase, threads: int = 1) -> None:
        """Load and verify `release`.

        Raises:
            ReleaseRefused: its features come out differently, or its graph, schema, classes
                or feature views do not fit together.
        """
        self.release_id = release.id
        self.manifest = release.manifest
        self._use_case = use_case
        verify(release.manifest, use_case)
        schema = model_schema(use_case)
        self._graph = Graph(release.model, schema, len(use_case.classes), threads)
        answers = self.score(use_case.golden_records())  # refuses numbers that are not finite
        if use_case.classes:
            _check_probabilities(answers.probabilities)

    def score(self, records: pa.RecordBatch, entities: pa.RecordBatch | None = None) -> Scores:
        """Return the answers to `records` (`record_schema`) with their entity features."""
        return self.score_features(assemble(self._use_case, records, entities))

    def score_features(self, features: pa.RecordBatch) -> Scores:
        """Return the answers to records whose features are computed already."""
        rule, classes = self.manifest.decision, self.manifest.classes
        if isinstance(rule, IntervalRule):
            numbers = self._graph.answers(features)
            none = np.empty((len(numbers), 0), np.float32)
            return Scores(features, none, numbers.tolist(), prediction_intervals(rule, numbers))
        probabilities = self._graph.answers(features)
        return Scores(features, probabilities, decided_classes(rule, classes, probabilities))


def _check_probabilities(values: np.ndarray) -> None:
    inside = ((values >= 0) & (values <= 1 + SUM_TOLERANCE)).all()
    if not inside or not np.allclose(values.sum(axis=1), 1, atol=SUM_TOLERANCE):
        raise ReleaseRefused(
            "the ONNX graph answers the golden records with numbers that are not probabilities: "
            f"{values[0].tolist()}; export the classifier's probabilities, not its scores"
        )
