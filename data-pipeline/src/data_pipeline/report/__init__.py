"""The data report of a dataset version, as a page and as JSON."""

from data_pipeline.report.contract import DataReport
from data_pipeline.versions.manifest import read_manifest
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import REPORT_FILE, REPORT_PAGE_FILE, dataset_path
from use_cases import UseCase

__all__ = ["DataReport", "read_report", "report_path", "write_report"]


def report_path(use_case: str, version: str) -> str:
    """Return the path of the page about a dataset version."""
    return dataset_path(use_case, version, REPORT_PAGE_FILE)


def write_report(store: BlobStore, case: UseCase, version: str, leak_auc: float) -> DataReport:
    """Write `report.json` and `report.html` of a dataset version and return the report.

    A column whose AUC against the label is above `leak_auc` gets a warning. The same dataset
    version gives the same bytes.
    """
    # Who only reads a report needs neither scikit-learn nor Matplotlib.
    from data_pipeline.report.build import data_report
    from data_pipeline.report.page import page

    report = data_report(store, case, read_manifest(store, case.name, version), leak_auc)
    content = report.model_dump_json(indent=1).encode()
    store.write(dataset_path(case.name, version, REPORT_FILE), content)
    store.write(report_path(case.name, version), page(report))
    return report


def read_report(store: BlobStore, use_case: str, version: str) -> DataReport:
    """Return the report of a dataset version; `BlobNotFound` where none was written."""
    content = store.read(dataset_path(use_case, version, REPORT_FILE))
    return DataReport.model_validate_json(content)
