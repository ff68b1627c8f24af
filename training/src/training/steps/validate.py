"""Validate: from raw records to a dataset version."""

from contextlib import nullcontext

from data_pipeline.ray_session import ray_session
from data_pipeline.settings import DataSettings
from data_pipeline.sources.raw import RawRecords
from data_pipeline.validation.on_ray import check_on_ray
from data_pipeline.versions.freeze import Rules, freeze
from data_pipeline.versions.manifest import DatasetManifest, read_manifest
from training.bootstrap import Platform
from training.progress import say
from training.run_folder import RunFolder
from use_cases import use_case

PROGRESS_STEPS = 10
REASONS_SHOWN = 3


def run(platform: Platform, run: RunFolder, base: str = "") -> str:
    """Freeze the valid rows as a dataset version and return its name.

    `base` names a dataset version to add them to, "latest" the newest one.

    Raises:
        InvalidData: too many rows are bad, a class is missing, or there is no such base.
    """
    case, settings = use_case(run.use_case), DataSettings()
    rules = Rules(settings.data_max_invalid_share, settings.data_near_duplicate_similarity, base)
    raw = RawRecords(platform.store, run.path)
    large = raw.summary.rows > settings.data_in_process_rows
    with ray_session() if large else nullcontext():
        version = freeze(
            platform.store, case, raw, rules, platform.clock,
            progress=_Progress(), apply=check_on_ray if large else map,
        )  # fmt: skip
    _say(read_manifest(platform.store, case.name, version))
    return version


class _Progress:
    """Shows how far the rows are, ten times in all."""

    def __init__(self) -> None:
        self._shown = 0

    def __call__(self, done: int, rows: int, rate: float) -> None:
        part = done * PROGRESS_STEPS // max(rows, 1)
        if part > self._shown:
            self._shown = part
            say(f"{done} of {rows} rows checked, {rate:,.0f} rows/s")


def _say(manifest: DatasetManifest) -> None:
    classes = ", ".join(f"{name} {count}" for name, count in sorted(manifest.classes.items()))
    added = f", added to {', '.join(manifest.parents)}" if manifest.parents else ""
    say(
        f"dataset version {manifest.dataset_version}: {manifest.rows} rows ({classes}), "
        f"{manifest.test_rows} of them for the test; {manifest.rows_quarantined} in quarantine, "
        f"{manifest.duplicates} duplicates dropped, {manifest.near_duplicates} rows in groups of "
        f"near duplicates{added}"
    )
    say(f"split by {manifest.split.method}: {manifest.split.why}")
    for reason, count in list(manifest.reasons.items())[:REASONS_SHOWN]:
        say(f"refused: {reason} ({count} rows)")
    for warning in manifest.warnings:
        say(f"warning: {warning}")
