"""Pipeline runs and dataset versions as the blob store has them. All functions block.

Of a long history only what is on the page is read; the order follows from the listing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
from api_gateway.http.paging import Page, Paging, page
from api_gateway.stored_json import StoredJson, json_object
from platform_core.ports.blob_store import BlobInfo
from platform_core.storage import (
    REPORT_FILE,
    dataset_path,
    datasets_folder,
    parse_dataset_version,
    run_path,
    runs_folder,
)

RECORD, RESULT, FAILURE = "record.json", "result.json", "failure.json"
LAST_STEP, RELEASE_STEP = "stage", "release"
OLDEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class _RunFiles:
    """What a run has written, by path."""

    use_case: str
    run_id: str
    files: dict[str, BlobInfo] = field(default_factory=dict)

    @property
    def started_at(self) -> datetime:
        return min(blob.modified for blob in self.files.values())

    @property
    def key(self) -> str:
        """A key that orders runs by the time of their start."""
        return f"{self.started_at.isoformat()} {self.use_case} {self.run_id}"

    def file(self, *names: str) -> BlobInfo | None:
        return self.files.get(run_path(self.use_case, self.run_id, *names))


def pipeline_runs(
    stored: StoredJson, names: Sequence[str], run_id: str | None, asked: Paging
) -> Page[PipelineRun]:
    """Return a page of the runs of these use cases, the most recently started one first; only one
    if it is named.
    """
    found = (one for name in names for one in _run_files(stored, name))
    runs = {one.key: one for one in found if run_id in {None, one.run_id}}
    chosen = page(sorted(runs, reverse=True), asked, str)
    return Page([_run(stored, runs[key]) for key in chosen.items], chosen.cursor)


def dataset_versions(
    stored: StoredJson, names: Sequence[str], version: str | None, asked: Paging
) -> Page[DatasetVersion]:
    """Return a page of the dataset versions of these use cases, newest first; one version with its
    data report, if it is named.
    """
    found = [one for name in names for one in _versions(stored, name, version)]
    chosen = page(sorted(found, key=_dataset_key, reverse=True), asked, _dataset_key)
    if version is not None:
        for one in chosen.items:
            report = dataset_path(one.use_case, one.dataset_version, REPORT_FILE)
            one.report = json_object(stored.store, report)
    return chosen


def _dataset_key(version: DatasetVersion) -> str:
    """Return a key that orders dataset versions by time; those without a time are the oldest."""
    created_at = version.created_at or OLDEST
    return f"{created_at.isoformat()} {version.use_case} {version.dataset_version}"


def _run_files(stored: StoredJson, use_case: str) -> Sequence[_RunFiles]:
    runs: dict[str, _RunFiles] = {}
    folder = runs_folder(use_case)
    for blob in stored.store.list(folder):
        run_id = blob.path.removeprefix(f"{folder}/").partition("/")[0]
        if not run_id.startswith("_"):
            run = runs.setdefault(run_id, _RunFiles(use_case, run_id))
            run.files[blob.path] = blob
    return list(runs.values())


def _run(stored: StoredJson, run: _RunFiles) -> PipelineRun:
    steps = [step for blob in run.files.values() if (step := _step(stored, blob)) is not None]
    steps.sort(key=lambda step: step.finished_at)
    failure = stored.get(run.file(FAILURE))
    done = any(step.step == LAST_STEP for step in steps)
    status = RunStatus.FINISHED if done else RunStatus.UNFINISHED
    release = stored.get(run.file(RELEASE_STEP, RESULT)) or {}
    return PipelineRun(
        use_case=run.use_case,
        run_id=run.run_id,
        status=RunStatus.FAILED if failure else status,
        started_at=run.started_at,
        updated_at=max(blob.modified for blob in run.files.values()),
        steps=steps,
        failure=RunFailure.model_validate(failure) if failure else None,
        release_id=release.get("release_id"),
    )


def _step(stored: StoredJson, blob: BlobInfo) -> RunStep | None:
    folder, _, name = blob.path.rpartition("/")
    record = stored.get(blob) if name == RECORD else None
    if record is None:
        return None
    step = record.get("step", folder.rpartition("/")[2])
    return RunStep(step=step, seconds=record.get("seconds", 0), finished_at=blob.modified)


def _versions(stored: StoredJson, use_case: str, version: str | None) -> Sequence[DatasetVersion]:
    """Return the dataset versions of a use case, or the one that is named."""
    manifests = {
        name: blob
        for blob in stored.store.list(datasets_folder(use_case))
        if (name := parse_dataset_version(use_case, blob.path)) is not None
    }
    chosen = manifests if version is None else {version: manifests.get(version)}
    read = {name: stored.get(blob) for name, blob in chosen.items()}
    return [_version(use_case, name, found) for name, found in read.items() if found is not None]


def _version(use_case: str, version: str, manifest: Mapping[str, Any]) -> DatasetVersion:
    fields = {"use_case": use_case, "dataset_version": version, "manifest": manifest}
    try:
        return DatasetVersion(**fields, created_at=manifest.get("created_at"))
    except ValidationError:
        return DatasetVersion(**fields, created_at=None)
