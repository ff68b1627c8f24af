"""Validate: from raw records to a dataset version."""

from data_pipeline.dataset import DatasetManifest, freeze, read_manifest
from data_pipeline.settings import DataSettings
from data_pipeline.validation import validate
from platform_core.parquet import read_table
from training.bootstrap import Platform
from training.progress import say
from training.run_folder import RAW, RunFolder
from use_cases import use_case


def run(platform: Platform, run: RunFolder) -> str:
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


def _say(manifest: DatasetManifest) -> None:
    classes = ", ".join(f"{name} {count}" for name, count in sorted(manifest.classes.items()))
    say(
        f"dataset version {manifest.dataset_version}: {manifest.rows} rows ({classes}), "
        f"{manifest.test_rows} of them for the test; {manifest.rows_quarantined} in quarantine, "
        f"{manifest.duplicates} duplicates dropped"
    )
