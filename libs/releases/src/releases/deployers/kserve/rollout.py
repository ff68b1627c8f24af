"""Reading from an InferenceService's status how a change of its release goes."""

from platform_core.errors import ReleaseRefused, UpstreamUnavailable
from releases.deployers.kserve.api import Object
from releases.deployers.kserve.desired import is_serverless

REFUSED = ("BlockedByFailedLoad", "InvalidSpec")
# A Deployment's or revision's own last word; other reasons of "False" pass.
GIVEN_UP = ("ProgressDeadlineExceeded", "RevisionFailed", "FailedCreate", "RevisionMissing")
MAX_REASON = 1000


class Rollout:
    """Follows one change. `before` is the status that was there when it was made.

    KServe's `observedGeneration` is that of what is below it, so that a status says nothing of
    which spec it belongs to: a failure counts only once the status has moved.
    """

    def __init__(self, what: str, before: Object) -> None:
        self._what = what
        self._before = _relevant(before)
        self._moved = False
        self._last: Object = {}

    def finished(self, live: Object) -> bool:
        """Say whether the newest revision is ready and the only one wanted.

        Raises:
            ReleaseRefused: the runtime would not load the release.
            UpstreamUnavailable: the revision will not get ready.
        """
        self._last = live
        status = live.get("status") or {}
        self._moved = self._moved or _relevant(status) != self._before
        if self._moved:
            self._raise_for(status)
        predictor = (status.get("components") or {}).get("predictor") or {}
        newest = predictor.get("latestCreatedRevision")
        behind = is_serverless(live) and newest != predictor.get("latestReadyRevision")
        return _ready(status) and not behind

    def late(self, seconds: float) -> UpstreamUnavailable:
        """Return the error of a change that did not finish in `seconds`."""
        status = self._last.get("status") or {}
        waiting = [f"{c['type']}: {_text(c)}" for c in _conditions(status) if c["status"] != "True"]
        said = "; ".join(waiting)[:MAX_REASON] or "its status says ready, its pods do not"
        return UpstreamUnavailable(
            f"{self._what} was not served within {seconds:g} s: {said}; "
            "look at the pods of the InferenceService"
        )

    def _raise_for(self, status: Object) -> None:
        model = status.get("modelStatus") or {}
        if model.get("transitionStatus") in REFUSED:
            failure = model.get("lastFailureInfo") or {}
            reason = failure.get("message") or failure.get("reason") or "it does not say why"
            raise ReleaseRefused(f"{self._what}: KServe says {reason:.{MAX_REASON}}")
        for condition in _conditions(status):
            if condition["status"] == "False" and condition.get("reason") in GIVEN_UP:
                raise UpstreamUnavailable(f"{self._what} does not get ready: {_text(condition)}")


def is_ready(live: Object) -> bool:
    """Say whether the InferenceService answers at all."""
    return _ready(live.get("status") or {})


def _ready(status: Object) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in _conditions(status))


def _conditions(status: Object) -> list[Object]:
    return status.get("conditions") or []


def _text(condition: Object) -> str:
    parts = (condition.get("reason"), condition.get("message"))
    return " ".join(part for part in parts if part)[:MAX_REASON] or condition["status"]


def _relevant(status: Object) -> list[object]:
    """Return what changes when another revision is made, without times."""
    conditions = [(c["type"], c["status"], c.get("reason")) for c in _conditions(status)]
    return [sorted(conditions, key=str), status.get("modelStatus"), status.get("components")]
