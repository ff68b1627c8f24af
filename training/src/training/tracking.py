"""What MLflow shows of a run: parameters, metrics, curves, confusion matrix, data set, versions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

from data_pipeline.versions.manifest import DatasetManifest, read_manifest
from platform_core.adapters.registry.client import mlflow_client
from platform_core.errors import BlobNotFound
from platform_core.hashing import canonical_json
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import RECORDS_FILE, REPORT_PAGE_FILE, dataset_path

PARENT_TAG = "mlflow.parentRunId"
REPORT = "report.html"


class Tracking:
    """Writes to one MLflow experiment, named like the use case."""

    def __init__(self, tracking_uri: str, use_case: str) -> None:
        self.client = mlflow_client(tracking_uri)
        found = self.client.get_experiment_by_name(use_case)
        self._experiment = found.experiment_id if found else self.client.create_experiment(use_case)

    def start(self, name: str, parameters: Mapping[str, Any], parent: str | None = None) -> str:
        """Start a run and return its id; with `parent` it is shown below that run."""
        tags = {PARENT_TAG: parent} if parent else {}
        run = self.client.create_run(self._experiment, run_name=name, tags=tags)
        self.client.log_batch(
            run.info.run_id, params=[Param(k, str(v)) for k, v in parameters.items()]
        )
        return run.info.run_id

    def metrics(self, run_id: str, values: Mapping[str, float], time: datetime) -> None:
        """Log metrics, all at `time`."""
        milliseconds = int(time.timestamp() * 1000)
        metrics = [Metric(name, value, milliseconds, 0) for name, value in values.items()]
        self.client.log_batch(run_id, metrics=metrics)

    def tags(self, run_id: str, values: Mapping[str, str]) -> None:
        """Set tags."""
        self.client.log_batch(run_id, tags=[RunTag(k, v) for k, v in values.items()])

    def dataset(self, run_id: str, manifest: DatasetManifest, uri: str, context: str) -> None:
        """Log a dataset version that the run saw; `context` says as what."""
        profile = {"rows": manifest.rows, "test_rows": manifest.test_rows, **manifest.classes}
        dataset = Dataset(
            name=manifest.use_case,
            digest=manifest.dataset_version,
            source_type="blob",
            source=canonical_json({"uri": uri}).decode(),
            schema=canonical_json(manifest.columns).decode(),
            profile=canonical_json(profile).decode(),
        )
        tag = InputTag("mlflow.data.context", context)
        self.client.log_inputs(run_id, [DatasetInput(dataset, [tag])])

    def documents(self, run_id: str, documents: Mapping[str, bytes]) -> None:
        """Keep texts, by file name, as artifacts of a run."""
        for name, text in documents.items():
            self.client.log_text(run_id, text.decode(), name)

    def end(self, run_id: str, status: str = "FINISHED") -> None:
        """End a run: `FINISHED` or `FAILED`."""
        self.client.set_terminated(run_id, status)


def log_data(
    store: BlobStore, tracking: Tracking, run_id: str, use_case: str, version: str
) -> None:
    """Log a dataset version, all that it was added to, and the data report where there is one."""
    seen, waiting = set(), [version]
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        try:
            manifest = read_manifest(store, use_case, name)
        except BlobNotFound:  # an old one that was cleaned away: its rows are in its children
            tracking.tags(run_id, {f"data_gone.{name}": "its manifest is no longer there"})
            continue
        uri = store.uri(dataset_path(use_case, name, RECORDS_FILE))
        context = "training" if name == version else "training-base"
        tracking.dataset(run_id, manifest, uri, context)
        waiting.extend(manifest.parents)
    report = dataset_path(use_case, version, REPORT_PAGE_FILE)
    if store.exists(report):
        tracking.tags(run_id, {"data_report": store.uri(report)})
        tracking.documents(run_id, {"data_report.html": store.read(report)})
