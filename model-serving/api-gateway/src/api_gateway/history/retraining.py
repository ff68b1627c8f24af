"""Retraining requests as the blob store has them, and how far they are. All functions block."""

from collections.abc import Collection, Mapping

from pydantic import ValidationError

from api_gateway.history.documents import RetrainingOutcome, RetrainingStatus
from api_gateway.http.paging import Page, Paging, page
from api_gateway.stored_json import StoredJson
from platform_core.changes import Changes
from platform_core.contracts.drift_report import RetrainRequest
from platform_core.contracts.ledger import ChangeStatus
from platform_core.errors import BlobNotFound, NotFound
from platform_core.ports.blob_store import BlobInfo
from platform_core.reports.retrain_requests import (
    APPROVED,
    DONE,
    FAILED,
    REQUEST,
    SUGGESTED,
    TAKEN,
    UNCHANGED,
)
from platform_core.storage import RETRAIN_REQUESTS, retrain_request_path

STATUSES = {
    DONE: RetrainingStatus.FINISHED,
    FAILED: RetrainingStatus.FAILED,
    UNCHANGED: RetrainingStatus.UNCHANGED,
    TAKEN: RetrainingStatus.RUNNING,
    APPROVED: RetrainingStatus.WAITING,
    SUGGESTED: RetrainingStatus.SUGGESTED,
}
"""What the markers of a request mean; of several the first counts."""


def retraining_requests(
    stored: StoredJson,
    changes: Changes,
    names: Collection[str],
    request_id: str | None,
    asked: Paging,
) -> Page[RetrainingOutcome]:
    """Return a page of the requests of these use cases, newest first; only one if it is named."""
    listed = {blob.path: blob for blob in stored.store.list(RETRAIN_REQUESTS)}
    named = None if request_id is None else retrain_request_path(request_id)
    found: dict[str, RetrainRequest] = {}
    for blob in listed.values():
        if blob.path.endswith(REQUEST) and named in {None, blob.path}:
            request = _request(stored, blob)
            if request is not None and request.use_case in names:
                found[f"{request.created_at.isoformat()} {request.request_id}"] = request
    chosen = page(sorted(found, reverse=True), asked, str)
    requests = (found[key] for key in chosen.items)
    return Page([_retraining(stored, changes, one, listed) for one in requests], chosen.cursor)


def _request(stored: StoredJson, blob: BlobInfo) -> RetrainRequest | None:
    try:
        return RetrainRequest.model_validate(stored.get(blob))
    except ValidationError:  # the scheduler reports it
        return None


def _retraining(
    stored: StoredJson, changes: Changes, request: RetrainRequest, listed: Mapping[str, BlobInfo]
) -> RetrainingOutcome:
    markers = {s for s in STATUSES if retrain_request_path(request.request_id, s) in listed}
    default = RetrainingStatus.SUGGESTED if request.approvals else RetrainingStatus.WAITING
    status = next((STATUSES[suffix] for suffix in STATUSES if suffix in markers), default)
    change_id = _text(stored, request, SUGGESTED) if SUGGESTED in markers else None
    if status is RetrainingStatus.SUGGESTED and change_id and _rejected(changes, change_id):
        status = RetrainingStatus.REJECTED
    reasons = (
        _text(stored, request, suffix) for suffix in (FAILED, UNCHANGED) if suffix in markers
    )
    return RetrainingOutcome(
        request=request,
        status=status,
        run_id=request.run_id,
        change_id=change_id,
        detail=next(reasons, ""),
    )


def _text(stored: StoredJson, request: RetrainRequest, suffix: str) -> str:
    try:
        return stored.store.read(retrain_request_path(request.request_id, suffix)).decode()
    except BlobNotFound:  # it was removed since the listing
        return ""


def _rejected(changes: Changes, change_id: str) -> bool:
    try:
        return changes.get(change_id).status is ChangeStatus.REJECTED
    except NotFound:
        return False
