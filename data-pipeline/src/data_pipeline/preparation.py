"""From a source to the features of a dataset version: called by the command `data-report` and by
the steps of the training pipeline.

Ray and Feast are imported and connected only where they are needed: Ray for many rows, Feast for
use cases with entity features. Each step of the training pipeline is a process of its own: that of
the features does not import what reads sources.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from data_pipeline.sources.raw import IngestSummary, RawRecords
from data_pipeline.versions.manifest import DatasetManifest, find_base, read_manifest
from platform_core.errors import DataUnchanged
from use_cases.rules.consistency import check_consistency

if TYPE_CHECKING:
    from data_pipeline.bootstrap import DataServices
    from data_pipeline.sources import IngestRequest
    from data_pipeline.versions.scan import Apply
    from use_cases import UseCase

Show = Callable[[str], None]

PROGRESS_LINES = 10
REASONS_SHOWN = 3
# All unreadable files and warnings are in the summary of the ingest.
FILES_SHOWN = 10


@dataclass(frozen=True)
class DataPreparation:
    """Prepares the data of one use case; `show` prints a line of progress."""

    services: DataServices
    case: UseCase
    show: Show

    def freeze(
        self, request: IngestRequest, folder: str, base: str = "", *, held_out: bool = False
    ) -> DatasetManifest:
        """Read a source, freeze its valid rows as a dataset version and return the manifest.

        `folder` (`<container>/<path>`) takes the raw records while this runs. The rows are added
        to the dataset version `base`, if one is named; "latest" is the newest. It is returned as it
        is when the source is labelled inference records and it has all of them already. With
        `held_out` every row is in the test split, for a regression half of them.

        Raises:
            InvalidData: the source cannot be used, too many rows are invalid, a class is missing,
                or `base` does not exist.
            UpstreamUnavailable: a server that holds the source, or Ray, does not answer.
            ConfigurationError: the use case contradicts itself.
        """
        check_consistency(self.case)
        services = self.services
        parent = find_base(services.store, self.case.name, base)
        # "latest" must be the same version for the source and for the rows that are added to it.
        base = parent.dataset_version if parent else ""
        try:
            version = self._freeze(replace(request, base=base), folder, held_out)
        except DataUnchanged as error:
            if parent is None:
                raise
            self.show(str(error))
            return parent
        manifest = read_manifest(services.store, self.case.name, version)
        self._show_manifest(manifest)
        return manifest

    def _freeze(self, request: IngestRequest, folder: str, held_out: bool) -> str:
        from data_pipeline.versions.freeze import Rules, freeze

        services, settings = self.services, self.services.settings
        rules = Rules(
            settings.data_max_invalid_share,
            settings.data_near_duplicate_similarity,
            request.base,
            held_out,
        )
        with self._raw_records(request, folder) as raw:
            large = raw.summary.rows > settings.data_in_process_rows
            with _ray_session(large):
                return freeze(
                    services.store, self.case, raw, rules, services.clock,
                    progress=self._progress(), apply=_check_on_ray() if large else map,
                )  # fmt: skip

    def features(self, manifest: DatasetManifest) -> str | None:
        """Write the features of a dataset version and return the version of its feature view,
        `None` for a use case without entity features.

        Raises:
            UpstreamUnavailable: Ray does not answer.
        """
        from data_pipeline.features import compute_features

        services, case = self.services, self.case
        feature_store = services.feature_store if case.entity_features else None
        history = services.settings.feast_offline_path
        large = manifest.rows > services.settings.data_in_process_rows
        # Ray Data's progress reports would bury what is shown here.
        logging.getLogger("ray.data").setLevel(logging.WARNING)
        with _ray_session(large), warnings.catch_warnings():
            # Importing Feast turns on the deprecation warnings of every library.
            warnings.simplefilter("ignore", DeprecationWarning)
            version = manifest.dataset_version
            return compute_features(
                services.store, case, version, feature_store, history, on_ray=large
            )

    @contextmanager
    def _raw_records(self, request: IngestRequest, folder: str) -> Iterator[RawRecords]:
        """Read the source into `folder`; the raw records are deleted afterwards."""
        from data_pipeline.sources.ingestion import ingest

        services = self.services
        try:
            summary = ingest(
                self.case, services.store, folder, request,
                self.show, services.ingest_settings, _ray_session,
            )  # fmt: skip
            self._show_ingest(summary)
            yield RawRecords(services.store, folder)
        finally:
            for blob in list(services.store.list(folder)):
                services.store.delete(blob.path)

    def _progress(self) -> Callable[[int, int, float], None]:
        """Return a function that shows how many rows are checked, about ten times in all."""
        shown = 0

        def progress(done: int, rows: int, rate: float) -> None:
            nonlocal shown
            part = done * PROGRESS_LINES // max(rows, 1)
            if part > shown:
                shown = part
                self.show(f"{done} of {rows} rows checked, {rate:,.0f} rows/s")

        return progress

    def _show_ingest(self, summary: IngestSummary) -> None:
        for file in summary.unreadable[:FILES_SHOWN]:
            self.show(f"left out {file.file}: {file.reason}")
        for account in sorted(summary.inputs, key=lambda i: -i.set_aside)[:FILES_SHOWN]:
            self.show(str(account))
        if summary.feedback:
            self.show(str(summary.feedback))
        for warning in summary.warnings[:FILES_SHOWN]:
            self.show(warning)

    def _show_manifest(self, manifest: DatasetManifest) -> None:
        counts = manifest.classes if self.case.classes else {"numbers": manifest.rows}
        classes = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        added = f", added to {', '.join(manifest.parents)}" if manifest.parents else ""
        self.show(
            f"dataset version {manifest.dataset_version}: {manifest.rows} rows ({classes}), "
            f"{manifest.test_rows} of them for the test; {manifest.rows_quarantined} in "
            f"quarantine, {manifest.duplicates} duplicates dropped, {manifest.near_duplicates} "
            f"rows in clusters of near duplicates{added}"
        )
        self.show(f"split by {manifest.split.method}: {manifest.split.why}")
        for reason, count in list(manifest.reasons.items())[:REASONS_SHOWN]:
            self.show(f"rejected: {reason} ({count} rows)")
        for warning in manifest.warnings:
            self.show(f"warning: {warning}")


def _ray_session(large: bool = True) -> AbstractContextManager[None]:
    """Return a connection to Ray for a `large` number of rows."""
    if not large:
        return nullcontext()
    from data_pipeline.ray_session import ray_session

    return ray_session()


def _check_on_ray() -> Apply:
    from data_pipeline.validation.on_ray import check_on_ray

    return check_on_ray
