"""Smoke test: asks the service of a release for its golden records, by V2.

The test needs no gateway: it calls the service that gateways will call, under the name of the
release, and compares the answers with those that the release's own code and graph compute here.
"""

import time
from collections.abc import Mapping
from typing import Protocol

import numpy as np
import pyarrow as pa

from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import ModelNotReady, Refused, UpstreamUnavailable
from platform_core.open_inference import (
    FEATURES,
    INTERVAL,
    NUMBERS,
    PREDICTION,
    PROBABILITIES,
    Tensor,
    number_block,
    tensors_from_batch,
)
from platform_core.open_inference.client import InferenceResult
from platform_core.ports.blob_store import BlobStore
from releases.deployers.v2 import V2Model, V2Services
from scoring import Scorer, Scores, load_release
from use_cases import UseCase, assemble

TOLERANCE = 1e-5
"""Float32 arithmetic of the same graph, on another processor or in another batch."""
RETRY_SECONDS = 0.5


class SmokeTest(Protocol):
    """Checks that the service of a release answers correctly."""

    def check(
        self, use_case: UseCase, environment: Environment, release_id: str, role: ServingRole
    ) -> None:
        """Return if it does.

        Raises:
            Refused: an answer is wrong.
            UpstreamUnavailable: there is no answer.
        """
        ...


class ServiceSmokeTest:
    """Compares the answers of the service with those of the release in `store`.

    A service that does not answer is asked again for at most `patience_seconds`.
    """

    def __init__(
        self, store: BlobStore, services: V2Services, patience_seconds: float = 20.0
    ) -> None:
        self._store = store
        self._services = services
        self._patience = patience_seconds

    def check(
        self, use_case: UseCase, environment: Environment, release_id: str, role: ServingRole
    ) -> None:
        """Return if the service answers the golden records as the release does here."""
        scorer = Scorer(load_release(self._store, use_case.name, release_id), use_case)
        records = use_case.golden_records()
        model = self._services.model(environment, use_case.name, release_id, role)
        result = self._ask(model, records)
        problem = wrong_answer(result, scorer, use_case, records)
        if problem:
            raise Refused(
                f"smoke test: wrong answer of {model.name} in {environment} to the golden records "
                f"of {use_case.name}: {problem}"
            )

    def _ask(self, model: V2Model, records: pa.RecordBatch) -> InferenceResult:
        deadline = time.monotonic() + self._patience
        inputs = tensors_from_batch(records)
        while True:
            try:
                return self._services.infer(model, inputs)
            except (UpstreamUnavailable, ModelNotReady) as error:
                if time.monotonic() + RETRY_SECONDS > deadline:
                    raise UpstreamUnavailable(f"smoke test: {error}") from error
            time.sleep(RETRY_SECONDS)


def wrong_answer(
    result: InferenceResult, scorer: Scorer, use_case: UseCase, records: pa.RecordBatch
) -> str:
    """Return what is wrong with an answer to `records`, "" if it is right.

    The entity features are those that the service looked up; everything else is computed here.
    """
    answered = result.parameters.get("release_id")
    if answered != scorer.release_id:
        return f"release {answered} answered, expected {scorer.release_id}"
    try:
        features = assemble(use_case, records)
        served = _block(result.outputs[FEATURES]) if FEATURES in result.outputs else None
        if served is not None:
            features, differs = _with_served(features, served, scorer)
            if differs:
                return f"the feature {differs!r} differs"
        return _difference(result.outputs, scorer.score_features(features))
    except (KeyError, TypeError, ValueError) as error:
        return f"the answer is incomplete or has another shape: {error!r:.200}"


def _with_served(
    features: pa.RecordBatch, served: np.ndarray, scorer: Scorer
) -> tuple[pa.RecordBatch, str]:
    """Return the features with the numbers that the service used, and the name of one number
    that it should have computed as here and did not.
    """
    names = scorer.manifest.features.numbers
    looked_up = {name for view in scorer.manifest.feature_views for name in view.features}
    here = number_block(features)
    if served.shape != here.shape:
        return features, f"{NUMBERS} {list(served.shape)}"
    for index, name in enumerate(names):
        if name not in looked_up and not _close(served[:, index], here[:, index]):
            return features, name
    column = features.schema.get_field_index(NUMBERS)
    kind = features.schema.field(column).type
    values = pa.FixedSizeListArray.from_arrays(pa.array(served.ravel(), pa.float32()), type=kind)
    return features.set_column(column, features.schema.field(column), values), ""


def _difference(outputs: Mapping[str, Tensor], expected: Scores) -> str:
    if expected.intervals is None:
        if not _close(_block(outputs[PROBABILITIES]), expected.probabilities):
            return "the probabilities differ"
        decided = list(outputs[PREDICTION]["data"]) == list(expected.decided)
        return "" if decided else "the decisions differ"
    numbers = np.asarray(outputs[PREDICTION]["data"], np.float32)
    if not _close(numbers, np.asarray(expected.decided, np.float32)):
        return "the numbers differ"
    return "" if _close(_block(outputs[INTERVAL]), expected.intervals) else "the intervals differ"


def _block(tensor: Tensor) -> np.ndarray:
    return np.asarray(tensor["data"], np.float32).reshape(tensor["shape"])


def _close(served: np.ndarray, expected: np.ndarray) -> bool:
    if served.shape != expected.shape:
        return False
    return np.allclose(served, expected, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
