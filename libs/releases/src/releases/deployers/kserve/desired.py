"""The configuration that the deployer applies to an InferenceService.

The release reaches the pods as an annotation of the pod template (docs/adr/0012). The server
removes fields that are no longer in the configuration, so every configuration is complete.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from platform_core.contracts.environments import Environment
from releases.deployers.kserve.api import GROUP, VERSION, Object
from releases.deployers.pointer import pointer

RELEASE = "mlplatform/release"
RELEASE_ID = "mlplatform/release-id"
# KServe copies the object's annotations into the pods, so it may change with a deployment only.
STABLE = "mlplatform/stable-release"
STOP = "serving.kserve.io/stop"
MODE = "serving.kserve.io/deploymentMode"
# Runtimes with this format fetch the release themselves; others get its model repository.
RELEASE_FORMAT = "mlplatform-release"


@dataclass(frozen=True)
class DeployedRelease:
    """A release as the pods receive it: the pointer, and the image that it is pinned to, if any."""

    pointer: str
    image: str | None = None

    @property
    def release_id(self) -> str:
        """The release's id."""
        return str(json.loads(self.pointer)["release_id"])

    @property
    def release_uri(self) -> str:
        """The storage URI of the release."""
        return str(json.loads(self.pointer)["release_uri"])


@dataclass(frozen=True)
class CanaryState:
    """A release that gets `percent` (1 to 99) of the requests."""

    release: DeployedRelease
    percent: int


@dataclass(frozen=True)
class DesiredState:
    """What an InferenceService should serve; without a release it is stopped."""

    release: DeployedRelease | None = None
    canary: CanaryState | None = None

    def without_canary(self) -> "DesiredState":
        """Return this state without the canary."""
        return replace(self, canary=None)


def deployed(
    use_case: str, release_id: str, release_uri: str, model_version: str, image: str | None
) -> DeployedRelease:
    """Return a release as the pods receive it."""
    text = pointer(use_case, release_id, release_uri, model_version).decode()
    return DeployedRelease(text, image)


def service_name(use_case: str, environment: Environment) -> str:
    """Return the name of the InferenceService, with - for _ as in host names."""
    return f"{use_case.replace('_', '-')}-{environment}"


def is_serverless(live: Object) -> bool:
    """Say whether Knative runs it; there, every change of the template is a revision."""
    mode = (live["metadata"].get("annotations") or {}).get(MODE, "")
    return (live.get("status", {}).get("deploymentMode") or mode) in ("Knative", "Serverless")


def read(live: Object) -> DesiredState:
    """Return the state that an InferenceService is configured to serve."""
    spec, annotations = live["spec"], live["metadata"].get("annotations") or {}
    newest = _deployed(spec.get("predictor") or {})
    if STOP in annotations or newest is None:
        return DesiredState()
    percent = spec["predictor"].get("canaryTrafficPercent")
    if percent is not None and STABLE in annotations:
        stable = DeployedRelease(**json.loads(annotations[STABLE]))
        return DesiredState(stable, CanaryState(newest, percent))
    for canary in spec.get("canary") or []:
        release = _deployed(canary["predictor"])
        if release:
            return DesiredState(newest, CanaryState(release, canary["trafficPercent"]))
    return DesiredState(newest)


def configuration(live: Object, desired: DesiredState) -> Object:
    """Return the configuration that makes this version of `live` serve `desired`."""
    metadata: Object = {
        "name": live["metadata"]["name"],
        "namespace": live["metadata"]["namespace"],
        "resourceVersion": live["metadata"]["resourceVersion"],
    }
    whole = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "InferenceService", "metadata": metadata}
    if desired.release is None:
        metadata["annotations"] = {STOP: "true"}
        return whole
    metadata["labels"] = {RELEASE_ID: desired.release.release_id}
    metadata["annotations"] = {STABLE: json.dumps(asdict(desired.release))}
    return whole | {"spec": _spec(live, desired.release, desired.canary)}


def _spec(live: Object, release: DeployedRelease, canary: CanaryState | None) -> Object:
    spec: Object = {"predictor": _predictor(live, release)}
    if "transformer" in live["spec"]:
        spec["transformer"] = _template(release)
    if canary and is_serverless(live):
        share = {"canaryTrafficPercent": canary.percent}
        spec["predictor"] = _predictor(live, canary.release) | share
    elif canary:
        spec["canary"] = [_standard_canary(live, canary)]
    return spec


def _deployed(predictor: Object) -> DeployedRelease | None:
    text = (predictor.get("annotations") or {}).get(RELEASE)
    image = (predictor.get("model") or {}).get("image")
    return DeployedRelease(text, image) if text else None


def _template(release: DeployedRelease) -> Object:
    return {
        "labels": {RELEASE_ID: release.release_id},
        "annotations": {RELEASE: release.pointer},
    }


def _predictor(live: Object, release: DeployedRelease) -> Object:
    model: dict[str, Any] = {}
    if live["spec"]["predictor"]["model"]["modelFormat"]["name"] != RELEASE_FORMAT:
        model["storageUri"] = f"{release.release_uri}/model"
    elif release.image:
        model["image"] = release.image
    return _template(release) | ({"model": model} if model else {})


def _standard_canary(live: Object, canary: CanaryState) -> Object:
    """KServe merges it over the stable predictor; its pods form a separate Deployment."""
    name = {"name": f"release-{canary.release.release_id:.12}"}
    overlay = name | _predictor(live, canary.release)
    return {"trafficPercent": canary.percent, "predictor": overlay}
