"""Deploys to KServe InferenceServices.

A change is one server-side apply that includes the `resourceVersion` of the object that was read,
so of two deployments at the same time one fails with a conflict. After any other failure the
previous configuration is applied again, unless another deployment has replaced it.
"""

import time
from collections.abc import Callable

from platform_core.contracts.environments import Environment
from platform_core.errors import (
    Conflict,
    NotFound,
    PlatformError,
    ReleaseRefused,
    UpstreamUnavailable,
)
from releases.deployers.kserve.api import InferenceServiceApi, Object, OutOfDate
from releases.deployers.kserve.desired import (
    DeployedRelease,
    configuration,
    deployed,
    is_serverless,
    read,
    service_name,
)
from releases.deployers.kserve.rollout import Rollout, is_ready
from releases.deployers.kserve.workload import Workload
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

        Raises:
            Conflict: another deployment runs, or owns fields of the InferenceService.
        """
        image = self._image_of(use_case, release_id)
        release = deployed(use_case, release_id, release_uri, model_version, image)
        deadline = time.monotonic() + self._timeout
        before, after = self._apply(service_name(use_case, environment), release, deadline)
        try:
            self._wait(use_case, environment, before, after, deadline)
        except BaseException as error:
            self._restore(before, after, error)
            raise

    def served(self, use_case: str, environment: Environment) -> str | None:
        """Return the id of the stable release if it answers, `None` if nothing is served."""
        deadline = time.monotonic() + ANSWER_SECONDS
        live = self._api.get(service_name(use_case, environment), deadline)
        if read(live) is None:
            return None
        try:
            return self._services.served(use_case, environment)
        except UpstreamUnavailable:
            if is_ready(live):
                raise
            return None

    def serves_only(self, use_case: str, environment: Environment, release_id: str | None) -> bool:
        """Return whether the InferenceService and all its pods have the release."""
        deadline = time.monotonic() + ANSWER_SECONDS
        try:
            live = self._api.get(service_name(use_case, environment), deadline)
        except NotFound:
            if release_id is None:
                return True
            raise
        release = read(live)
        if release is None or release.release_id != release_id:
            return release is None and release_id is None
        try:
            return self._finished(Rollout("", {}), use_case, environment, live, deadline)
        except (ReleaseRefused, UpstreamUnavailable):
            return False

    def withdraw(self, use_case: str, environment: Environment) -> None:
        """Have KServe stop the InferenceService."""
        deadline = time.monotonic() + self._timeout
        self._apply(service_name(use_case, environment), None, deadline)

    def _apply(
        self,
        name: str,
        release: DeployedRelease | None,
        deadline: float,
        replaced: DeployedRelease | None = None,
    ) -> tuple[Object, Object]:
        """Apply a release, in place of `replaced` if given; return the object before and after.

        KServe updates the status all the time, so only a change of the release is a conflict.
        """
        before = self._api.get(name, deadline)
        present, live = replaced or read(before), before
        while True:
            if read(live) == release and live is not before:  # applied; the response was lost
                return before, live
            if read(live) != present:
                raise _superseded(name)
            try:
                return before, self._api.apply(configuration(live, release), deadline)
            except OutOfDate:
                live = self._api.get(name, deadline)
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
        release = read(after)
        what = f"release {release.release_id:.12} of {use_case} in {environment}" if release else ""
        rollout = Rollout(what, before.get("status") or {})
        for live in self._api.follow(after, deadline):
            if read(live) != release:
                raise _superseded(after["metadata"]["name"])
            if self._finished(rollout, use_case, environment, live, deadline):
                return
        raise rollout.late(self._timeout)

    def _finished(
        self,
        rollout: Rollout,
        use_case: str,
        environment: Environment,
        live: Object,
        deadline: float,
    ) -> bool:
        release = read(live)
        if release is None:
            return True
        workload = None
        if not is_serverless(live):
            parts = self._api.workload(live["metadata"]["name"], deadline)
            workload = Workload(*parts, release.pointer)
        return rollout.finished(live, workload) and self._answers(
            use_case, environment, release.release_id
        )

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
        name, deadline = after["metadata"]["name"], time.monotonic() + RESTORE_SECONDS
        try:
            self._apply(name, read(before), deadline, replaced=read(after))
        except PlatformError as failure:
            error.add_note(f"the previous release of {name} could not be restored: {failure}")


def _superseded(name: str) -> Conflict:
    return Conflict(f"another deployment changed the release of {name} at the same time")
