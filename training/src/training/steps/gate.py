"""Gate: the release beside what production serves."""

from typing import Any

from data_pipeline import TEST
from data_pipeline.stored import read_features
from platform_core.contracts.release import GateCheck, Lineage
from platform_core.ledger import Ledger
from releases.admission import admit, champion
from releases.gates import check
from scoring import baseline_path
from training.bootstrap import Platform
from training.exported import build
from training.libraries import libraries
from training.progress import say
from training.run_folder import BASELINE, METRICS, PARITY, TRAINING, RunFolder
from use_cases import use_case


def run(
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
    built = build(run, feature_view_version)
    test = read_features(platform.store, case, dataset_version, TEST)
    ledger = Ledger(platform.store, platform.clock)
    parity = run.read_json(PARITY)["largest_difference"]
    checks = check(case, built, test, parity, champion(platform.store, ledger, case.name))
    for verdict in checks:
        value = "" if verdict.value is None else f" {verdict.value:.4g}"
        word = "passed" if verdict.passed else "FAILED"
        say(f"{word}  {verdict.name}{value}: {verdict.detail}")
    lineage = _lineage(platform, run, built.id, dataset_version, parameters, checks)
    platform.store.write(baseline_path(case.name, built.id), run.read(BASELINE))
    admit(platform.store, built, lineage)
    return built.id


def _lineage(
    platform: Platform,
    run: RunFolder,
    release_id: str,
    dataset_version: str,
    parameters: dict[str, Any],
    checks: tuple[GateCheck, ...],
) -> Lineage:
    training = run.read_json(TRAINING)
    return Lineage(
        release_id=release_id,
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
