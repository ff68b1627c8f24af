"""Follows a change of release in the status of an InferenceService."""

from platform_core.errors import ReleaseRefused, UpstreamUnavailable
from releases.deployers.kserve.api import Object
from releases.deployers.kserve.workload import Workload

REFUSED = ("BlockedByFailedLoad", "InvalidSpec")
# The controller has given up; any other reason of "False" is temporary.
TERMINAL_REASONS = ("ProgressDeadlineExceeded", "RevisionFailed", "FailedCreate", "RevisionMissing")
MAX_REASON = 1000


class Rollout:
    """Follows one change; `before` is the status at the time of the change.

    KServe's `observedGeneration` is that of a lower object, so a status does not tell which spec
    it belongs to: a failure counts only after the status has changed.
    """

    def __init__(self, what: str, before: Object) -> None:
        self._what = what
        self._before = _relevant(before)
        self._changed = False
        self._last: Object = {}
        self._workload: Workload | None = None

    def finished(self, live: Object, workload: Workload | None) -> bool:
        """Say whether only the new release can answer.

        `workload` are the pods in Standard mode; Knative's status names the revisions.

        Raises:
            ReleaseRefused: the runtime refused to load the release.
            UpstreamUnavailable: the revision will not become ready.
        """
        self._last, self._workload = live, workload
        status = live.get("status") or {}
        self._changed = self._changed or _relevant(status) != self._before
        if self._changed:
            self._raise_for(status)
        if workload:
            refusal = workload.refusal()
            if refusal:
                raise ReleaseRefused(f"{self._what}: {refusal:.{MAX_REASON}}")
            return _ready(status) and workload.complete()
        predictor = (status.get("components") or {}).get("predictor") or {}
        newest = predictor.get("latestCreatedRevision")
        return (
            _ready(status) and newest is not None and newest == predictor.get("latestReadyRevision")
        )

    def late(self, seconds: float) -> UpstreamUnavailable:
        """Return the error of a change that did not finish in `seconds`."""
        status = self._last.get("status") or {}
        waiting = [f"{c['type']}: {_text(c)}" for c in _conditions(status) if _unmet(c)]
        problems = self._workload.problems() if self._workload else ()
        said = (
            "; ".join((*problems, *waiting))[:MAX_REASON]
            or "its status is ready, but its pods do not answer with the release"
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
    """Say whether the InferenceService is ready."""
    return _ready(live.get("status") or {})


def _ready(status: Object) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in _conditions(status))


def _conditions(status: Object) -> list[Object]:
    return status.get("conditions") or []


def _unmet(condition: Object) -> bool:
    """Say whether a condition keeps the service from being ready (`Stopped: False` does not)."""
    informational = condition["type"] == "Stopped" or condition.get("severity") == "Info"
    return condition["status"] != "True" and not informational


def _text(condition: Object) -> str:
    parts = (condition.get("reason"), condition.get("message"))
    return " ".join(part for part in parts if part)[:MAX_REASON] or condition["status"]


def _relevant(status: Object) -> list[object]:
    """Return the parts of a status that change with a new revision, without times."""
    conditions = [(c["type"], c["status"], c.get("reason")) for c in _conditions(status)]
    return [sorted(conditions, key=str), status.get("modelStatus"), status.get("components")]
