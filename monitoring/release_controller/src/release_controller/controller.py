"""Takes open changes in order and applies them."""

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Lock, Thread

from platform_core.changes import Changes, RecordedChange
from platform_core.clock import Clock
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import (
    Action,
    Change,
    ChangeRequest,
    ChangeStatus,
    ControllerState,
)
from platform_core.errors import PlatformError
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import CONTROLLER
from release_controller.metrics import CHANGE_SECONDS, CHANGES, OPEN_CHANGES, WAITING
from release_controller.retraining import approve_retraining
from releases.changes import ReleaseService

logger = logging.getLogger(__name__)

Place = tuple[str, Environment]
SIGN_OF_LIFE = timedelta(seconds=2)
"""How often the controller writes that it runs."""
RETRY = timedelta(seconds=2)
"""How long after an attempt that broke off the next one begins."""
WAITS_FOR = {ChangeStatus.SUGGESTED: "approval", ChangeStatus.REQUESTED: "controller"}
EARLIEST = datetime.min.replace(tzinfo=UTC)


class ReleaseController:
    """Applies the changes of one use case and environment one after the other, oldest first.

    Changes of different places are applied at the same time, each in a thread of its own, so a
    slow start of a service holds up no rollback elsewhere. A change that broke off is still open,
    and is applied again. `changed` is called with the use case of each change that has ended.
    """

    def __init__(
        self,
        store: BlobStore,
        changes: Changes,
        service: ReleaseService,
        clock: Clock,
        changed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._changed = changed
        self._changes = changes
        self._service = service
        self._clock = clock
        self._busy: dict[Place, tuple[str, Thread]] = {}
        self._lock = Lock()
        self._shown: ControllerState | None = None
        self._broke_off: dict[Place, datetime] = {}

    def step(self) -> None:
        """Begin to apply every change that may begin now; write a sign of life.

        Raises:
            PlatformError: the store does not answer; the next step tries again.
        """
        self._show_life()
        waiting, begun = 0, set(self.applying())
        found = sorted(self._changes.open(), key=lambda one: one.request.created_at)
        for recorded in found:
            request = recorded.request
            place = (request.use_case, request.environment)
            if recorded.status in (ChangeStatus.SUGGESTED, ChangeStatus.REJECTED):
                continue
            waiting += 1
            if recorded.result is not None:  # the marker was left
                self._changes.close(request.change_id)
            elif place not in begun and self._may_retry(place):
                begun.add(place)
                self._begin(place, recorded)
        OPEN_CHANGES.set(waiting)
        WAITING.replace(_oldest(found))

    def applying(self) -> dict[Place, str]:
        """Return the ids of the changes that are being applied."""
        with self._lock:
            self._busy = {p: one for p, one in self._busy.items() if one[1].is_alive()}
            return {place: change_id for place, (change_id, _) in self._busy.items()}

    def join(self) -> None:
        """Wait until no change is being applied."""
        with self._lock:
            threads = [thread for _, thread in self._busy.values()]
        for thread in threads:
            thread.join()

    def _begin(self, place: Place, recorded: RecordedChange) -> None:
        request = recorded.request
        # A daemon: the controller may end at any time, and applies what broke off again.
        thread = Thread(target=self._apply, args=(request,), daemon=True)
        with self._lock:
            self._busy[place] = (request.change_id, thread)
        thread.start()

    def _apply(self, request: ChangeRequest) -> None:
        """Apply one change and record its result."""
        try:
            with CHANGE_SECONDS.labels(request.action).time():
                result = self._result(request)
            self._changes.finish(result)
        except PlatformError as error:
            self._broke_off[request.use_case, request.environment] = self._clock.now()
            logger.warning("%s is tried again: %s", _named(request), error)
            return
        CHANGES.labels(request.use_case, request.environment, request.action, result.status).inc()
        self._changed(request.use_case)
        detail = f": {result.detail}" if result.detail else ""
        logger.info("%s is %s%s", _named(request), result.status, detail)

    def _result(self, request: ChangeRequest) -> Change:
        def report(text: str) -> None:
            with suppress(PlatformError):  # the steps are for people only
                self._changes.begin_step(request.change_id, text)

        report("taken by the release controller")
        try:
            if request.action is Action.RETRAIN:
                return approve_retraining(self._store, request)
            return self._service.apply(request, report)
        except PlatformError:
            raise
        except Exception as error:  # a defect must not hold up the changes behind it
            logger.exception("%s failed", _named(request))
            reason = f"{type(error).__name__}; the log of the release controller has the details"
            return self._service.fail(request, reason)

    def _may_retry(self, place: Place) -> bool:
        return not _is_within(RETRY, self._broke_off.get(place, EARLIEST), self._clock.now())

    def _show_life(self) -> None:
        now = self._clock.now()
        state = ControllerState(time=now, applying=tuple(sorted(self.applying().values())))
        shown = self._shown
        recent = shown and _is_within(SIGN_OF_LIFE, shown.time, now)
        if shown and shown.applying == state.applying and recent:
            return
        self._store.write(CONTROLLER, state.model_dump_json().encode())
        self._shown = state


def _oldest(changes: Iterable[RecordedChange]) -> dict[tuple[str, ...], float]:
    """Return when the oldest of the waiting changes was requested, by place, action and what they
    wait for; `changes` come oldest first.
    """
    found: dict[tuple[str, ...], float] = {}
    for recorded in changes:
        request, waits_for = recorded.request, WAITS_FOR.get(recorded.status)
        if waits_for is not None:
            key = (request.use_case, request.environment, request.action, waits_for)
            found.setdefault(key, request.created_at.timestamp())
    return found


def _is_within(period: timedelta, time: datetime, now: datetime) -> bool:
    """Return whether `time` is less than `period` ago; a future time, from before the clock was set
    back, is not.
    """
    return timedelta() <= now - time < period


def _named(request: ChangeRequest) -> str:
    return f"{request.action} of {request.use_case} in {request.environment} ({request.change_id})"
