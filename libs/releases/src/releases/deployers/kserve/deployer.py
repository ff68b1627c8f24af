"""Deploys to KServe InferenceServices.

A change is one server-side apply that includes the `resourceVersion` of the object that was read,
so of two deployments at the same time one fails with a conflict. After any other failure the
previous configuration is applied again, unless another deployment has replaced it.
"""

import time
from collections.abc import Callable

from platform_core.contracts.environments import Environment
from platform_core.errors import Conflict, PlatformError, Refused, UpstreamUnavailable
from releases.deployers.kserve.api import InferenceServiceApi, Object, OutOfDate
from releases.deployers.kserve.desired import (
    CanaryState,
    DesiredState,
    configuration,
    deployed,
    is_serverless,
    read,
    service_name,
)
from releases.deployers.kserve.rollout import Rollout, is_ready
from releases.deployers.v2 import ANSWER_SECONDS, V2Services

RESTORE_SECONDS = 60.0
ImageOf = Callable[[str, str], str | None]


def no_image(use_case: str, release_id: str) -> str | None:
    """Return no image: every release uses that of the runtime."""
    del use_case, release_id
    return None


class KServeDeployer:
    """Deploys by applying InferenceServices.

    `image_of` (use case, release id) returns the image that a release is pinned to;
    `timeout_seconds` bounds a deployment until the release answers.
    """

    def __init__(
        self,
        api: InferenceServiceApi,
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
        """Apply the release and wait until only it answers; on failure restore the previous one.

        A running canary ends.

        Raises:
            Conflict: another deployment runs, or owns fields of the InferenceService.
        """
        image = self._image_of(use_case, release_id)
        release = deployed(use_case, release_id, release_uri, model_version, image)
        self._change(use_case, environment, lambda _: DesiredState(release))

    def canary(
        self,
        use_case: str,
        environment: Environment,
        release_id: str,
        release_uri: str,
        model_version: str,
        percent: int,
    ) -> None:
        """Let a release answer `percent` (1 to 99) of the requests; no request mixes releases.

        Raises:
            Refused: there is no stable release, or a request could mix two releases.
        """
        if not 1 <= percent <= 99:  # noqa: PLR2004
            raise Refused(f"a canary gets 1 to 99 percent of the requests, not {percent}")
        image = self._image_of(use_case, release_id)
        release = deployed(use_case, release_id, release_uri, model_version, image)

        def with_canary(live: Object) -> DesiredState:
            present = read(live).release
            if present is None:
                raise Refused(f"{environment} serves no {use_case} yet: deploy a release first")
            if "transformer" in live["spec"]:
                raise Refused(
                    f"{live['metadata']['name']} computes features in separate pods: a canary "
                    "would mix two releases; deploy the release as a whole"
                )
            return DesiredState(present, CanaryState(release, percent))

        self._change(use_case, environment, with_canary)

    def end_canary(self, use_case: str, environment: Environment) -> None:
        """Let the stable release answer all requests again. Does nothing without a canary."""
        self._change(use_case, environment, lambda live: read(live).without_canary())

    def served(self, use_case: str, environment: Environment) -> str | None:
        """Return the id of the stable release if it answers, `None` if nothing is served."""
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
            return desired.release.release_id  # this request was routed to the canary
        return answered

    def serves_only(self, use_case: str, environment: Environment, release_id: str | None) -> bool:
        """Return whether the InferenceService is configured for the release and answers with it."""
        return self.served(use_case, environment) == release_id

    def withdraw(self, use_case: str, environment: Environment) -> None:
        """Have KServe stop the InferenceService."""
        deadline = time.monotonic() + self._timeout
        self._apply(service_name(use_case, environment), lambda _: DesiredState(), deadline)

    def _change(
        self, use_case: str, environment: Environment, desired_of: Callable[[Object], DesiredState]
    ) -> None:
        deadline = time.monotonic() + self._timeout
        before, after = self._apply(service_name(use_case, environment), desired_of, deadline)
        try:
            self._wait(use_case, environment, before, after, deadline)
        except BaseException as error:
            self._restore(before, after, error)
            raise

    def _apply(
        self, name: str, desired_of: Callable[[Object], DesiredState], deadline: float
    ) -> tuple[Object, Object]:
        """Apply the desired state and return the object before and after.

        KServe updates the status all the time, so only a change of the release is a conflict.
        """
        before = self._api.get(name, deadline)
        desired, present, live = desired_of(before), read(before), before
        while True:
            try:
                return before, self._api.apply(configuration(live, desired), deadline)
            except OutOfDate:
                live = self._api.get(name, deadline)
            if read(live) == desired:  # applied, but the response was lost
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
        """Ask the pods as well: the status can be older than the spec."""
        try:
            return self._services.answers_with(use_case, environment, release_id)
        except UpstreamUnavailable:
            return False

    def _restore(self, before: Object, after: Object, error: BaseException) -> None:
        """Apply the previous configuration, unless another deployment has replaced this one."""
        if isinstance(error, Conflict):
            return
        name, ours = after["metadata"]["name"], read(after)

        def previous(live: Object) -> DesiredState:
            if read(live) != ours:
                raise _superseded(name)
            return read(before)

        try:
            self._apply(name, previous, time.monotonic() + RESTORE_SECONDS)
        except PlatformError as failure:
            error.add_note(f"the previous release of {name} could not be restored: {failure}")


def _canary_ready(live: Object) -> bool:
    if is_serverless(live):
        return True  # the newest revision is the canary
    statuses = (live.get("status") or {}).get("canaryStatuses") or []
    return bool(statuses) and all(status["ready"] for status in statuses)


def _superseded(name: str) -> Conflict:
    return Conflict(f"another deployment changed the release of {name} at the same time")
