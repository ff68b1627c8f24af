"""Release, gate, register, deploy and smoke: from a judged model to an answering environment."""

import tempfile
from pathlib import Path
from typing import Any

from data_pipeline import TEST
from data_pipeline.features import read_features
from platform_core.contracts.release import Lineage
from platform_core.ledger import Ledger
from releases.admission import admit, champion
from releases.gates import check
from scoring import Release, baseline_path, build_release, release_path
from scoring.release import model_file
from training.bootstrap import Platform
from training.progress import say
from training.run_folder import BASELINE, MODEL_ONNX, RunFolder
from training.steps.judge import METRICS, PARITY
from training.steps.train import TRAINING
from training.tracking import libraries
from use_cases import use_case

ACTOR = "training-pipeline"


def release(platform: Platform, run: RunFolder, feature_view_version: str) -> str:
    """Build the release and return its id; it is kept in the run's folder until it is judged."""
    del platform
    built = _build(run, feature_view_version)
    run.write_json("release.json", {"release_id": built.id})
    return built.id


def gate(
    platform: Platform,
    run: RunFolder,
    dataset_version: str,
    feature_view_version: str,
    parameters: dict[str, Any],
) -> str:
    """Judge the release beside what production serves and store it with the verdict.

    Raises:
        GateRefused: a gate did not pass; the release is kept under `refused/`.
    """
    case = use_case(run.use_case)
    built = _build(run, feature_view_version)
    test = read_features(platform.store, case, dataset_version, TEST)
    ledger = Ledger(platform.store, platform.clock)
    parity = run.read_json(PARITY)["largest_difference"]
    checks = check(case, built, test, parity, champion(platform.store, ledger, case.name))
    for verdict in checks:
        say(f"{'passed' if verdict.passed else 'FAILED'}  {verdict.name}: {verdict.detail}")
    training = run.read_json(TRAINING)
    lineage = Lineage(
        release_id=built.id,
        created_at=platform.clock.now(),
        dataset_version=dataset_version,
        data_source=parameters.get("data") or "generated",
        pipeline_run=run.run_id,
        pipeline_parameters=parameters,
        candidate=training["candidate"],
        parameters=training["parameters"],
        metrics=run.read_json(METRICS),
        gates=checks,
        run_id=training["run_id"],
        git_sha=parameters.get("git_sha") or None,
        image_digest=platform.settings.training_image,
        libraries=libraries(),
    )
    platform.store.write(baseline_path(case.name, built.id), run.read(BASELINE))
    admit(platform.store, built, lineage)
    return built.id


def register(platform: Platform, run: RunFolder, release_id: str) -> str:
    """Register the release in MLflow and return its version.

    Raises:
        Refused: the registry lost the signature.
    """
    store, name = platform.store, run.use_case
    tags = {"pipeline_run": run.run_id, "candidate": run.read_json(TRAINING)["candidate"]}
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.onnx"
        store.download(f"{release_path(name, release_id)}/{model_file(name)}", model)
        uri = store.uri(release_path(name, release_id))
        run_id = run.read_json(TRAINING)["run_id"]
        version = platform.registry.register(name, release_id, uri, model, run_id, tags)
    tracking = platform.tracking(name)
    tracking.tags(run_id, {"release_id": release_id})
    tracking.end(run_id)
    return version.version


def deploy(platform: Platform, run: RunFolder, release_id: str) -> str:
    """Let staging serve the release; return what it serves.

    Raises:
        PlatformError: it could not be deployed; the release before keeps serving.
    """
    reason = f"pipeline run {run.run_id}"
    platform.releases.deploy_to_staging(run.use_case, release_id, ACTOR, reason)
    return release_id


def smoke(platform: Platform, run: RunFolder, dataset_version: str, release_id: str) -> float:
    """Send rows of the test part through the gateway and compare with offline scores.

    Returns the largest difference of a probability.

    Raises:
        Refused: an answer differs by more than the use case's parity, or names another release.
    """
    from training.smoke import compare_online

    worst = compare_online(platform, run.use_case, dataset_version, release_id)
    say(f"smoke: largest difference between gateway and offline {worst:.2e}")
    return worst


def _build(run: RunFolder, feature_view_version: str) -> Release:
    return build_release(
        use_case(run.use_case),
        run.read(MODEL_ONNX),
        run.read(BASELINE),
        feature_view_version or None,
    )
