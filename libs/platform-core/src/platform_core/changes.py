"""Requested changes of serving states: recorded here, applied by the release controller.

A request is one object, created only if it is not there. Its marker among the open changes is
removed when the change has ended. The ledger is the truth about what was applied; the result that
is kept here repeats its entry, so that one read answers how a change ended.
"""

import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from platform_core.clock import Clock
from platform_core.contracts.ledger import (
    Change,
    ChangeDecision,
    ChangeProgress,
    ChangeRequest,
    ChangeStatus,
    ChangeStep,
    ControllerState,
)
from platform_core.contracts.prediction_ids import milliseconds, new_prediction_id
from platform_core.errors import BlobExists, BlobNotFound, Conflict, InvalidData, NotFound
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import (
    CHANGES,
    CONTROLLER,
    OPEN_CHANGES,
    change_path,
    idempotency_key_path,
    open_change_path,
    parse_open_change,
)

REQUEST_FILE = "request.json"
DECISIONS = "decisions"
PROGRESS_FILE = "progress.json"
RESULT_FILE = "result.json"
MAX_ID_CHARACTERS = 100
MAX_ENDED = 2000
"""Changes that are kept in memory after they have ended: they do not change any more."""
Document = TypeVar("Document", bound=BaseModel)


def new_change_id(now: datetime) -> str:
    """Return a new id for a change that is requested now; ids sort by time."""
    return new_prediction_id(milliseconds(now))


@dataclass(frozen=True)
class RecordedChange:
    """A change with the decisions about it and the steps that were begun, oldest first, and its
    result once it has ended.
    """

    request: ChangeRequest
    decisions: tuple[ChangeDecision, ...] = ()
    result: Change | None = None
    steps: tuple[ChangeStep, ...] = ()

    @property
    def status(self) -> ChangeStatus:
        """How far the change is; one rejection rejects it."""
        if self.result is not None:
            return self.result.status
        if any(not decision.approve for decision in self.decisions):
            return ChangeStatus.REJECTED
        approved = {decision.actor for decision in self.decisions}
        missing = self.request.approvals - len(approved)
        return ChangeStatus.SUGGESTED if missing > 0 else ChangeStatus.REQUESTED


class Changes:
    """The requested changes of all use cases."""

    def __init__(self, store: BlobStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._ended: OrderedDict[str, RecordedChange] = OrderedDict()

    def submit(self, request: ChangeRequest, idempotency_key: str | None = None) -> str:
        """Record a request and return the id of its change.

        A key that was used before returns the change of that time.

        Raises:
            Conflict: the key was used for another request.
        """
        change_id = request.change_id
        if idempotency_key is not None:
            claim = json.dumps({"change_id": change_id, "request": _essence(request)}).encode()
            try:
                self._store.create(idempotency_key_path(idempotency_key), claim)
            except BlobExists:
                return self._of_key(idempotency_key, request)
            # A second request with the key may have written it first, with this id.
            with suppress(BlobExists):
                self._create(request)
        else:
            self._create(request)
        self._store.write(open_change_path(change_id), b"")
        return change_id

    def submit_once(self, request: ChangeRequest, key: str) -> str:
        """Record a request unless one was recorded with this key; return the id of its change."""
        try:
            return self.submit(request, key)
        except Conflict:
            return str(self._claim(key)["change_id"])

    def get(self, change_id: str) -> RecordedChange:
        """Return a change.

        Raises:
            NotFound: there is no such change.
        """
        if not change_id.isalnum() or len(change_id) > MAX_ID_CHARACTERS:
            raise _unknown(change_id)
        known = self._ended.get(change_id)
        if known is not None:
            return known
        recorded = self._recorded(change_id)
        if recorded.result is not None:
            self._ended[change_id] = recorded
            if len(self._ended) > MAX_ENDED:
                self._ended.popitem(last=False)
        return recorded

    def find(self, change_ids: Iterable[str]) -> Iterator[RecordedChange]:
        """Yield the changes of `ids`, without one that is being recorded just now."""
        for change_id in change_ids:
            with suppress(NotFound):
                yield self.get(change_id)

    def _recorded(self, change_id: str) -> RecordedChange:
        try:
            request = self._read(change_path(change_id, REQUEST_FILE), ChangeRequest)
        except BlobNotFound as error:
            raise _unknown(change_id) from error
        result = self._find(change_path(change_id, RESULT_FILE), Change)
        blobs = self._store.list(change_path(change_id, DECISIONS))
        decisions = [self._read(blob.path, ChangeDecision) for blob in blobs]
        decisions.sort(key=lambda decision: decision.time)
        progress = self._find(change_path(change_id, PROGRESS_FILE), ChangeProgress)
        steps = progress.steps if progress else ()
        return RecordedChange(request, tuple(decisions), result, steps)

    def ids(self) -> list[str]:
        """Return the ids of all changes, newest first."""
        names = (folder.rpartition("/")[2] for folder in reversed(self._store.folders(CHANGES)))
        return [name for name in names if name.isalnum()]

    def open_ids(self) -> list[str]:
        """Return the ids of the changes that have not ended, newest first."""
        paths = (blob.path for blob in self._store.list(OPEN_CHANGES))
        return sorted((parse_open_change(path) for path in paths), reverse=True)

    def open(self) -> Iterator[RecordedChange]:
        """Yield the changes that have not ended, oldest first."""
        return self.find(reversed(self.open_ids()))

    def controller(self) -> ControllerState | None:
        """Return what the release controller wrote last, `None` if it never did."""
        try:
            return ControllerState.model_validate_json(self._store.read(CONTROLLER))
        except (BlobNotFound, ValidationError):
            return None

    def decide(self, change_id: str, actor: str, approve: bool, reason: str) -> RecordedChange:
        """Approve or reject a suggested change, or reject one that is not being applied yet.

        A person decides once.

        Raises:
            NotFound: there is no such change.
            Conflict: it is too late, or this person has decided.
        """
        recorded = self.get(change_id)
        waits = recorded.status is ChangeStatus.REQUESTED and not recorded.steps and not approve
        if recorded.status is not ChangeStatus.SUGGESTED and not waits:
            raise Conflict(
                f"the change {change_id} is {recorded.status}; only a suggested one can be "
                "approved, and one that is not being applied yet can be rejected"
            )
        decision = ChangeDecision(
            change_id=change_id,
            time=self._clock.now(),
            actor=actor,
            approve=approve,
            reason=reason,
        )
        path = change_path(change_id, DECISIONS, f"{actor.encode().hex()}.json")
        try:
            self._store.create(path, decision.model_dump_json(indent=1).encode())
        except BlobExists as error:
            raise Conflict(f"{actor} has already decided on the change {change_id}") from error
        decided = self.get(change_id)
        if decided.status is ChangeStatus.REJECTED:
            self.close(change_id)
        return decided

    def begin_step(self, change_id: str, text: str) -> None:
        """Record what the controller does next for a change; one process applies a change."""
        path = change_path(change_id, PROGRESS_FILE)
        before = self._find(path, ChangeProgress) or ChangeProgress()
        step = ChangeStep(time=self._clock.now(), text=text)
        progress = ChangeProgress(steps=(*before.steps, step))
        self._store.write(path, progress.model_dump_json().encode())

    def finish(self, result: Change) -> None:
        """Record how a change ended."""
        path = change_path(result.change_id, RESULT_FILE)
        self._store.write(path, result.model_dump_json(indent=1).encode())
        self.close(result.change_id)

    def close(self, change_id: str) -> None:
        """Remove the marker of a change that has ended."""
        self._store.delete(open_change_path(change_id))

    def _of_key(self, key: str, request: ChangeRequest) -> str:
        claim = self._claim(key)
        if claim["request"] != _essence(request):
            raise Conflict(
                "the idempotency key was used for another change "
                f"({claim['change_id']}); use a new key for a new change"
            )
        change_id = str(claim["change_id"])
        # The process that claimed the key may have died before it wrote the request or its marker.
        with suppress(BlobExists):
            self._create(request.model_copy(update={"change_id": change_id}))
        if self.get(change_id).status in (ChangeStatus.SUGGESTED, ChangeStatus.REQUESTED):
            self._store.write(open_change_path(change_id), b"")
        return change_id

    def _create(self, request: ChangeRequest) -> None:
        content = request.model_dump_json(indent=1).encode()
        self._store.create(change_path(request.change_id, REQUEST_FILE), content)

    def _find(self, path: str, kind: type[Document]) -> Document | None:
        try:
            return self._read(path, kind)
        except BlobNotFound:
            return None

    def _claim(self, key: str) -> dict[str, Any]:
        claim: dict[str, Any] = json.loads(self._store.read(idempotency_key_path(key)))
        return claim

    def _read(self, path: str, kind: type[Document]) -> Document:
        try:
            return kind.model_validate_json(self._store.read(path))
        except ValidationError as error:
            raise InvalidData(f"{path} is not readable: {error.error_count()} errors") from error


def _essence(request: ChangeRequest) -> dict[str, object]:
    """Return what makes two requests the same."""
    return request.model_dump(mode="json", exclude={"change_id", "created_at"})


def _unknown(change_id: str) -> NotFound:
    return NotFound(f"there is no change {change_id!r:.100}; `mlplatform change list` names them")
