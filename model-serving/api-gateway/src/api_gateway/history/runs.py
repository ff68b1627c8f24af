"""Pipeline runs and dataset versions as the blob store has them. All functions block."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from api_gateway.history.documents import (
    DatasetVersion,
    PipelineRun,
    RunFailure,
    RunStatus,
    RunStep,
)
from platform_core.errors import BlobNotFound
from platform_core.ports.blob_store import BlobInfo, BlobStore
from platform_core.storage import (
    MANIFEST_FILE,
    REPORT_FILE,
    dataset_path,
    datasets_folder,
    run_path,
    runs_folder,
)

RECORD, RESULT, FAILURE = "record.json", "result.json", "failure.json"
OLDEST = datetime.min.replace(tzinfo=UTC)
LAST_STEP, RELEASE_STEP = "stage", "release"


@dataclass(frozen=True)
class StoredRun:
    """A run as it is listed: its objects have not been read."""

    use_case: str
    run_id: str
    blobs: Sequence[BlobInfo]

    @property
    def started_at(self) -> datetime:
        """The time of its oldest object."""
        return min(blob.modified for blob in self.blobs)


def stored_runs(store: BlobStore, use_case: str) -> list[StoredRun]:
    """Return the runs of a use case, in any order."""
    runs: dict[str, list[BlobInfo]] = {}
    folder = runs_folder(use_case)
    for blob in store.list(folder):
        run_id = blob.path.removeprefix(f"{folder}/").partition("/")[0]
        if not run_id.startswith("_"):
            runs.setdefault(run_id, []).append(blob)
    return [StoredRun(use_case, run_id, blobs) for run_id, blobs in runs.items()]


def run_key(run: StoredRun) -> str:
    """Return a key that orders runs by the time at which they began."""
    return f"{run.started_at.isoformat()} {run.use_case} {run.run_id}"


def dataset_key(version: DatasetVersion) -> str:
    """Return a key that orders dataset versions by time; those without a time are the oldest."""
    created_at = version.created_at or OLDEST
    return f"{created_at.isoformat()} {version.use_case} {version.dataset_version}"


def dataset_report(store: BlobStore, use_case: str, version: str) -> dict[str, Any] | None:
    """Return the data report of a dataset version, `None` if it has none."""
    return _document(store, dataset_path(use_case, version, REPORT_FILE))


def pipeline_run(store: BlobStore, run: StoredRun) -> PipelineRun:
    """Read a run."""
    use_case, run_id = run.use_case, run.run_id
    steps = [step for blob in run.blobs if (step := _step(store, blob)) is not None]
    steps.sort(key=lambda step: step.finished_at)
    failure = _document(store, run_path(use_case, run_id, FAILURE))
    done = any(step.step == LAST_STEP for step in steps)
    status = RunStatus.FINISHED if done else RunStatus.UNFINISHED
    release = _document(store, run_path(use_case, run_id, RELEASE_STEP, RESULT)) or {}
    return PipelineRun(
        use_case=use_case,
        run_id=run_id,
        status=RunStatus.FAILED if failure else status,
        started_at=run.started_at,
        updated_at=max(blob.modified for blob in run.blobs),
        steps=steps,
        failure=RunFailure.model_validate(failure) if failure else None,
        release_id=release.get("release_id"),
    )


def _step(store: BlobStore, blob: BlobInfo) -> RunStep | None:
    folder, _, name = blob.path.rpartition("/")
    record = _document(store, blob.path) if name == RECORD else None
    if record is None:
        return None
    step = record.get("step", folder.rpartition("/")[2])
    return RunStep(step=step, seconds=record.get("seconds", 0), finished_at=blob.modified)


def dataset_versions(store: BlobStore, use_case: str) -> Iterator[DatasetVersion]:
    """Yield the dataset versions of a use case, in any order."""
    for folder in store.folders(datasets_folder(use_case)):
        version = folder.rpartition("/")[2]
        manifest = _document(store, dataset_path(use_case, version, MANIFEST_FILE))
        if manifest is None:
            continue
        fields = {"use_case": use_case, "dataset_version": version, "manifest": manifest}
        try:
            yield DatasetVersion(**fields, created_at=manifest.get("created_at"))
        except ValidationError:
            yield DatasetVersion(**fields, created_at=None)


def _document(store: BlobStore, path: str) -> dict[str, Any] | None:
    """Return a JSON object, `None` where there is none."""
    try:
        document = json.loads(store.read(path))
    except (BlobNotFound, ValueError):
        return None
    return document if isinstance(document, dict) else None
