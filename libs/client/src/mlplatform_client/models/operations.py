"""The state of the gateway."""

from datetime import datetime
from typing import Any, Literal

from mlplatform_client.models.common import Document, ServingRole


class CallerInfo(Document):
    """The owner of the API key of a request."""

    name: str
    role: Literal["viewer", "operator", "admin"] | str


class TrafficInfo(Document):
    """The live answers with `start <= time < end`, as far as they are in the record index.

    A record gets there when its segment is uploaded, about a minute after the answer. `per_minute`
    counts the answers from `start` on. `shadowed` counts the copies that a shadow got,
    `canary_failures` the requests that the stable release answered because a canary could not.
    While `complete` is false the index is being built, and there are more.
    """

    start: datetime
    end: datetime
    complete: bool
    answers: int
    by_role: dict[ServingRole, int]
    shadowed: int
    canary_failures: int
    newest: datetime | None
    per_minute: list[int]


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
