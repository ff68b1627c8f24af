"""The deployer of a cluster: KServe's InferenceServices.

A change is one server-side apply of the object that was read (its `resourceVersion` is part of
what is applied), so of two deployers at once one is told. Whatever fails afterwards, what was
applied before is applied again, unless somebody else has deployed meanwhile.
"""

import time
from collections.abc import Callable

from platform_core.contracts.environments import Environment
from platform_core.errors import Conflict, PlatformError, Refused, UpstreamUnavailable
from releases.deployers.kserve.api import InferenceServices, Object, OutOfDate
from releases.deployers.kserve.desired import (
    Canary,
    Desired,
    configuration,
    deployed,
    is_serverless,
    read,
    service_name,
)
from releases.deployers.kserve.rollout import Rollout, is_ready
from releases.deployers.v2 import ANSWER_SECONDS, V2Services

PUT_BACK_SECONDS = 60.0
ImageOf = Callable[[str, str], str | None]


def no_image(use_case: str, release_id: str) -> str | None:
    """Pin no release to an image: all take the runtime's."""
    del use_case, release_id


class KServeDeployer:
    """Deploys by applying InferenceServices.

    `image_of` (use case, release id) returns the image a release is pinned to;
    `timeout_seconds` bounds a deployment from the first request to the answer with the release.
    """

    def __init__(
        self,
        api: InferenceServices,
        services: V2Services,
        timeout_seconds: float = 600.0,
        image_of: ImageOf = no_image,
    ) -> None:
        self._api = api
        self._services = services
        self._timeout = timeout_seconds
        self._image_of = image_of

    def deploy(
        self,
        use_case: str,
        environment: Environment,
        release_id: str,
        release_uri: str,
        model_version: str,
    ) -> None:
        """Apply the release and wait until it alone answers; else put the old one back.

        A canary ends with it, whichever release it is.

        Raises:
            Conflict: somebody else deploys, or decides fields of the InferenceService.
        """
        image = self._image_of(use_case, release_id)
        release = deployed(use_case, release_id, release_uri, model_version, image)
        self._change(use_case, environment, lambda _: Desired(release))

    def canary(
        self,
        use_case: str,
        environment: Environment,
        release_id: str,
        release_uri: str,
        model_version: str,
        percent: int,
    ) -> None:
        """Let a release answer `percent` (1 to 99) of the requests, each of them as a whole.

        Raises:
            Refused: nothing is served that could answer the others, or a request could meet
                parts of two releases.
        """
        if not 1 <= percent <= 99:  # noqa: PLR2004
            raise Refused(f"a canary gets 1 to 99 percent of the requests, not {percent}")
        image = self._image_of(use_case, release_id)
        release = deployed(use_case, release_id, release_uri, model_version, image)

        def beside(live: Object) -> Desired:
            present = read(live).release
            if present is None:
                raise Refused(f"{environment} serves no {use_case} yet: deploy a release first")
            if "transformer" in live["spec"]:
                raise Refused(
                    f"{live['metadata']['name']} computes features in pods of their own: a canary "
                    "would mix two releases; deploy the release as a whole"
                )
            return Desired(present, Canary(release, percent))

        self._change(use_case, environment, beside)

    def end_canary(self, use_case: str, environment: Environment) -> None:
        """Let the stable release answer everything again; without a canary nothing changes."""
        self._change(use_case, environment, lambda live: read(live).without_canary())

    def served(self, use_case: str, environment: Environment) -> str | None:
        """Return the release that answers, `None` when none does."""
        deadline = time.monotonic() + ANSWER_SECONDS
        live = self._api.get(service_name(use_case, environment), deadline)
        desired = read(live)
        if desired.release is None:
            return None
        try:
            answered = self._services.served(use_case, environment)
        except UpstreamUnavailable:
            if is_ready(live):
                raise
            return None
        if desired.canary and answered == desired.canary.release.release_id:
            return desired.release.release_id  # it was the canary's turn
        return answered

    def withdraw(self, use_case: str, environment: Environment) -> None:
        """Have KServe stop the InferenceService."""
        deadline = time.monotonic() + self._timeout
        self._apply(service_name(use_case, environment), lambda _: Desired(), deadline)

    def _change(
        self, use_case: str, environment: Environment, wanted: Callable[[Object], Desired]
    ) -> None:
        deadline = time.monotonic() + self._timeout
        before, after = self._apply(service_name(use_case, environment), wanted, deadline)
        try:
            self._wait(use_case, environment, before, after, deadline)
        except BaseException as error:
            self._put_back(before, after, error)
            raise

    def _apply(
        self, name: str, wanted: Callable[[Object], Desired], deadline: float
    ) -> tuple[Object, Object]:
        """Apply what is wanted and return the object before and after.

        KServe writes the status all the time: only another release is somebody else's change.
        """
        before = self._api.get(name, deadline)
        desired, present, live = wanted(before), read(before), before
        while True:
            try:
                return before, self._api.apply(configuration(live, desired), deadline)
            except OutOfDate:
                live = self._api.get(name, deadline)
            if read(live) == desired:  # ours, but the answer was lost
                return before, live
            if read(live) != present:
                raise _superseded(name)
            if time.monotonic() > deadline:
                raise UpstreamUnavailable(f"{name} changes faster than it can be applied")

    def _wait(
        self,
        use_case: str,
        environment: Environment,
        before: Object,
        after: Object,
        deadline: float,
    ) -> None:
        desired, name = read(after), after["metadata"]["name"]
        target = desired.canary.release if desired.canary else desired.release
        what = f"release {target.release_id:.12} of {use_case} in {environment}" if target else name
        rollout = Rollout(what, before.get("status") or {})
        for live in self._api.follow(after, deadline):
            if read(live) != desired:
                raise _superseded(name)
            if not rollout.finished(live):
                continue
            if desired.canary:
                if _canary_ready(live):
                    return
            elif target is None or self._answers(use_case, environment, target.release_id):
                return
        raise rollout.late(self._timeout)

    def _answers(self, use_case: str, environment: Environment, release_id: str) -> bool:
        """Ask the pods too: a status can be older than the spec."""
        try:
            return self._services.answers_with(use_case, environment, release_id)
        except UpstreamUnavailable:
            return False

    def _put_back(self, before: Object, after: Object, error: BaseException) -> None:
        """Apply what was there before, unless somebody else has deployed since."""
        if isinstance(error, Conflict):
            return
        name, ours = after["metadata"]["name"], read(after)

        def old(live: Object) -> Desired:
            if read(live) != ours:
                raise _superseded(name)
            return read(before)

        try:
            self._apply(name, old, time.monotonic() + PUT_BACK_SECONDS)
        except PlatformError as trouble:
            error.add_note(f"what {name} served before could not be put back: {trouble}")


def _canary_ready(live: Object) -> bool:
    if is_serverless(live):
        return True  # the newest revision is the canary
    statuses = (live.get("status") or {}).get("canaryStatuses") or []
    return bool(statuses) and all(status["ready"] for status in statuses)


def _superseded(name: str) -> Conflict:
    return Conflict(f"{name} was given another release by somebody else at the same time")
