"""The state of the gateway."""

from datetime import datetime
from typing import Any, Literal

from mlplatform_client.models.common import Document


class HealthReport(Document):
    """The state of each dependency."""

    status: Literal["ok", "degraded"] | str
    checked_at: datetime
    dependencies: dict[str, dict[str, Any]]


class UploadedLog(Document):
    """What was uploaded to the blob store."""

    segments: int
    records: int


class FieldProblem(Document):
    """One field of a body that does not fit; empty when the body is not JSON at all."""

    field: str
    detail: str


class Problem(Document):
    """An RFC 9457 problem document. `code` is stable: programs may rely on it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[FieldProblem] | None = None
