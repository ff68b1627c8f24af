"""Records changes and follows them: what the command line, the pipeline and policies do."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from platform_core.changes import Changes, RecordedChange, new_change_id
from platform_core.clock import Clock
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import (
    Action,
    Change,
    ChangeRequest,
    ChangeStatus,
)
from platform_core.contracts.serving_state import ServingState, entry_key
from platform_core.errors import Refused, Unavailable
from platform_core.ledger import Ledger
from platform_core.ports.blob_store import BlobStore
from releases.catalogue.lookup import resolve_release
from releases.changes.needed import live_gateways
from releases.changes.states import check_percent
from use_cases import use_case as installed

POLL_SECONDS = 0.1
PATIENCE_SECONDS = 10.0
"""How long a change may wait until the release controller takes it."""
GATEWAY_SECONDS = 20.0
"""How long gateways may take to read the ledger."""
Report = Callable[[str], None]


@dataclass(frozen=True)
class Requested:
    """A change that somebody asks for; see `ChangeRequest`."""

    action: Action
    use_case: str
    environment: Environment
    actor: str
    reason: str
    release_id: str | None = None
    percent: int | None = None
    expected_state: ServingState | None = None
    accept_unmeasured: bool = False


class ChangeRequests:
    """Records changes and waits for their results."""

    def __init__(
        self,
        store: BlobStore,
        clock: Clock,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._store = store
        self._changes = Changes(store, clock)
        self._clock = clock
        self._patience = patience_seconds

    def submit(self, requested: Requested) -> str:
        """Record a change and return its id.

        Raises:
            InvalidInput: the use case, the release or the percent is not valid.
            ReleaseNotFound: there is no such release.
            GateRefused: the gates refused the release.
        """
        installed(requested.use_case)
        now = self._clock.now()
        request = ChangeRequest(change_id=new_change_id(now), created_at=now, **vars(requested))
        check_percent(request)
        if request.release_id is not None and request.action is not Action.ABORT:
            found = resolve_release(self._store, request.use_case, request.release_id)
            request = request.model_copy(update={"release_id": found})
        return self._changes.submit(request)

    def follow(self, change_id: str, report: Report = lambda _: None) -> Change:
        """Wait until a change has ended, and return its result.

        `report` gets a sentence for each step.

        Raises:
            Unavailable: no release controller takes the change; it stays recorded.
        """
        shown, begin, warned = 0, time.monotonic(), False
        while True:
            recorded = self._changes.get(change_id)
            for step in recorded.steps[shown:]:
                report(step.text)
            shown = len(recorded.steps)
            if recorded.result is not None:
                return recorded.result
            if recorded.status is ChangeStatus.REJECTED:
                raise Refused(f"the change {change_id} was rejected: {_why(recorded)}")
            if not shown and not warned and time.monotonic() - begin > self._patience:
                report(self._explain_wait(change_id))
                warned = True
            time.sleep(POLL_SECONDS)

    def wait_for_gateways(self, change: Change, seconds: float = GATEWAY_SECONDS) -> bool:
        """Wait until every running gateway routes by a change that was applied.

        Return whether all of them do within `seconds`.
        """
        place = (change.use_case, change.environment)
        entries = Ledger(self._store, self._clock).entries(*place)
        found = [e.sequence for e in entries if e.change.change_id == change.change_id]
        deadline = time.monotonic() + seconds
        while found and not self._have_read(entry_key(*place), found[0]):
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _have_read(self, key: str, sequence: int) -> bool:
        states = live_gateways(self._store, self._clock.now())
        return all(state.entries.get(key, sequence) >= sequence for state in states)

    def _explain_wait(self, change_id: str) -> str:
        """Return why the change has to wait; `Unavailable` when nothing will take it."""
        state = self._changes.controller()
        if state is None or self._clock.now() - state.time > timedelta(seconds=self._patience):
            last = (
                f"the last sign of it is from {state.time:%Y-%m-%d %H:%M:%S} UTC" if state else ""
            )
            raise Unavailable(
                f"no release controller took the change {change_id} within {self._patience:g} s"
                f"{f' ({last})' if last else ''}: start the stack with `make up`, in a cluster "
                "look at the Deployment `release-controller`; the change is applied when one "
                f"runs, unless you withdraw it with `mlplatform change reject {change_id}`"
            )
        others = ", ".join(one for one in state.applying if one != change_id)
        return f"waiting: the release controller applies {others or 'earlier changes'} first"


def require_applied(change: Change) -> Change:
    """Return a change that was applied.

    Raises:
        Refused: it was refused.
        Unavailable: it failed.
    """
    if change.status is ChangeStatus.APPLIED:
        return change
    error = Refused if change.status is ChangeStatus.REFUSED else Unavailable
    raise error(change.detail)


def _why(recorded: RecordedChange) -> str:
    decision = next(one for one in recorded.decisions if not one.approve)
    return f"{decision.actor}: {decision.reason}"
