"""The responses of the operation routes."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from api_gateway.routing.serving import ReleaseDocuments
from platform_core.contracts.drift_report import (
    ColumnDrift,
    DriftReport,
    DriftScore,
    DriftVerdict,
)
from platform_core.contracts.ledger import Action, LedgerEntry
from platform_core.contracts.quality_report import QualityEstimate
from platform_core.contracts.release import TensorSpec
from platform_core.contracts.serving_state import ServingRole


class Signature(BaseModel):
    """The tensors of a release."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


class ModelInfo(BaseModel):
    """The release that an environment serves of a use case."""

    release_id: str
    version: Annotated[
        str | None, Field(description="as registered; null while the service is unreachable")
    ]
    metrics: dict[str, float] | None
    lineage: dict[str, Any] | None
    signature: Signature | None


class ServedRelease(BaseModel):
    """The release that an environment serves or served, and the change that made it so."""

    release_id: str
    since: datetime
    action: Action
    actor: str
    reason: str


class DriftInfo(BaseModel):
    """The latest drift report; before the first one only `status` (`no-report`)."""

    status: DriftVerdict | Literal["no-report"]
    report_id: str | None = None
    release_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    created_at: datetime | None = None
    rows: int | None = None
    verdict: DriftVerdict | None = None
    drifted: bool | None = None
    harmful: bool | None = None
    harm: list[str] | None = None
    quality: list[QualityEstimate] | None = None
    role: str | None = None
    looks: int | None = None
    score: float | None = None
    score_name: DriftScore | None = None
    features: dict[str, ColumnDrift] | None = None
    class_shares: dict[str, float] | None = None
    alarms: list[str] | None = None
    page: str | None = None
    retrain_request: str | None = None
    detail: str | None = None
    log_objects: int | None = None


class CallerInfo(BaseModel):
    """The owner of the API key of a request."""

    name: str
    role: Annotated[str, Field(json_schema_extra={"enum": ["viewer", "operator", "admin"]})]


class HealthReport(BaseModel):
    """The state of each dependency."""

    status: Literal["ok", "degraded"]
    checked_at: datetime
    dependencies: dict[str, dict[str, Any]]


class UploadedLog(BaseModel):
    """What was uploaded to the blob store."""

    segments: int
    records: int


def served_release(
    entry: LedgerEntry | None, role: ServingRole = ServingRole.STABLE
) -> ServedRelease | None:
    """Return the release that an entry of the ledger gave a role, or `None`."""
    if entry is None:
        return None
    change = entry.change
    release_id = change.to_state.releases.get(role)
    if release_id is None:
        return None
    return ServedRelease(
        release_id=release_id,
        since=entry.time,
        action=change.action,
        actor=change.actor,
        reason=change.reason,
    )


def model_info(active: ReleaseDocuments | None, version: str | None) -> ModelInfo | None:
    """Return what is served by `active`, `None` where nothing is."""
    if active is None:
        return None
    manifest, lineage = active.manifest, active.lineage
    return ModelInfo(
        release_id=active.release_id,
        version=version,
        metrics=dict(lineage.metrics) if lineage else None,
        lineage=lineage.model_dump(mode="json", exclude={"calibration"}) if lineage else None,
        signature=Signature(inputs=manifest.inputs, outputs=manifest.outputs) if manifest else None,
    )


def drift_info(report: DriftReport | None) -> DriftInfo:
    """Return a drift report with its columns by name."""
    if report is None:
        return DriftInfo(status="no-report")
    fields = report.model_dump(exclude={"columns", "use_case", "environment"})
    features = {column.column: column for column in report.columns}
    return DriftInfo(status=report.verdict, features=features, **fields)
