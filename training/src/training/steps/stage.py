"""Stage: the release as a version in MLflow, served by staging and compared with offline scores."""

import tempfile
from pathlib import Path

from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action
from releases.catalogue.model_card import CARD_HTML, CARD_JSON
from releases.changes.requests import Requested, require_applied
from scoring.release import model_file
from training.progress import show
from training.results import ReleaseResult, StageResult
from training.steps.context import StepContext
from training.steps.online_check import compare_online

ACTOR = "training-pipeline"


def run(context: StepContext, release: ReleaseResult) -> StageResult:
    """Register the release in MLflow with its metrics, figures and card, deploy it to staging, and
    send test records through the gateway.

    Raises:
        Refused: the registry lost the signature, or an answer of the gateway is an error, differs,
            or names another release.
        Unavailable: the gateway or the release controller did not answer.
        PlatformError: the release could not be deployed; the one before is still served.
    """
    version = register(context, release)
    name = context.case.name
    _deploy(context, name, release.release_id)
    largest = compare_online(context.services, name, release.dataset_version, release.release_id)
    show(f"smoke: largest difference between gateway and offline {largest:.2e}")
    return StageResult(
        release_id=release.release_id,
        release_path=release.release_path,
        model_version=version,
        largest_difference=largest,
    )


def _deploy(context: StepContext, name: str, release_id: str) -> None:
    """Have the release controller make the release staging's stable one."""
    requested = Requested(
        Action.DEPLOY,
        name,
        Environment.STAGING,
        ACTOR,
        f"pipeline run {context.run.run_id}",
        release_id=release_id,
    )
    changes = context.services.changes
    applied = require_applied(changes.follow(changes.submit(requested), show))
    changes.wait_for_gateways(applied)


def register(context: StepContext, release: ReleaseResult) -> str:
    """Register the release in MLflow with its metrics, figures and card; return its version."""
    store, services, name = context.store, context.services, context.case.name
    run_id, folder = release.run_id, release.release_path
    experiment = services.experiment(name)
    tags = {"release_id": release.release_id}
    experiment.log(run_id, services.clock.now(), release.metrics, tags)
    documents = {file: store.read(f"{folder}/{file}") for file in (CARD_HTML, CARD_JSON)}
    figures = {file: store.read(path) for file, path in release.figure_paths.items()}
    experiment.files(run_id, {**documents, **figures})
    tags = {"pipeline_run": context.run.run_id, "candidate": release.candidate}
    with tempfile.TemporaryDirectory() as local:
        model = Path(local) / "model.onnx"
        store.download(f"{folder}/{model_file(name)}", model)
        version = services.registry.register(
            name, release.release_id, store.uri(folder), model, run_id, tags
        )
    return version.version
