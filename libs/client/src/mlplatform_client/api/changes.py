"""Requested changes: how they went, and decisions about suggested ones."""

import time
from typing import Literal

from mlplatform_client.endpoints import PAGE_SIZE, Listing, Resource, TransportT, endpoint, pages
from mlplatform_client.errors import WaitTimeoutError
from mlplatform_client.flows import Flow, Pause, get, post, segment
from mlplatform_client.models.changes import ChangeDocument, ChangePage
from mlplatform_client.models.common import ChangeStatus, Environment

FINAL = frozenset({"applied", "refused", "failed", "rejected"})


class ChangesResource(Resource[TransportT]):
    """Changes of serving states."""

    @pages
    def list(
        self,
        *,
        use_case: str | None = None,
        environment: Environment | None = None,
        status: ChangeStatus | Literal["open"] | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Listing[ChangePage, ChangeDocument]:
        """List changes, newest first. The status `open` means suggested or requested."""
        wanted: dict[str, object] = {
            "use_case": use_case,
            "environment": environment,
            "status": status,
            "limit": page_size,
        }
        return Listing(
            lambda cursor: get("/changes", ChangePage, **wanted, cursor=cursor),
            lambda page: page.changes,
        )

    @endpoint
    def get(self, change_id: str) -> Flow[ChangeDocument]:
        """Return a change."""
        return get(f"/changes/{segment(change_id)}", ChangeDocument)

    @endpoint
    def approve(self, change_id: str, *, reason: str) -> Flow[ChangeDocument]:
        """Approve a suggested change."""
        return _decide(change_id, "approve", reason)

    @endpoint
    def reject(self, change_id: str, *, reason: str) -> Flow[ChangeDocument]:
        """Reject a suggested change."""
        return _decide(change_id, "reject", reason)

    @endpoint
    def wait(
        self, change_id: str, *, timeout: float = 300.0, poll_seconds: float = 1.0
    ) -> Flow[ChangeDocument]:
        """Wait until a change has ended, and return it; look at its `status`.

        A suggested change ends when somebody has decided.

        Raises:
            WaitTimeoutError: it has not ended after `timeout` seconds.
        """
        end = time.monotonic() + timeout
        while True:
            change = yield from get(f"/changes/{segment(change_id)}", ChangeDocument)
            if change.status in FINAL:
                return change
            if time.monotonic() >= end:
                raise WaitTimeoutError(
                    f"the change {change_id} is still {change.status} after {timeout:g} s"
                )
            yield Pause(min(poll_seconds, max(end - time.monotonic(), 0)))


def _decide(change_id: str, decision: str, reason: str) -> Flow[ChangeDocument]:
    path = f"/changes/{segment(change_id)}/{decision}"
    return post(path, ChangeDocument, {"reason": reason}, repeatable=False)
