"""Answers of the gateway compared with offline scores of the same records."""

import numpy as np
import pyarrow as pa

from data_pipeline.columns import TEST
from data_pipeline.stored import read_part
from mlplatform_client import InvalidItem, Prediction
from platform_core.adapters.gateway import gateway_client, platform_errors
from platform_core.contracts.environments import Environment
from platform_core.contracts.inference_record import Purpose
from platform_core.errors import Refused
from platform_core.settings import GatewayClientSettings
from scoring import FeatureTransformer, Scorer, Scores, load_release
from training.bootstrap import TrainingServices
from use_cases import UseCase, use_case

TIMEOUT_SECONDS = 60
# Float32 arithmetic of the same graph on the same features.
TOLERANCE = 1e-5


def compare_online(
    services: TrainingServices, name: str, dataset_version: str, release_id: str
) -> float:
    """Send test records, golden ones without a dataset version, through the gateway's staging;
    return the largest difference of a probability, or of a number and its interval, from the
    offline score with the same entity
    features.

    Raises:
        UpstreamUnavailable: the gateway did not answer.
        Refused: an answer is an error, names another release, or differs.
    """
    case = use_case(name)
    scorer = Scorer(load_release(services.store, name, release_id), case)
    records = _records(services, case, dataset_version)
    answers = []
    for answer in _ask(case, records):
        if not isinstance(answer, Prediction) or answer.release_id != release_id:
            raise Refused(f"staging answered {answer!s:.300} instead of {release_id}")
        answers.append(answer)
    store = services.online_store if scorer.manifest.feature_views else None
    transformer = FeatureTransformer(case, scorer.manifest, store)
    offline = scorer.score_features(transformer.transform(records).features)
    worst = _largest_difference(case, answers, offline)
    if worst > TOLERANCE:
        raise Refused(
            f"the gateway's answers differ from the offline scores by {worst:.2e}, "
            f"more than {TOLERANCE:.0e}: training and serving compute different things"
        )
    return worst


def _largest_difference(case: UseCase, answers: list[Prediction], offline: Scores) -> float:
    """Return the largest difference of a probability, or of a number relative to it above 1."""
    if offline.intervals is None:
        online = np.array([[a.probabilities[c] for c in case.classes] for a in answers])
        return float(np.abs(online - offline.probabilities).max())
    online = np.array([[a.prediction, *(a.interval or ())] for a in answers])
    numbers = np.column_stack([np.asarray(offline.decided, np.float64), offline.intervals])
    return float((np.abs(online - numbers) / np.maximum(1, np.abs(numbers))).max())


def _records(services: TrainingServices, case: UseCase, dataset_version: str) -> pa.RecordBatch:
    if not dataset_version:
        return case.golden_records()
    test = read_part(services.store, case, dataset_version, TEST)
    return test.slice(0, services.settings.smoke_rows)


def _ask(case: UseCase, records: pa.RecordBatch) -> list[Prediction | InvalidItem]:
    rows = [case.request(row) for row in records.to_pylist()]
    with (
        platform_errors("the answers of staging cannot be compared"),
        gateway_client(GatewayClientSettings(), TIMEOUT_SECONDS) as client,
    ):
        return client.predict_many(
            rows,
            use_case=case.name,
            environment=Environment.STAGING.value,
            purpose=Purpose.SMOKE.value,
        )
