"""Retraining that waits for approval: suggested as a change, and released to the scheduler."""

from dataclasses import dataclass

from platform_core.changes import Changes, new_change_id
from platform_core.clock import Clock
from platform_core.contracts.drift_report import RetrainRequest
from platform_core.contracts.ledger import Action, Change, ChangeRequest
from platform_core.contracts.serving_state import ServingState
from platform_core.ports.blob_store import BlobStore
from platform_core.reports.retrain_requests import RetrainRequests
from release_controller.judging import ACTOR

REQUEST = "request_id"
"""The key of a change's evidence that names its retraining request."""


@dataclass(frozen=True)
class RetrainingSuggestions:
    """Suggests the retraining requests that need approval, each once."""

    store: BlobStore
    changes: Changes
    clock: Clock

    def step(self) -> None:
        """Record a change for every request that needs approval and has none yet.

        Raises:
            PlatformError: the store does not answer; the next step tries again.
        """
        requests = RetrainRequests(self.store)
        for request in requests.unsuggested():
            key = f"{ACTOR}/{Action.RETRAIN}/{request.request_id}"
            requests.mark_suggested(
                request.request_id, self.changes.submit_once(self._change(request), key)
            )

    def _change(self, request: RetrainRequest) -> ChangeRequest:
        now = self.clock.now()
        return ChangeRequest(
            change_id=new_change_id(now),
            created_at=now,
            use_case=request.use_case,
            environment=request.environment,
            action=Action.RETRAIN,
            release_id=request.release_id,
            actor=ACTOR,
            reason=request.reason,
            evidence=request.model_dump(mode="json"),
            approvals=request.approvals,
        )


def approve_retraining(store: BlobStore, request: ChangeRequest) -> Change:
    """Have the scheduler run the retraining request of an approved change; return the result.

    What is served does not change, so there is no entry in the ledger.

    Raises:
        Unavailable: the store does not answer.
    """
    request_id = str(request.evidence[REQUEST])
    RetrainRequests(store).approve(request_id)
    detail = f"the scheduler runs the retraining request {request_id}"
    return Change.of(request, ServingState(), ServingState(), detail)
