"""The responses about pipeline runs, dataset versions, use cases and past reports."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, Field

from platform_core.contracts.drift_report import DriftReport, RetrainRequest
from platform_core.contracts.quality_report import QualityReport
from platform_core.contracts.tasks import Task


class RunStatus(StrEnum):
    """How far a run is; an `unfinished` one is running, or was interrupted."""

    UNFINISHED = "unfinished"
    FINISHED = "finished"
    FAILED = "failed"


class RunStep(BaseModel):
    """A step that has finished, and how long it took; `finished_at` is when it was recorded."""

    step: str
    seconds: float
    finished_at: datetime


class RunFailure(BaseModel):
    """Why the last attempt of a run failed."""

    step: str
    code: str
    message: str


class PipelineRun(BaseModel):
    """A run of the pipeline; `updated_at` is the time of the newest object that it wrote."""

    use_case: str
    run_id: str
    status: RunStatus
    started_at: datetime
    updated_at: datetime
    steps: list[RunStep]
    failure: RunFailure | None
    release_id: Annotated[str | None, Field(description="of the release that it built")]


class RunPage(BaseModel):
    """Runs, newest first; `cursor` asks for the next page."""

    runs: list[PipelineRun]
    cursor: str | None


class RetrainingStatus(StrEnum):
    """How far a retraining request is."""

    SUGGESTED = "suggested"
    REJECTED = "rejected"
    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    UNCHANGED = "unchanged"


class RetrainingOutcome(BaseModel):
    """A retraining request with its reason and outcome.

    A `suggested` one waits until `change_id` is approved, a `waiting` one for the scheduler;
    `unchanged` ones were not run, because their data had not changed since the release was trained.
    `detail` says why it failed or was not run.
    """

    request: RetrainRequest
    status: RetrainingStatus
    run_id: str
    change_id: str | None
    detail: str


class RetrainingPage(BaseModel):
    """Retraining requests, newest first; `cursor` asks for the next page."""

    retraining: list[RetrainingOutcome]
    cursor: str | None


class DatasetVersion(BaseModel):
    """A dataset version: `manifest` counts its rows, `report` is its data report.

    `report` is only there if one version was asked for.
    """

    use_case: str
    dataset_version: str
    created_at: datetime | None
    manifest: dict[str, Any]
    report: dict[str, Any] | None = None


class DatasetPage(BaseModel):
    """Dataset versions, newest first; `cursor` asks for the next page."""

    datasets: list[DatasetVersion]
    cursor: str | None


class UseCaseDocument(BaseModel):
    """An installed use case; `record` is the JSON Schema of its records."""

    name: str
    title: str
    task: Task
    classes: list[str]
    positive: str | None
    id_column: str | None
    record: dict[str, Any]
    examples: dict[str, Any]
    label_maturity_days: float


class ReportPage(BaseModel):
    """Reports, newest window first; `cursor` asks for the next page."""

    reports: list[DriftReport] | list[QualityReport]
    cursor: str | None
