"""The configuration that the deployer applies to an InferenceService.

The release reaches the pods as an annotation of the pod template (docs/adr/0012). The server
removes fields that are no longer in the configuration, so every configuration is complete.
"""

import json
from dataclasses import dataclass
from typing import Any

from platform_core.contracts.environments import Environment
from releases.deployers.kserve.api import GROUP, VERSION, Object
from releases.deployers.pointer import pointer

RELEASE = "mlplatform/release"
RELEASE_ID = "mlplatform/release-id"
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


def read(live: Object) -> DeployedRelease | None:
    """Return the release that an InferenceService is configured to serve, `None` if it is stopped
    or has none.
    """
    if STOP in (live["metadata"].get("annotations") or {}):
        return None
    predictor = live["spec"].get("predictor") or {}
    text = release_of(predictor)
    return DeployedRelease(text, (predictor.get("model") or {}).get("image")) if text else None


def release_of(template: Object) -> str | None:
    """Return the pointer in the annotations of a predictor, a pod template or a pod's metadata."""
    text: str | None = (template.get("annotations") or {}).get(RELEASE)
    return text


def configuration(live: Object, release: DeployedRelease | None) -> Object:
    """Return the configuration that makes this version of `live` serve `release`, or stop."""
    metadata: Object = {
        "name": live["metadata"]["name"],
        "namespace": live["metadata"]["namespace"],
        "resourceVersion": live["metadata"]["resourceVersion"],
    }
    whole = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "InferenceService", "metadata": metadata}
    if release is None:
        metadata["annotations"] = {STOP: "true"}
        return whole
    metadata["labels"] = {RELEASE_ID: release.release_id}
    spec: Object = {"predictor": _predictor(live, release)}
    if "transformer" in live["spec"]:
        spec["transformer"] = _template(release)
    return whole | {"spec": spec}


def _template(release: DeployedRelease) -> Object:
    return {
        "labels": {RELEASE_ID: release.release_id},
        "annotations": {RELEASE: release.pointer},
    }


def _predictor(live: Object, release: DeployedRelease) -> Object:
    model: dict[str, Any] = {}
    present = live["spec"]["predictor"].get("model")
    if present and present["modelFormat"]["name"] != RELEASE_FORMAT:
        model["storageUri"] = f"{release.release_uri}/model"
    elif present and release.image:
        model["image"] = release.image
    return _template(release) | ({"model": model} if model else {})
