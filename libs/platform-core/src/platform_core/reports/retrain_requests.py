"""Retraining requests in the store: made once, approved where that is needed, run once.

Each request is one object. The markers next to it say how far it is; the scheduler writes those
about its run (from `TAKEN` on).
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from platform_core.contracts.drift_report import RetrainRequest
from platform_core.contracts.environments import Environment
from platform_core.errors import BlobExists
from platform_core.policies import PastRetraining
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import RETRAIN_REQUESTS, retrain_request_path

REQUEST = ".json"
SUGGESTED, APPROVED = ".suggested", ".approved"
TAKEN, DONE, FAILED, UNCHANGED = ".taken", ".done", ".failed", ".unchanged"
"""The suffixes of the markers. The last two hold a message for people."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RetrainRequests:
    """The retraining requests of all use cases; `report` gets what is wrong with one of them."""

    store: BlobStore
    report: Callable[[str], object] = logger.error

    def create(self, request: RetrainRequest) -> None:
        """Record a request; one that was recorded before stays as it is."""
        with suppress(BlobExists):
            path = retrain_request_path(request.request_id)
            self.store.create(path, request.model_dump_json(indent=1).encode())

    def exists(self, request_id: str) -> bool:
        """Return whether there is a request with this id."""
        return self.store.exists(retrain_request_path(request_id))

    def all(self) -> Iterator[RetrainRequest]:
        """Yield the requests; unreadable ones are reported."""
        for blob in self.store.list(RETRAIN_REQUESTS):
            if not blob.path.endswith(REQUEST):
                continue
            try:
                yield RetrainRequest.model_validate_json(self.store.read(blob.path))
            except ValidationError as error:
                self.report(f"{blob.path} is not a retrain request: {error.error_count()} errors")

    def past(
        self, use_case: str, environment: Environment, since: datetime
    ) -> list[PastRetraining]:
        """Return what was requested for windows of one use case and environment after `since`."""
        ours = (one for one in self.all() if one.use_case == use_case)
        found = (
            PastRetraining(one.window_end or one.created_at, one.release_id, one.request_id)
            for one in ours
            if one.environment is environment
        )
        return [one for one in found if one.time > since]

    def unsuggested(self) -> Iterator[RetrainRequest]:
        """Yield the requests that need approval and were not suggested to anybody yet."""
        paths = {blob.path for blob in self.store.list(RETRAIN_REQUESTS)}
        marked = {path.rpartition(".")[0] for path in paths if not path.endswith(REQUEST)}
        for path in sorted(paths):
            if path.endswith(REQUEST) and path.removesuffix(REQUEST) not in marked:
                with suppress(ValidationError):  # the scheduler says so
                    request = RetrainRequest.model_validate_json(self.store.read(path))
                    if request.approvals:
                        yield request

    def mark_suggested(self, request_id: str, change_id: str) -> None:
        """Record the change that suggests a request."""
        self.store.write(retrain_request_path(request_id, SUGGESTED), change_id.encode())

    def approve(self, request_id: str) -> None:
        """Have the scheduler run a request that was approved."""
        self.store.write(retrain_request_path(request_id, APPROVED), b"")

    def may_run(self, request: RetrainRequest) -> bool:
        """Return whether a request needs no approval or was approved."""
        approved = retrain_request_path(request.request_id, APPROVED)
        return not request.approvals or self.store.exists(approved)
