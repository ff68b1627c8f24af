"""Follows a change of an InferenceService in its status."""

from platform_core.errors import ReleaseRefused, UpstreamUnavailable
from releases.deployers.kserve.api import Object
from releases.deployers.kserve.desired import is_terminating
from releases.deployers.kserve.workload import Workload

REFUSED = ("BlockedByFailedLoad", "InvalidSpec")
# The controller has given up; any other reason of "False" is temporary.
TERMINAL_REASONS = ("ProgressDeadlineExceeded", "RevisionFailed", "FailedCreate", "RevisionMissing")
MAX_REASON = 1000


class Rollout:
    """Follows one change of an InferenceService; `before` is its state before, if it existed.

    KServe's `observedGeneration` is that of a lower object, so a status does not tell which spec
    it belongs to: a failure counts only after the status has changed.
    """

    def __init__(self, what: str, before: Object | None) -> None:
        self._what = what
        self._generation = _generation(before) if before else None
        self._before = _relevant((before or {}).get("status") or {})
        self._changed = False
        self._last: Object = {"metadata": {}}
        self._workload: Workload | None = None

    def finished(self, live: Object, workload: Workload | None) -> bool:
        """Return whether the change has reached all pods, and they are ready.

        If nothing was changed, the pods need only be ready: more of them may just be starting.
        `workload` are the pods in Standard mode; Knative's status names the revisions.

        Raises:
            ReleaseRefused: the runtime refused to load the release.
            UpstreamUnavailable: the revision will not become ready.
        """
        self._last, self._workload = live, workload
        status = live.get("status") or {}
        if is_terminating(live):
            return False
        if _ready(status) and _generation(live) == self._generation:
            return True
        self._changed = self._changed or _relevant(status) != self._before
        if self._changed:
            self._raise_for(status)
        if workload:
            refusal = workload.refusal()
            if refusal:
                raise ReleaseRefused(f"{self._what}: {refusal:.{MAX_REASON}}")
            return _ready(status) and workload.complete()
        return _ready(status) and _newest_revisions_are_ready(status)

    def late(self, seconds: float) -> UpstreamUnavailable:
        """Return the error of a change that did not finish in `seconds`."""
        status = self._last.get("status") or {}
        waiting = [f"{c['type']}: {_text(c)}" for c in _conditions(status) if _unmet(c)]
        problems = self._workload.problems() if self._workload else ()
        if is_terminating(self._last):
            waiting.insert(0, "it is being deleted; look at its finalizers")
        said = (
            "; ".join((*problems, *waiting))[:MAX_REASON]
            or "its status is ready, but its Service does not answer with the release"
        )
        return UpstreamUnavailable(
            f"{self._what} was not served within {seconds:g} s: {said}; "
            "look at the pods of the InferenceService"
        )

    def _raise_for(self, status: Object) -> None:
        model = status.get("modelStatus") or {}
        if model.get("transitionStatus") in REFUSED:
            failure = model.get("lastFailureInfo") or {}
            reason = failure.get("message") or failure.get("reason") or "no reason is given"
            raise ReleaseRefused(f"{self._what}: KServe says {reason:.{MAX_REASON}}")
        for condition in _conditions(status):
            if condition["status"] == "False" and condition.get("reason") in TERMINAL_REASONS:
                raise UpstreamUnavailable(f"{self._what} will not become ready: {_text(condition)}")


def is_ready(live: Object) -> bool:
    """Return whether the InferenceService is ready."""
    return _ready(live.get("status") or {})


def _ready(status: Object) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in _conditions(status))


def _generation(live: Object) -> tuple[str, int]:
    return live["metadata"]["uid"], live["metadata"]["generation"]


def _newest_revisions_are_ready(status: Object) -> bool:
    parts = list((status.get("components") or {}).values())
    newest = [part.get("latestCreatedRevision") for part in parts]
    ready = [part.get("latestReadyRevision") for part in parts]
    return bool(parts) and None not in newest and newest == ready


def _conditions(status: Object) -> list[Object]:
    return status.get("conditions") or []


def _unmet(condition: Object) -> bool:
    """Return whether a condition keeps the service from being ready (`Stopped: False` does not)."""
    informational = condition["type"] == "Stopped" or condition.get("severity") == "Info"
    return condition["status"] != "True" and not informational


def _text(condition: Object) -> str:
    parts = (condition.get("reason"), condition.get("message"))
    return " ".join(part for part in parts if part)[:MAX_REASON] or condition["status"]


def _relevant(status: Object) -> list[object]:
    """Return the parts of a status that change with a new revision, without times."""
    conditions = [(c["type"], c["status"], c.get("reason")) for c in _conditions(status)]
    return [sorted(conditions, key=str), status.get("modelStatus"), status.get("components")]
