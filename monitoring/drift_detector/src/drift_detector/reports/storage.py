"""Stores reports: JSON for programs, Parquet for analysis, HTML for people."""

import pyarrow as pa

from drift_detector.window import Window
from platform_core.contracts.drift_report import DriftReport
from platform_core.contracts.environments import Environment
from platform_core.drift_reports import read_reports
from platform_core.hashing import sha256_json
from platform_core.parquet import write_table
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import drift_report_folder, drift_report_path

ID_CHARACTERS = 32
SUFFIXES = ("json", "parquet", "html")
TIME = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    {
        "report_id": pa.string(),
        "use_case": pa.string(),
        "environment": pa.string(),
        "release_id": pa.string(),
        "start": TIME,
        "end": TIME,
        "created_at": TIME,
        "report_verdict": pa.string(),
        "column": pa.string(),
        "kind": pa.string(),
        "verdict": pa.string(),
        "rows": pa.int64(),
        "missing_share": pa.float64(),
        "baseline_missing_share": pa.float64(),
        "psi": pa.float64(),
        "psi_limit": pa.float64(),
        "ks": pa.float64(),
        "ks_p_value": pa.float64(),
        "jensen_shannon": pa.float64(),
        "e_value": pa.float64(),
        "drifted": pa.bool_(),
        "design_effect": pa.float64(),
        "detail": pa.string(),
    }
)


def report_id(
    use_case: str, environment: Environment, release_id: str | None, window: Window
) -> str:
    """Return the id of a report; the same arguments give the same id."""
    span = [window.start.isoformat(), window.end.isoformat()]
    return sha256_json([use_case, environment, release_id, *span])[:ID_CHARACTERS]


def write_report(store: BlobStore, report: DriftReport) -> None:
    """Write a report as JSON and as Parquet (a row per column), replacing an earlier one."""
    write_table(store, report_path(report, "parquet"), _table(report))
    store.write(report_path(report, "json"), report.model_dump_json(indent=1).encode())


def report_path(report: DriftReport, suffix: str) -> str:
    """Return the path of one of a report's files."""
    window = (report.use_case, report.environment, report.end)
    return drift_report_path(*window, report.report_id, suffix)


def remove_superseded(store: BlobStore, written: list[DriftReport]) -> None:
    """Remove the other reports on the window of `written`.

    They state "no traffic" or an error that late records have made obsolete.
    """
    first, kept = written[0], {report.report_id for report in written}
    folder = drift_report_folder(first.use_case, first.environment, first.end)
    for report in read_reports(store, folder):
        same = (report.start, report.end) == (first.start, first.end)
        if same and report.report_id not in kept:
            for suffix in SUFFIXES:
                store.delete(report_path(report, suffix))


def _table(report: DriftReport) -> pa.Table:
    head = report.model_dump(include=set(SCHEMA.names) - {"detail", "verdict", "rows", "drifted"})
    head["report_verdict"] = report.verdict.value
    rows = [head | column.model_dump() for column in report.columns]
    return pa.Table.from_pylist(rows, schema=SCHEMA)
