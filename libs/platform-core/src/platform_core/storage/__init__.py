"""The layout of blob storage: every path is built and parsed here.

training-data/<use_case>/<dataset_version>/<file>
models/<use_case>/<release_id>/<file>                    a release
models/<use_case>/refused/<release_id>/<file>            a release that its gates refused
models/<use_case>/_ledger/<environment>/<sequence>.json
models/_changes/<change_id>/<file>                       a requested change and its result
models/_changes/_open/<change_id>                        a change that has not ended
models/_changes/_keys/<digest>                           the change of an idempotency key
models/_gateways/<gateway_id>.json                       the ledger entries that a gateway has read
models/_controller.json                                  what the release controller is doing
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
drift-reports/_drills/latest.json                        the results of the links of the last drill
drift-reports/_webhooks/<report_id>-<verdict>.json
drift-reports/_anchors/<use_case>/<environment>/<sequence>-<hash>
                                                         that the ledger had this entry
quality-reports/use_case=/environment=/date=/hour=/<report_id>.json
quality-reports/_comparisons/use_case=/environment=/<change_id>.json and latest.json
quality-reports/_measured/use_case=/environment=/date=.json
                                                         what the labels and the log of a day were
                                                         when its windows were measured
batch/                                                   see `platform_core.storage.batch`

Folders exist by name only. A function that takes `*names` returns the folder without them.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from platform_core.errors import InvalidInput
from platform_core.storage.batch import *  # noqa: F403  # every path is offered here
from platform_core.storage.batch import BATCH, PARQUET
from platform_core.storage.batch import digest as _digest

TRAINING_DATA = "training-data"
MODELS = "models"
BASELINES = "baselines"
INFERENCE_LOGS = "inference-logs"
LABELS = "labels"
DRIFT_REPORTS = "drift-reports"
QUALITY_REPORTS = "quality-reports"
CONTAINERS = (
    TRAINING_DATA,
    MODELS,
    BASELINES,
    INFERENCE_LOGS,
    LABELS,
    DRIFT_REPORTS,
    QUALITY_REPORTS,
    BATCH,
)

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
MODEL_CARD_FILE = "model_card.json"
MODEL_CARD_PAGE_FILE = "model_card.html"
"""Files of a release, next to those that its manifest names."""

CHANGES = f"{MODELS}/_changes"
OPEN_CHANGES = f"{CHANGES}/_open"
GATEWAYS = f"{MODELS}/_gateways"
CONTROLLER = f"{MODELS}/_controller.json"
FEATURE_REGISTRY = f"{MODELS}/_feast/registry.db"
RETRAIN_REQUESTS = f"{DRIFT_REPORTS}/_retrain-requests"
DRILLS = f"{DRIFT_REPORTS}/_drills"
DRILL_REPORT = f"{DRILLS}/latest.json"

RELEASE_ID = re.compile("[0-9a-f]{1,32}")
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
    return name if name and RELEASE_ID.fullmatch(name) else None


def ledger_folder(use_case: str, environment: str) -> str:
    """Return the folder of the ledger entries of one environment; they sort by sequence."""
    return _join(model_folder(use_case), "_ledger", environment)


def ledger_entry_path(use_case: str, environment: str, sequence: int) -> str:
    """Return the path of one ledger entry."""
    return f"{ledger_folder(use_case, environment)}/{sequence:08d}.json"


def anchor_folder(use_case: str, environment: str) -> str:
    """Return the folder of the anchors of one ledger; they sort by sequence."""
    return _join(DRIFT_REPORTS, "_anchors", use_case, environment)


def anchor_path(use_case: str, environment: str, sequence: int, entry_hash: str) -> str:
    """Return the path of the anchor of one ledger entry."""
    return f"{anchor_folder(use_case, environment)}/{sequence:08d}-{entry_hash}"


def parse_anchor(path: str) -> tuple[int, str] | None:
    """Return sequence and hash of the entry whose anchor is at `path`; `None` for another path."""
    found = re.fullmatch(r"(\d{8})-([0-9a-f]{64})", path.rpartition("/")[2])
    return (int(found[1]), found[2]) if found else None


def change_path(change_id: str, *names: str) -> str:
    """Return the folder of a requested change, or one of its files."""
    return _join(CHANGES, change_id, *names)


def open_change_path(change_id: str) -> str:
    """Return the path of the marker of a change that has not ended."""
    return f"{OPEN_CHANGES}/{change_id}"


def parse_open_change(path: str) -> str:
    """Return the id of the change whose marker is at `path`."""
    return path.rpartition("/")[2]


def idempotency_key_path(key: str) -> str:
    """Return the path of the object that maps an idempotency key to its change."""
    return f"{CHANGES}/_keys/{_digest(key)}"


def gateway_path(gateway_id: str) -> str:
    """Return the path of the ledger entries that a gateway has read."""
    return f"{GATEWAYS}/{gateway_id}.json"


def runs_folder(use_case: str) -> str:
    """Return the folder of the pipeline runs of a use case."""
    return _join(model_folder(use_case), "_runs")


def run_path(use_case: str, run_id: str, *names: str) -> str:
    """Return the folder of a pipeline run, or one of its files."""
    return _join(runs_folder(use_case), run_id, *names)


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
    return _join(f"{tombstones_folder(use_case)}/_records", *map(_digest, record_id))


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


def reports_folder(container: str, use_case: str, environment: str) -> str:
    """Return the folder of the drift or quality reports of one environment; each date with reports
    is a folder in it.
    """
    return _partition(container, use_case, environment)


def drift_report_date_folder(use_case: str, environment: str, time: datetime) -> str:
    """Return the folder of the drift reports whose window ends on the day of `time`."""
    return _date(_partition(DRIFT_REPORTS, use_case, environment), time)


def quality_report_path(use_case: str, environment: str, end: datetime, report_id: str) -> str:
    """Return the path of a quality report whose window ends at `end`."""
    return f"{_hour(_partition(QUALITY_REPORTS, use_case, environment), end)}/{report_id}.json"


def quality_report_date_folder(use_case: str, environment: str, time: datetime) -> str:
    """Return the folder of the quality reports whose window ends on the day of `time`."""
    return _date(_partition(QUALITY_REPORTS, use_case, environment), time)


def comparison_path(use_case: str, environment: str, change_id: str) -> str:
    """Return the path of the comparison of the canary or shadow that a change began."""
    folder = _partition(f"{QUALITY_REPORTS}/_comparisons", use_case, environment)
    return f"{folder}/{change_id}.json"


def latest_comparison_path(use_case: str, environment: str) -> str:
    """Return the path of the comparison of the current or the last canary or shadow."""
    return comparison_path(use_case, environment, "latest")


def evidence_history_path(use_case: str, environment: str, change_id: str) -> str:
    """Return the path of the history of a comparison's evidence."""
    return comparison_path(use_case, environment, f"{change_id}.history")


def quality_measured_path(use_case: str, environment: str, time: datetime) -> str:
    """Return the path of the hash of the labels and log of a day when it was last measured."""
    folder = _partition(f"{QUALITY_REPORTS}/_measured", use_case, environment)
    return f"{_date(folder, time)}.json"


def is_partition(folder: str, key: str) -> bool:
    """Return whether the last name of `folder` is a Hive partition `key=<value>`."""
    return folder.rpartition("/")[2].startswith(f"{key}=")


def is_date_between(folder: str, start: datetime, end: datetime) -> bool:
    """Return whether the date of a folder `date=<date>` is among the days from `start` to `end`."""
    dates = [f"date={_utc(time).date().isoformat()}" for time in (start, end)]
    return dates[0] <= folder.rpartition("/")[2] <= dates[1]


def retrain_request_path(request_id: str, suffix: str = ".json") -> str:
    """Return the path of a retraining request, or with another suffix a marker of its state."""
    return f"{RETRAIN_REQUESTS}/{request_id}{suffix}"


def webhook_path(report_id: str, verdict: str) -> str:
    """Return the path of the marker of a webhook that was delivered."""
    return f"{DRIFT_REPORTS}/_webhooks/{report_id}-{verdict}.json"


def is_within(path: str, folder: str) -> bool:
    """Return whether `path` is `folder` or below it."""
    return f"{path}/".startswith(f"{folder}/")


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
