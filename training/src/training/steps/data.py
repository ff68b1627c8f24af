"""Ingest, validate and features: from a source to a dataset version with features."""

from data_pipeline import freeze, parse_columns, read_source, validate
from data_pipeline.dataset import DatasetManifest, read_manifest
from data_pipeline.settings import DataSettings
from platform_core.parquet import read_table, write_table
from training.bootstrap import Platform
from training.progress import say
from training.run_folder import RunFolder
from use_cases import use_case

RAW = "raw.parquet"


def ingest(
    platform: Platform, run: RunFolder, data: str, columns: str, rows: int, seed: int
) -> int:
    """Read the source into the run's folder and return the number of rows.

    Raises:
        InvalidData: the source cannot be used.
    """
    table = read_source(use_case(run.use_case), data, parse_columns(columns), rows, seed)
    write_table(platform.store, f"{run.path}/{RAW}", table)
    return table.num_rows


def validate_data(platform: Platform, run: RunFolder) -> str:
    """Freeze the valid rows as a dataset version and return its name.

    Raises:
        InvalidData: too many rows are bad, or a class is missing.
    """
    case = use_case(run.use_case)
    raw = read_table(platform.store, f"{run.path}/{RAW}")
    validated = validate(case, raw, DataSettings().data_max_invalid_share)
    version = freeze(platform.store, case, validated, platform.clock)
    _say(read_manifest(platform.store, case.name, version))
    return version


def compute_features(platform: Platform, run: RunFolder, dataset_version: str) -> str:
    """Write the features of a dataset version; return the version of its feature view, or ""."""
    from data_pipeline.features import compute_features as compute
    from training.ray_session import ray_session

    case = use_case(run.use_case)
    with ray_session():
        version = compute(
            platform.store,
            case,
            dataset_version,
            platform.feature_store if case.entity_features else None,
            DataSettings().feast_offline_path,
        )
    return version or ""


def _say(manifest: DatasetManifest) -> None:
    classes = ", ".join(f"{name} {count}" for name, count in sorted(manifest.classes.items()))
    say(
        f"dataset version {manifest.dataset_version}: {manifest.rows} rows ({classes}), "
        f"{manifest.test_rows} of them for the test; {manifest.rows_quarantined} in quarantine, "
        f"{manifest.duplicates} duplicates dropped"
    )
