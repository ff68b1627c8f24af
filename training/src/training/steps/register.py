"""Register: the release as a version in MLflow."""

import tempfile
from pathlib import Path

from platform_core.storage import release_path
from releases.catalogue.model_card import CARD_HTML, CARD_JSON
from scoring.release import model_file
from training.bootstrap import Platform
from training.run_folder import TRAINING, RunFolder


def run(platform: Platform, run: RunFolder, release_id: str) -> str:
    """Register the release in MLflow, with its model card, and return its version.

    Raises:
        Refused: the registry lost the signature.
    """
    store, name = platform.store, run.use_case
    tags = {"pipeline_run": run.run_id, "candidate": run.read_json(TRAINING)["candidate"]}
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.onnx"
        store.download(release_path(name, release_id, model_file(name)), model)
        uri = store.uri(release_path(name, release_id))
        run_id = run.read_json(TRAINING)["run_id"]
        version = platform.registry.register(name, release_id, uri, model, run_id, tags)
    tracking = platform.tracking(name)
    tracking.tags(run_id, {"release_id": release_id})
    folder = release_path(name, release_id)
    tracking.documents(run_id, {n: store.read(f"{folder}/{n}") for n in (CARD_HTML, CARD_JSON)})
    tracking.end(run_id)
    return version.version
