"""The layout of blob storage: every path is built and parsed here.

training-data/<use_case>/<dataset_version>/<file>
models/<use_case>/<release_id>/<file>                    a release
models/<use_case>/refused/<release_id>/<file>            a release that its gates refused
models/<use_case>/_ledger/<environment>/<sequence>.json
models/<use_case>/_runs/<run_id>/<step>/<file>           files and result of a step of a run
models/<use_case>/_runs/_finished/<step>-<key>.json      where the result of a step is that another
                                                         run may reuse
models/_feast/registry.db                                the registry of the feature store
baselines/<use_case>/<release_id>.parquet
inference-logs/use_case=/environment=/date=/hour=/<segment_id>.parquet
labels/use_case=/date=/<segment_id>.parquet              labels by the date of their predictions
labels/_erased/use_case=/date=/<prediction_id>           a prediction that was erased
labels/_erased/use_case=/_records/<digest>               a record that was erased, by its id's hash
drift-reports/use_case=/environment=/date=/hour=/<report_id>.<json, parquet or html>
drift-reports/_retrain-requests/<request_id><suffix>
drift-reports/_webhooks/<report_id>-<verdict>.json
batch/<path>                                             inputs and outputs of batch jobs
batch/_jobs/<job_id>/<file>                              the state of a batch job
batch/_jobs/_uploads/<upload>/<file>                     the state and the parts of an uploaded file
batch/_jobs/_uploads/_keys/<key>/<upload>-<bytes>        what an API key has uploaded

Folders exist by name only. A function that takes `*names` returns the folder without them.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from platform_core.errors import InvalidInput

TRAINING_DATA = "training-data"
MODELS = "models"
BASELINES = "baselines"
INFERENCE_LOGS = "inference-logs"
LABELS = "labels"
DRIFT_REPORTS = "drift-reports"
BATCH = "batch"
CONTAINERS = (TRAINING_DATA, MODELS, BASELINES, INFERENCE_LOGS, LABELS, DRIFT_REPORTS, BATCH)

MANIFEST_FILE = "manifest.json"
RECORDS_FILE = "records.parquet"
QUARANTINE_FILE = "quarantine.parquet"
INDEX_FILE = "index.parquet"
EXTRA_COLUMNS_FILE = "extra_columns.parquet"
FEEDBACK_FILE = "feedback.parquet"
FEATURES_FILE = "features.parquet"
FEATURES_CODE_FILE = "features.json"
REPORT_FILE = "report.json"
REPORT_PAGE_FILE = "report.html"
"""Files of a dataset version."""

RELEASE_FILE = "release.json"
LINEAGE_FILE = "lineage.json"
"""Files of a release, next to those that its manifest names."""

FEATURE_REGISTRY = f"{MODELS}/_feast/registry.db"
RETRAIN_REQUESTS = f"{DRIFT_REPORTS}/_retrain-requests"
BATCH_JOBS = f"{BATCH}/_jobs"
OPEN_JOBS = f"{BATCH_JOBS}/_open"
UPLOADS = f"{BATCH_JOBS}/_uploads"

PARQUET = ".parquet"
INVALID = ".invalid.parquet"
PART = "part-"
SUCCESS = "_SUCCESS"

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


def dataset_path(use_case: str, version: str, *names: str) -> str:
    """Return the folder of a dataset version, or one of its files."""
    return _join(datasets_folder(use_case), version, *names)


def datasets_folder(use_case: str) -> str:
    """Return the folder of the dataset versions of a use case."""
    return _join(TRAINING_DATA, use_case)


def parse_dataset_version(use_case: str, path: str) -> str | None:
    """Return the dataset version whose manifest is at `path`; `None` for any other path."""
    return _between(path, f"{datasets_folder(use_case)}/", f"/{MANIFEST_FILE}")


def model_folder(use_case: str) -> str:
    """Return the folder of the releases, the ledgers and the pipeline runs of a use case."""
    return _join(MODELS, use_case)


def release_path(use_case: str, release_id: str, *names: str) -> str:
    """Return the folder of a release, or one of its files."""
    return _join(model_folder(use_case), release_id, *names)


def refused_path(use_case: str, release_id: str, *names: str) -> str:
    """Return the folder of a release that its gates refused, or one of its files."""
    return _join(refused_folder(use_case), release_id, *names)


def refused_folder(use_case: str) -> str:
    """Return the folder of the refused releases of a use case."""
    return _join(model_folder(use_case), "refused")


def parse_release_id(use_case: str, path: str) -> str | None:
    """Return the id of the release whose manifest is at `path`; `None` for any other path."""
    name = _between(path, f"{model_folder(use_case)}/", f"/{RELEASE_FILE}")
    return name if name and re.fullmatch("[0-9a-f]{1,32}", name) else None


def ledger_folder(use_case: str, environment: str) -> str:
    """Return the folder of the ledger entries of one environment; they sort by sequence."""
    return _join(model_folder(use_case), "_ledger", environment)


def ledger_entry_path(use_case: str, environment: str, sequence: int) -> str:
    """Return the path of one ledger entry."""
    return f"{ledger_folder(use_case, environment)}/{sequence:08d}.json"


def run_path(use_case: str, run_id: str, *names: str) -> str:
    """Return the folder of a pipeline run, or one of its files."""
    return _join(model_folder(use_case), "_runs", run_id, *names)


def finished_step_path(use_case: str, step: str, key: str) -> str:
    """Return the path of the record of a step that other runs may reuse."""
    return run_path(use_case, "_finished", f"{step}-{key}.json")


def baseline_path(use_case: str, release_id: str) -> str:
    """Return the path of a release's baseline."""
    return _join(BASELINES, use_case, f"{release_id}{PARQUET}")


def log_object_path(use_case: str, environment: str, time: datetime, segment_id: str) -> str:
    """Return the path of a log segment whose records were answered in the hour of `time`.

    Raises:
        InvalidInput: `time` has no time zone.
    """
    return f"{log_hour_folder(use_case, environment, time)}/{segment_id}{PARQUET}"


def log_folder(use_case: str, environment: str) -> str:
    """Return the folder of a log; each date that has records is a folder in it."""
    return _partition(INFERENCE_LOGS, use_case, environment)


def log_hour_folder(use_case: str, environment: str, time: datetime) -> str:
    """Return the folder of the log segments of the hour of `time`."""
    return _hour(log_folder(use_case, environment), time)


def log_date_folder(use_case: str, environment: str, time: datetime) -> str:
    """Return the folder of the log segments of the day of `time`."""
    return _date(log_folder(use_case, environment), time)


def log_window_folders(
    use_case: str, environment: str, start: datetime, end: datetime
) -> Iterator[str]:
    """Yield the log folders that cover `start` to `end`: whole days by date, the rest by hour.

    Raises:
        InvalidInput: `start` or `end` has no time zone.
    """
    folder = log_folder(use_case, environment)
    hour, end = _utc(start).replace(minute=0, second=0, microsecond=0), _utc(end)
    while hour < end:
        if hour.hour == 0 and hour + _DAY <= end:
            yield _date(folder, hour)
            hour += _DAY
        else:
            yield _hour(folder, hour)
            hour += _HOUR


def label_object_path(use_case: str, time: datetime, segment_id: str) -> str:
    """Return the path of a segment of labels of predictions made on the day of `time`."""
    return f"{label_date_folder(use_case, time)}/{segment_id}{PARQUET}"


def label_folder(use_case: str) -> str:
    """Return the folder of the labels of a use case; each date with labels is a folder in it."""
    return f"{LABELS}/use_case={use_case}"


def label_date_folder(use_case: str, time: datetime) -> str:
    """Return the folder of the labels of predictions made on the day of `time`."""
    return _date(label_folder(use_case), time)


def tombstones_folder(use_case: str) -> str:
    """Return the folder of the predictions and records of a use case that were erased."""
    return f"{LABELS}/_erased/use_case={use_case}"


def tombstones_date_folder(use_case: str, time: datetime) -> str:
    """Return the folder of the erased predictions that were made on the day of `time`."""
    return _date(tombstones_folder(use_case), time)


def tombstone_path(use_case: str, time: datetime, prediction_id: str) -> str:
    """Return the path of the tombstone of a prediction that was made at `time`."""
    return f"{tombstones_date_folder(use_case, time)}/{prediction_id}"


def record_tombstone_path(use_case: str, *record_id: str) -> str:
    """Return the path of the tombstone of a record, named by the SHA-256 of its id."""
    digests = (hashlib.sha256(one.encode()).hexdigest() for one in record_id)
    return _join(f"{tombstones_folder(use_case)}/_records", *digests)


def parse_tombstone(path: str) -> str | None:
    """Return the prediction whose tombstone is at `path`; `None` for that of a record."""
    folder, _, name = path.rpartition("/")
    return name if is_partition(folder, "date") else None


def drift_report_path(
    use_case: str, environment: str, end: datetime, report_id: str, suffix: str
) -> str:
    """Return the path of one file of a drift report whose window ends at `end`."""
    return f"{drift_report_folder(use_case, environment, end)}/{report_id}.{suffix}"


def drift_report_folder(use_case: str, environment: str, end: datetime) -> str:
    """Return the folder of the drift reports whose window ends in the hour of `end`."""
    return _hour(_partition(DRIFT_REPORTS, use_case, environment), end)


def drift_report_date_folder(use_case: str, environment: str, time: datetime) -> str:
    """Return the folder of the drift reports whose window ends on the day of `time`."""
    return _date(_partition(DRIFT_REPORTS, use_case, environment), time)


def is_partition(folder: str, key: str) -> bool:
    """Say whether the last name of `folder` is a Hive partition `key=<value>`."""
    return folder.rpartition("/")[2].startswith(f"{key}=")


def retrain_request_path(request_id: str, suffix: str = ".json") -> str:
    """Return the path of a retrain request, or of the marker with this suffix next to it."""
    return f"{RETRAIN_REQUESTS}/{request_id}{suffix}"


def webhook_path(report_id: str, verdict: str) -> str:
    """Return the path of the marker of a webhook that was delivered."""
    return f"{DRIFT_REPORTS}/_webhooks/{report_id}-{verdict}.json"


def job_path(job_id: str) -> str:
    """Return the path of a batch job's request."""
    return f"{BATCH_JOBS}/{job_id}/job.json"


def progress_path(job_id: str) -> str:
    """Return the path of a batch job's progress."""
    return f"{BATCH_JOBS}/{job_id}/progress.json"


def cancel_path(job_id: str) -> str:
    """Return the path of the marker that asks a batch job to stop."""
    return f"{BATCH_JOBS}/{job_id}/cancel"


def open_path(job_id: str) -> str:
    """Return the path of the marker of a batch job that has not ended."""
    return f"{OPEN_JOBS}/{job_id}"


def parse_open_job(path: str) -> str:
    """Return the id of the job whose marker is at `path`."""
    return path.rpartition("/")[2]


def attempts_folder(job_id: str) -> str:
    """Return the folder of the attempts at a batch job; the last by name is the newest."""
    return f"{BATCH_JOBS}/{job_id}/attempts"


def attempt_path(job_id: str, number: int) -> str:
    """Return the path of an attempt, written before it starts."""
    return f"{attempts_folder(job_id)}/{number:06d}.json"


def claim_path(job_id: str, number: int) -> str:
    """Return the path of the marker of the one process that runs an attempt."""
    return f"{attempts_folder(job_id)}/{number:06d}.claim"


def input_plan_path(job_id: str) -> str:
    """Return the path of the list of objects that a batch job reads."""
    return f"{BATCH_JOBS}/{job_id}/input.json"


def checkpoints_folder(job_id: str) -> str:
    """Return the folder of the finished chunks of a batch job."""
    return f"{BATCH_JOBS}/{job_id}/checkpoints"


def reservation_path(output_path: str, predecessor: str | None = None) -> str:
    """Return the path of the object that holds the id of the job that may write `output_path`.

    When that job has ended, its successor creates the reservation that names the
    `predecessor`: creating is atomic, replacing is not.
    """
    key = _digest(output_path)
    return f"{BATCH_JOBS}/_outputs/{key}" + (f".{predecessor}" if predecessor else "")


def upload_path(path: str) -> str:
    """Return the path of the object that claims the upload to `path`."""
    return f"{UPLOADS}/{_digest(path)}/upload.json"


def upload_parts_folder(path: str) -> str:
    """Return the folder of the parts of `path` that have arrived; they sort by offset."""
    return f"{UPLOADS}/{_digest(path)}/parts"


def upload_part_path(path: str, offset: int) -> str:
    """Return the path of the part of `path` that begins at `offset` (bytes)."""
    return f"{upload_parts_folder(path)}/{offset:015d}"


def parse_upload_offset(part: str) -> int:
    """Return the offset of the part at this path."""
    return int(part.rpartition("/")[2])


def key_uploads_folder(key_name: str) -> str:
    """Return the folder of the markers of all files that an API key has uploaded."""
    return f"{UPLOADS}/_keys/{_digest(key_name)}"


def key_upload_path(key_name: str, path: str, size: int) -> str:
    """Return the path of the marker of one such file of `size` bytes."""
    return f"{key_uploads_folder(key_name)}/{_digest(path)}-{size}"


def parse_upload_size(marker: str) -> int:
    """Return the size in bytes that a marker of an uploaded file names."""
    return int(marker.rpartition("-")[2])


def invalid_path(output_path: str) -> str:
    """Return the path of the file that lists the invalid rows of a batch job."""
    return output_path.removesuffix(PARQUET) + INVALID


def part_path(output_path: str, number: int) -> str:
    """Return the path of one part of an output folder."""
    return f"{output_path}/{PART}{number:05d}{PARQUET}"


def success_path(output_path: str) -> str:
    """Return the path of the file that marks an output folder as complete."""
    return f"{output_path}/{SUCCESS}"


def is_within(path: str, folder: str) -> bool:
    """Say whether `path` is `folder` or below it."""
    return f"{path}/".startswith(f"{folder}/")


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _join(*names: str) -> str:
    return "/".join(names)


def _between(path: str, start: str, end: str) -> str | None:
    """Return the one name between `start` and `end`, `None` when `path` has another form."""
    name = path.removeprefix(start).removesuffix(end)
    return name if path == f"{start}{name}{end}" and name and "/" not in name else None


def _partition(container: str, use_case: str, environment: str) -> str:
    return f"{container}/use_case={use_case}/environment={environment}"


def _date(folder: str, time: datetime) -> str:
    return f"{folder}/date={_utc(time):%Y-%m-%d}"


def _hour(folder: str, time: datetime) -> str:
    return f"{_date(folder, time)}/hour={_utc(time):%H}"


def _utc(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise InvalidInput(f"{time.isoformat()} has no time zone; use UTC")
    return time.astimezone(UTC)
