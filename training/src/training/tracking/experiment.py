"""An MLflow experiment: parameters, metrics, files and datasets of its runs."""

import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from data_pipeline.versions.manifest import DatasetManifest, read_manifest
from platform_core.adapters.registry.client import mlflow_client
from platform_core.errors import BlobNotFound, UpstreamUnavailable
from platform_core.hashing import canonical_json
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import RECORDS_FILE, REPORT_PAGE_FILE, dataset_path

PARENT_TAG = "mlflow.parentRunId"


Arguments = ParamSpec("Arguments")
Returned = TypeVar("Returned")


def _translated(call: Callable[Arguments, Returned]) -> Callable[Arguments, Returned]:
    """Raise `UpstreamUnavailable` for an error of MLflow."""

    @wraps(call)
    def translated(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Returned:
        try:
            return call(*args, **kwargs)
        except MlflowException as error:
            raise UpstreamUnavailable(
                f"MLflow could not log the run: {error.message:.200}; check MLFLOW_TRACKING_URI "
                "and that the server runs (`make up`)"
            ) from error

    return translated


class Experiment:
    """The runs of one MLflow experiment, named like the use case.

    Every method raises `UpstreamUnavailable` when MLflow does not answer or refuses.
    """

    @_translated
    def __init__(self, tracking_uri: str, use_case: str) -> None:
        self.client = mlflow_client(tracking_uri)
        found = self.client.get_experiment_by_name(use_case)
        self._id = found.experiment_id if found else self.client.create_experiment(use_case)

    @_translated
    def start(
        self,
        name: str,
        parameters: Mapping[str, Any],
        tags: Mapping[str, str] | None = None,
        *,
        metrics: Mapping[str, float] | None = None,
        time: datetime | None = None,
        parent: str | None = None,
    ) -> str:
        """Start a run and return its id; with `parent` it is shown below that run.

        `metrics` are logged as of `time`.
        """
        parents = {PARENT_TAG: parent} if parent else {}
        run = self.client.create_run(self._id, run_name=name, tags={**parents, **(tags or {})})
        run_id: str = run.info.run_id
        self.client.log_batch(
            run_id,
            params=[Param(key, str(value)) for key, value in parameters.items()],
            metrics=_metrics(metrics, time) if metrics and time else (),
        )
        return run_id

    @_translated
    def running(self) -> dict[str, str]:
        """Return the names of the pipeline runs that have not ended, by the ids of their runs."""
        found = self.client.search_runs([self._id], "attributes.status = 'RUNNING'")
        return {
            run.info.run_id: run.info.run_name for run in found if PARENT_TAG not in run.data.tags
        }

    @_translated
    def log(
        self,
        run_id: str,
        time: datetime,
        metrics: Mapping[str, float],
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Log metrics, all at `time`, and set tags."""
        self.client.log_batch(run_id, metrics=_metrics(metrics, time), tags=_tags(tags or {}))

    @_translated
    def tags(self, run_id: str, values: Mapping[str, str]) -> None:
        """Set tags."""
        self.client.log_batch(run_id, tags=_tags(values))

    @_translated
    def dataset(self, run_id: str, manifest: DatasetManifest, uri: str, context: str) -> None:
        """Log a dataset version that the run used, in the role `context`."""
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

    @_translated
    def files(self, run_id: str, files: Mapping[str, bytes]) -> None:
        """Keep files, by name, as artifacts of a run."""
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                (Path(folder) / name).write_bytes(content)
            self.client.log_artifacts(run_id, folder)

    @_translated
    def end(self, run_id: str, status: str = "FINISHED") -> None:
        """End a run: `FINISHED`, `FAILED` or `KILLED`."""
        self.client.set_terminated(run_id, status)


def _metrics(values: Mapping[str, float], time: datetime) -> list[Metric]:
    milliseconds = int(time.timestamp() * 1000)
    return [Metric(name, value, milliseconds, 0) for name, value in values.items()]


def _tags(values: Mapping[str, str]) -> list[RunTag]:
    return [RunTag(key, value) for key, value in values.items()]


def log_data(
    store: BlobStore, experiment: Experiment, run_id: str, use_case: str, version: str
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
        except BlobNotFound:  # an old version that was deleted: its rows are in its children
            experiment.tags(run_id, {f"data_gone.{name}": "its manifest is no longer there"})
            continue
        uri = store.uri(dataset_path(use_case, name, RECORDS_FILE))
        context = "training" if name == version else "training-base"
        experiment.dataset(run_id, manifest, uri, context)
        waiting.extend(manifest.parents)
    report = dataset_path(use_case, version, REPORT_PAGE_FILE)
    if store.exists(report):
        experiment.tags(run_id, {"data_report": store.uri(report)})
        experiment.files(run_id, {"data_report.html": store.read(report)})
