"""Features: the input of the models for every record, and the report on the data."""

from data_pipeline.preparation import DataPreparation
from data_pipeline.report import report_path, write_report
from data_pipeline.versions.manifest import read_manifest
from platform_core.storage import FEATURES_FILE, dataset_path
from training.progress import show
from training.results import DatasetResult, FeaturesResult
from training.steps.context import StepContext


def run(context: StepContext, dataset: DatasetResult) -> FeaturesResult:
    """Write the features of a dataset version and the report on it.

    Raises:
        UpstreamUnavailable: Ray, or the online store, does not answer.
    """
    case, data = context.case, context.services.data
    version = dataset.dataset_version
    manifest = read_manifest(context.store, case.name, version)
    view = DataPreparation(data, case, show).features(manifest)
    report = write_report(context.store, case, version, data.settings.data_leak_auc)
    path = report_path(case.name, version)
    show(f"data report with {len(report.warnings)} warnings: {context.store.uri(path)}")
    return FeaturesResult(
        dataset_version=version,
        feature_view_version=view,
        features_path=dataset_path(case.name, version, FEATURES_FILE),
        report_path=path,
    )
