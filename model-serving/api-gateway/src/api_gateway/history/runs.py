"""Pipeline runs and dataset versions as the blob store has them. All functions block.

Of a long history only what is on the page is read. The order follows from what does not change:
when a run began, and the manifest of a dataset version.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
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
LAST_STEP, RELEASE_STEP = "stage", "release"
OLDEST = datetime.min.replace(tzinfo=UTC)
KEPT_RUNS = 500
"""Runs whose documents are kept until one of their objects changes."""


@dataclass(frozen=True)
class _Run:
    """A run, and when it wrote its first object."""

    use_case: str
    run_id: str
    started_at: datetime

    @property
    def key(self) -> str:
        """A key that orders runs by the time of their start."""
        return f"{self.started_at.isoformat()} {self.use_case} {self.run_id}"


class RunHistory:
    """The pipeline runs of all use cases. Threads may share it."""

    def __init__(self, stored: StoredJson) -> None:
        self._stored = stored
        self._started: dict[str, Mapping[str, datetime]] = {}
        self._document = lru_cache(maxsize=KEPT_RUNS)(self._make_document)

    def page(
        self, names: Sequence[str], run_id: str | None, asked: Paging, *, newest: bool = False
    ) -> Page[PipelineRun]:
        """Return a page of the runs of these use cases, the most recently started one first; only
        one if it is named, and with `newest` only the last one of each use case.
        """
        listed = (self._runs(name) for name in names)
        found = [[one for one in runs if run_id in {None, one.run_id}] for runs in listed]
        if newest:
            found = [[max(runs, key=lambda run: run.key)] for runs in found if runs]
        runs = {one.key: one for of_use_case in found for one in of_use_case}
        chosen = page(sorted(runs, reverse=True), asked, str)
        read = (self._read(runs[key]) for key in chosen.items)
        return Page([run for run in read if run is not None], chosen.cursor)

    def _runs(self, use_case: str) -> Sequence[_Run]:
        folders = self._stored.store.folders(runs_folder(use_case))
        names = [folder.rpartition("/")[2] for folder in folders]
        ids = [name for name in names if not name.startswith("_")]
        started = self._started.get(use_case, {})
        if any(run_id not in started for run_id in ids):
            # One listing of all runs: a store in the network answers it faster than many.
            started = {**_start_times(self._stored.store, use_case), **started}
        self._started[use_case] = {one: started[one] for one in ids if one in started}
        return [_Run(use_case, *one) for one in self._started[use_case].items()]

    def _read(self, run: _Run) -> PipelineRun | None:
        """Return what a run has written by now, `None` if it was removed."""
        blobs = tuple(self._stored.store.list(run_path(run.use_case, run.run_id)))
        return self._document(run, blobs) if blobs else None

    def _make_document(self, run: _Run, blobs: Sequence[BlobInfo]) -> PipelineRun:
        path = partial(run_path, run.use_case, run.run_id)
        files = {blob.path: blob for blob in blobs}
        steps = [step for blob in blobs if (step := _step(self._stored, blob)) is not None]
        steps.sort(key=lambda step: step.finished_at)
        failure = self._stored.get(files.get(path(FAILURE)))
        done = any(step.step == LAST_STEP for step in steps)
        status = RunStatus.FINISHED if done else RunStatus.UNFINISHED
        release = self._stored.get(files.get(path(RELEASE_STEP, RESULT))) or {}
        return PipelineRun(
            use_case=run.use_case,
            run_id=run.run_id,
            status=RunStatus.FAILED if failure else status,
            started_at=run.started_at,
            updated_at=max(blob.modified for blob in blobs),
            steps=steps,
            failure=RunFailure.model_validate(failure) if failure else None,
            release_id=release.get("release_id"),
        )


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


def _start_times(store: BlobStore, use_case: str) -> Mapping[str, datetime]:
    """Return when each run of a use case wrote the oldest of its objects."""
    times: dict[str, datetime] = {}
    folder = runs_folder(use_case)
    for blob in store.list(folder):
        run_id = blob.path.removeprefix(f"{folder}/").partition("/")[0]
        times[run_id] = min(blob.modified, times.get(run_id, blob.modified))
    return times


def _step(stored: StoredJson, blob: BlobInfo) -> RunStep | None:
    folder, _, name = blob.path.rpartition("/")
    record = stored.get(blob) if name == RECORD else None
    if record is None:
        return None
    step = record.get("step", folder.rpartition("/")[2])
    return RunStep(step=step, seconds=record.get("seconds", 0), finished_at=blob.modified)


def _versions(stored: StoredJson, use_case: str, version: str | None) -> Sequence[DatasetVersion]:
    """Return the dataset versions of a use case, or the one that is named."""
    folders = stored.store.folders(datasets_folder(use_case))
    names = [folder.rpartition("/")[2] for folder in folders]
    chosen = [name for name in names if version in {None, name}]
    read = {name: stored.fixed(dataset_path(use_case, name, MANIFEST_FILE)) for name in chosen}
    return [_version(use_case, name, found) for name, found in read.items() if found is not None]


def _version(use_case: str, version: str, manifest: Mapping[str, Any]) -> DatasetVersion:
    fields = {"use_case": use_case, "dataset_version": version, "manifest": manifest}
    try:
        return DatasetVersion(**fields, created_at=manifest.get("created_at"))
    except ValidationError:
        return DatasetVersion(**fields, created_at=None)
