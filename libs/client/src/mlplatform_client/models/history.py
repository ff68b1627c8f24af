"""Pipeline runs, dataset versions and use cases."""

from datetime import datetime
from typing import Any, Literal

from mlplatform_client.models.common import Document, Environment, RetrainingStatus, RunStatus


class RunStep(Document):
    """A step that has finished, and how long it took; `finished_at` is when it was recorded."""

    step: str
    seconds: float
    finished_at: datetime


class RunFailure(Document):
    """Why the last attempt of a run failed."""

    step: str
    code: str
    message: str


class PipelineRun(Document):
    """A run of the pipeline; `updated_at` is the time of the newest object that it wrote."""

    use_case: str
    run_id: str
    status: RunStatus
    started_at: datetime
    updated_at: datetime
    steps: list[RunStep]
    failure: RunFailure | None
    release_id: str | None
    """Of the release that it built."""


class RunPage(Document):
    """Runs, newest first; `cursor` asks for the next page."""

    runs: list[PipelineRun]
    cursor: str | None


class RetrainRequest(Document):
    """A request for a new release. The evidence is the report with its `verdict`, and the `metric`
    that decided it, in words. `window_end` is the end of its window. `approvals` is the number of
    people who have to approve it.
    """

    request_id: str
    use_case: str
    environment: Environment
    release_id: str
    reason: str
    report_id: str
    created_at: datetime
    verdict: str = ""
    metric: str = ""
    window_end: datetime | None = None
    approvals: int = 0


class RetrainingOutcome(Document):
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


class RetrainingPage(Document):
    """Retraining requests, newest first; `cursor` asks for the next page."""

    retraining: list[RetrainingOutcome]
    cursor: str | None


class DatasetVersion(Document):
    """A dataset version: `manifest` counts its rows, `report` is its data report.

    `report` is only there if one version was asked for.
    """

    use_case: str
    dataset_version: str
    created_at: datetime | None
    manifest: dict[str, Any]
    report: dict[str, Any] | None = None


class DatasetPage(Document):
    """Dataset versions, newest first; `cursor` asks for the next page."""

    datasets: list[DatasetVersion]
    cursor: str | None


class UseCaseDocument(Document):
    """An installed use case; `record` is the JSON Schema of its records."""

    name: str
    title: str
    task: Literal["binary", "multiclass", "regression"] | str
    classes: list[str]
    positive: str | None
    id_column: str | None
    record: dict[str, Any]
    examples: dict[str, Any]
    label_maturity_days: float
