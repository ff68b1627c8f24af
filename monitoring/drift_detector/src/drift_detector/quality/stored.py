"""What the quality report of a window says about the gates, for the drift report of the window."""

from collections.abc import Callable, Sequence

from drift_detector.detection import Target
from drift_detector.quality.measure import quality_report_id
from drift_detector.window import Window
from platform_core.contracts.quality_report import QualityEstimate, QualityReport
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import BlobNotFound
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import quality_report_path

ANSWERING = (ServingRole.STABLE, ServingRole.CANARY)
"""The roles whose answers callers get."""


def stored_quality(
    store: BlobStore,
) -> Callable[[Target, str, Window], Sequence[QualityEstimate]]:
    """Return a function of use case and environment, release id and window that returns the
    estimates of its gates: those of the stored report, none where the window was not measured.
    """

    def quality(target: Target, release_id: str, window: Window) -> Sequence[QualityEstimate]:
        for role in ANSWERING:
            name = quality_report_id(target, release_id, role, window)
            path = quality_report_path(target.use_case.name, target.environment, window.end, name)
            try:
                return QualityReport.model_validate_json(store.read(path)).gates
            except BlobNotFound:
                continue
        return ()

    return quality
