"""Answers of the gateway compared with offline scores of the same records."""

from typing import Any

import httpx
import numpy as np
import pyarrow as pa

from data_pipeline.columns import TEST
from data_pipeline.stored import read_part
from platform_core.contracts.environments import Environment
from platform_core.contracts.inference_record import Purpose
from platform_core.errors import Refused, UpstreamUnavailable
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
    answers = _ask(case, records)
    others = {str(answer.get("release_id", answer)) for answer in answers} - {release_id}
    if others:
        raise Refused(f"staging answered {sorted(others)[0]:.300} instead of {release_id}")
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


def _largest_difference(case: UseCase, answers: list[dict[str, Any]], offline: Scores) -> float:
    """Return the largest difference of a probability, or of a number relative to it above 1."""
    if offline.intervals is None:
        online = np.array([[a["probabilities"][c] for c in case.classes] for a in answers])
        return float(np.abs(online - offline.probabilities).max())
    online = np.array([[a["prediction"], *a["interval"]] for a in answers])
    numbers = np.column_stack([np.asarray(offline.decided, np.float64), offline.intervals])
    return float((np.abs(online - numbers) / np.maximum(1, np.abs(numbers))).max())


def _records(services: TrainingServices, case: UseCase, dataset_version: str) -> pa.RecordBatch:
    if not dataset_version:
        return case.golden_records()
    test = read_part(services.store, case, dataset_version, TEST)
    return test.slice(0, services.settings.smoke_rows)


def _ask(case: UseCase, records: pa.RecordBatch) -> list[dict[str, Any]]:
    settings = GatewayClientSettings()
    headers = {
        "X-API-Key": settings.gateway_api_key.get_secret_value(),
        "X-Environment": Environment.STAGING,
        "X-Purpose": Purpose.SMOKE,
    }
    url = f"{settings.gateway_url}/models/{case.name}/predict/batch-sync"
    body = {"records": [case.request(row) for row in records.to_pylist()]}
    try:
        response = httpx.post(url, json=body, headers=headers, timeout=TIMEOUT_SECONDS)
    except httpx.HTTPError as error:
        raise UpstreamUnavailable(f"the gateway at {url} does not answer: {error}") from error
    if response.status_code != httpx.codes.OK:
        raise Refused(f"the gateway answered {response.status_code}: {response.text:.500}")
    answers: list[dict[str, Any]] = response.json()["predictions"]
    return answers
