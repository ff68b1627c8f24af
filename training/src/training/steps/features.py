"""Features: what the models see, own and of entities, for every record."""

from data_pipeline.features import compute_features
from data_pipeline.ray_session import ray_session
from data_pipeline.report import report_path, write_report
from data_pipeline.settings import DataSettings
from training.bootstrap import Platform
from training.progress import say
from training.run_folder import RunFolder
from use_cases import use_case


def run(platform: Platform, run: RunFolder, dataset_version: str) -> str:
    """Write the features of a dataset version and the report on it; return the version of its
    feature view, or "".
    """
    case, settings = use_case(run.use_case), DataSettings()
    with ray_session():
        version = compute_features(
            platform.store,
            case,
            dataset_version,
            platform.feature_store if case.entity_features else None,
            settings.feast_offline_path,
        )
    report = write_report(platform.store, case, dataset_version, settings.data_leak_auc)
    place = platform.store.uri(report_path(case.name, dataset_version))
    say(f"data report with {len(report.warnings)} warnings: {place}")
    return version or ""
