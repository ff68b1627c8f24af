"""Features: what the models see, own and of entities, for every record."""

from data_pipeline.features import compute_features
from data_pipeline.settings import DataSettings
from training.bootstrap import Platform
from training.ray_session import ray_session
from training.run_folder import RunFolder
from use_cases import use_case


def run(platform: Platform, run: RunFolder, dataset_version: str) -> str:
    """Write the features of a dataset version; return the version of its feature view, or ""."""
    case = use_case(run.use_case)
    with ray_session():
        version = compute_features(
            platform.store,
            case,
            dataset_version,
            platform.feature_store if case.entity_features else None,
            DataSettings().feast_offline_path,
        )
    return version or ""
