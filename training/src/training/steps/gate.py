"""Gate: the release beside what production serves."""

import io
from typing import Any

import pyarrow.parquet as pq

from data_pipeline import TEST
from data_pipeline.sources import shown
from data_pipeline.stored import read_features
from platform_core.contracts.release import GateCheck, Lineage
from platform_core.errors import GateRefused
from platform_core.ledger import Ledger
from platform_core.storage import baseline_path
from releases.catalogue.model_card import CARD_HTML, CARD_JSON
from releases.deployers.images import pinned_image
from releases.gates import admit, load_champion, rows_unseen_by, run_gates
from scoring import Release
from training.bootstrap import Platform
from training.card import model_card
from training.card_page import card_page
from training.exported import build
from training.libraries import libraries
from training.progress import say
from training.run_folder import ANSWERS, BASELINE, METRICS, PARITY, TRAINING, RunFolder
from use_cases import UseCase, use_case


def run(
    platform: Platform,
    run: RunFolder,
    dataset_version: str,
    feature_view_version: str,
    parameters: dict[str, Any],
) -> str:
    """Judge the release beside what production serves; store it with the verdict and its card.

    Raises:
        GateRefused: a gate did not pass; the release is kept under `refused/`.
    """
    case = use_case(run.use_case)
    built = build(run, feature_view_version)
    test = read_features(platform.store, case, dataset_version, TEST)
    ledger = Ledger(platform.store, platform.clock)
    parity = run.read_json(PARITY)["largest_difference"]
    current = load_champion(platform.store, ledger, case.name)
    unseen = rows_unseen_by(current, test, platform.store, case.name)
    checks = run_gates(case, built, test, parity, current, unseen)
    for verdict in checks:
        value = "" if verdict.value is None else f" {verdict.value:.4g}"
        word = "passed" if verdict.passed else "FAILED"
        say(f"{word}  {verdict.name}{value}: {verdict.detail}")
    lineage = _lineage(platform, run, built.id, dataset_version, parameters, checks)
    platform.store.write(baseline_path(case.name, built.id), run.read(BASELINE))
    documents = _card(platform, run, case, built, lineage)
    try:
        admit(platform.store, built, lineage, documents)
    except GateRefused:
        tracking, run_id = platform.tracking(case.name), run.read_json(TRAINING)["run_id"]
        tracking.documents(run_id, documents)
        tracking.end(run_id, "FAILED")
        raise
    return built.id


def _card(
    platform: Platform, run: RunFolder, case: UseCase, built: Release, lineage: Lineage
) -> dict[str, bytes]:
    """Return the model card by file name."""
    card = model_card(platform.store, case, run, built.manifest, lineage)
    answers = pq.read_table(io.BytesIO(run.read(ANSWERS)))
    return {
        CARD_JSON: card.model_dump_json(indent=1).encode(),
        CARD_HTML: card_page(case, card, answers),
    }


def _lineage(
    platform: Platform,
    run: RunFolder,
    release_id: str,
    dataset_version: str,
    parameters: dict[str, Any],
    checks: tuple[GateCheck, ...],
) -> Lineage:
    training, data = run.read_json(TRAINING), parameters.get("data", "")
    return Lineage(
        release_id=release_id,
        created_at=platform.clock.now(),
        dataset_version=dataset_version,
        data_source=shown(data),
        pipeline_run=run.run_id,
        # An address may carry a key; a lineage is read by many.
        pipeline_parameters={**parameters, "data": shown(data) if data else ""},
        candidate=training["candidate"],
        parameters=training["parameters"],
        metrics=run.read_json(METRICS),
        gates=checks,
        run_id=training["run_id"],
        git_sha=parameters.get("git_sha") or None,
        image_digest=platform.settings.training_image,
        serving_image=pinned_image(platform.settings.serving_image),
        libraries=libraries(),
    )
