"""Importing a model in tests: the services, and the judged release with what describes it."""

from pathlib import Path
from typing import Any

from platform_core.contracts.release import Lineage
from releases.catalogue.model_card import ModelCard
from scoring import load_lineage
from training.bootstrap import TrainingServices
from training.importing.import_model import import_context, judge
from training.parameters import ImportOptions
from training.results import ReleaseResult


def import_settings(folder: Path, mlflow_uri: str) -> dict[str, str]:
    """Return the environment of an import whose state is in `folder`."""
    return {
        "PLATFORM_HOME": str(folder),
        "TRAINING_IMAGE": "mlplatform/training:0.1.0",
        "BLOB_STORE_URL": f"file://{folder}/blob",
        "MLFLOW_TRACKING_URI": mlflow_uri,
        "FEAST_OFFLINE_PATH": str(folder / "offline"),
    }


def judged(
    services: TrainingServices, name: str, source: object, **options: Any
) -> tuple[ReleaseResult, Lineage, ModelCard]:
    """Judge a model of a use case; return its release, lineage and card."""
    given = ImportOptions(**options)
    released, _ = judge(import_context(services, name, given), str(source), given)
    lineage = load_lineage(services.store, name, released.release_id)
    card = services.store.read(f"{released.release_path}/model_card.json")
    return released, lineage, ModelCard.model_validate_json(card)
