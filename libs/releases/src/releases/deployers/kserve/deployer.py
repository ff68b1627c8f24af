"""Deploys releases to KServe: one InferenceService for each release (docs/adr/0052).

All pods of an InferenceService serve the same release, so it takes and loses roles without a
change. The template in the manifests says how the pods run; a change of the template reaches an
existing InferenceService when it is ensured again.
"""

import time
from collections.abc import Callable, Collection

from platform_core.contracts.environments import Environment
from platform_core.contracts.release import ReleasePointer
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import NotFound, ReleaseRefused, UpstreamUnavailable
from releases.deployers.kserve import desired
from releases.deployers.kserve.api import (
    DEPLOYMENT,
    POD,
    SERVICE,
    InferenceServiceApi,
    InferenceServiceDeleted,
    Object,
)
from releases.deployers.kserve.rollout import Rollout, is_ready
from releases.deployers.kserve.workload import Workload
from releases.deployers.pointer import pointer, read_pointer
from releases.deployers.port import Assignment, DeployableRelease
from releases.deployers.v2 import ANSWER_SECONDS, V2Services

CALL_SECONDS = 15.0
"""How long a method that waits for no pods repeats its requests."""
ImageOf = Callable[[str, str], str | None]


def no_image(use_case: str, release_id: str) -> str | None:
    """Return no image: every release uses that of the runtime."""
    del use_case, release_id
    return None


class KServeDeployer:
    """Makes, follows and deletes InferenceServices; roles are not its concern.

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

    def ensure(
        self, environment: Environment, release: DeployableRelease, role: ServingRole
    ) -> None:
        """Make the InferenceService as the template says, and wait until all its pods are ready.

        One that is ready and unchanged is left as it is. One that is deleted meanwhile is made
        again.

        Raises:
            NotFound: there is no template.
            Conflict: there is an InferenceService of this name that the platform did not make.
        """
        deadline = time.monotonic() + self._timeout
        template = self._template(release.use_case, environment, deadline)
        what = f"release {release.release_id:.12} of {release.use_case} in {environment}"
        name = desired.service_name(release.use_case, environment, release.release_id)
        while True:
            before = self._api.find(name, deadline)
            live = self._apply(template, environment, release, before, deadline)
            rollout = Rollout(what, before)
            try:
                return self._wait(rollout, live, (environment, release, role), deadline)
            except InferenceServiceDeleted as error:
                if time.monotonic() > deadline:
                    raise UpstreamUnavailable(f"{what}: {error} while it was deployed") from error
            except ReleaseRefused:
                # Its pods would go on restarting, and tell the next attempt what they say now.
                if before is None or not is_ready(before):
                    self._api.delete(live, deadline)
                raise

    def is_ready(
        self, environment: Environment, use_case: str, release_id: str, role: ServingRole
    ) -> bool:
        """Return whether the InferenceService is ready and answers with the release.

        In Knative mode its status decides: a request would start pods that may be scaled to zero.
        While the Kubernetes API does not answer, the pods decide: a rollback must not need it.
        """
        deadline = time.monotonic() + min(self._timeout, ANSWER_SECONDS)
        name = desired.service_name(use_case, environment, release_id)
        try:
            live = self._api.find(name, deadline)
        except UpstreamUnavailable:
            return self._answers(environment, use_case, release_id, role)
        if live is None or desired.is_terminating(live) or not is_ready(live):
            return False
        if read_pointer(desired.pod_annotation(live, desired.RELEASE)) != release_id:
            return False
        return desired.is_knative(live) or self._answers(environment, use_case, release_id, role)

    def prune(
        self, environment: Environment, use_case: str, keep: Collection[Assignment]
    ) -> list[str]:
        """Begin to delete the InferenceServices of all other releases.

        Their pods answer what they have accepted, and end after that.
        """
        deadline = time.monotonic() + min(self._timeout, CALL_SECONDS)
        kept = {desired.service_name(use_case, environment, release) for release, _ in keep}
        removed = set()
        for live in self._api.select(desired.selector(use_case, environment), deadline):
            if live["metadata"]["name"] not in kept and not desired.is_terminating(live):
                self._api.delete(live, deadline)
                removed.add(desired.labels(live)[desired.RELEASE_ID])
        return sorted(removed)

    def refresh(self, environment: Environment, use_case: str) -> list[str]:
        """Apply the template to InferenceServices that are copies of an older one.

        KServe replaces their pods one by one, and keeps the old ones if the new are not ready.
        """
        deadline = time.monotonic() + min(self._timeout, CALL_SECONDS)
        found = self._api.select(desired.selector(use_case, environment), deadline)
        template = self._template(use_case, environment, deadline) if found else {}
        changed = []
        for live in found:
            release = _deployable(live)
            if release and not desired.is_copy(live, template):
                self._apply(template, environment, release, live, deadline)
                changed.append(release.release_id)
        return sorted(changed)

    def set_stable(
        self, environment: Environment, use_case: str, release: DeployableRelease | None
    ) -> None:
        """Note the stable release on the template, for people.

        Only gateways may call the pods, by the address of a release: the plain name needs none.
        """
        deadline = time.monotonic() + min(self._timeout, CALL_SECONDS)
        release_id = release.release_id if release else None
        template = self._api.find(desired.template_name(use_case, environment), deadline)
        if template is None and release_id is None:
            return
        if template is None:
            template = self._template(use_case, environment, deadline)
        self._api.apply(desired.stable_mark(template, release_id), deadline)

    def is_stable(self, environment: Environment, use_case: str, release_id: str | None) -> bool:
        """Return whether the template names this release."""
        deadline = time.monotonic() + ANSWER_SECONDS
        template = self._api.find(desired.template_name(use_case, environment), deadline)
        marked = desired.labels(template).get(desired.STABLE) if template else None
        return marked == release_id

    def _template(self, use_case: str, environment: Environment, deadline: float) -> Object:
        name = desired.template_name(use_case, environment)
        template = self._api.find(name, deadline)
        if template is None:
            raise NotFound(
                f"there is no InferenceService {name}, the template of the releases of {use_case} "
                f"in {environment}: add the use case to model-serving/inference-service/deploy "
                "and apply it"
            )
        return template

    def _apply(
        self,
        template: Object,
        environment: Environment,
        release: DeployableRelease,
        before: Object | None,
        deadline: float,
    ) -> Object:
        """Apply the objects of a release and return its InferenceService.

        One that is being deleted is returned as it is: the name is free when it has ended.
        """
        if before is not None and desired.is_terminating(before):
            return before
        if before is not None:
            desired.check_owner(before, release.release_id)
        spec = self._release(release, before)
        wanted = desired.inference_service(template, environment, spec)
        knative = desired.is_knative(template)
        live = self._api.apply(wanted, deadline)
        if not knative:
            self._api.apply(desired.front_service(live), deadline, SERVICE)
        return live

    def _release(self, release: DeployableRelease, before: Object | None) -> desired.ReleaseSpec:
        """Return the release as its pods receive it.

        The pointer that they have stays: another registry version must not start new pods.
        """
        text = desired.pod_annotation(before, desired.RELEASE) if before else ""
        if read_pointer(text) != release.release_id:
            parts = (release.use_case, release.release_id, release.uri, release.model_version)
            text = pointer(*parts).decode()
        image = self._image_of(release.use_case, release.release_id)
        return desired.ReleaseSpec(release.use_case, release.release_id, text, image)

    def _wait(
        self,
        rollout: Rollout,
        applied: Object,
        service: tuple[Environment, DeployableRelease, ServingRole],
        deadline: float,
    ) -> None:
        """Return when the pods are as the template says, and the release's Service answers."""
        environment, release, role = service
        for live in self._api.follow(applied, deadline):
            workload = None if desired.is_knative(live) else self._workload(live, deadline)
            if rollout.finished(live, workload) and self._answers(
                environment, release.use_case, release.release_id, role
            ):
                return
        raise rollout.late(self._timeout)

    def _workload(self, live: Object, deadline: float) -> Workload:
        selector = f"{desired.OWNER}={live['metadata']['name']}"
        deployments, pods = (
            self._api.select(selector, deadline, kind) for kind in (DEPLOYMENT, POD)
        )
        return Workload(deployments, pods, desired.pod_annotation(live, desired.DIGEST))

    def _answers(
        self, environment: Environment, use_case: str, release_id: str, role: ServingRole
    ) -> bool:
        try:
            return self._services.answers(environment, use_case, release_id, role)
        except UpstreamUnavailable:
            return False


def _deployable(live: Object) -> DeployableRelease | None:
    """Return the release of an InferenceService, `None` if the deployer must not change it."""
    text = desired.pod_annotation(live, desired.RELEASE)
    if desired.is_terminating(live) or not read_pointer(text):
        return None
    pointed = ReleasePointer.model_validate_json(text)
    release = DeployableRelease(
        pointed.use_case, pointed.release_id, pointed.release_uri, pointed.model_version or ""
    )
    environment = Environment(desired.labels(live)[desired.ENVIRONMENT])
    name = desired.service_name(pointed.use_case, environment, pointed.release_id)
    return release if live["metadata"]["name"] == name else None
