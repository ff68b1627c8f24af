"""What a deployer decides of an InferenceService, as the configuration it applies.

The release reaches the pods as an annotation of the pod template (docs/adr/0012). A field that is
not in the configuration any more is removed by the server, so each configuration is complete.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from platform_core.contracts.environments import Environment
from releases.deployers.kserve.api import GROUP, VERSION, Object
from releases.deployers.pointer import pointer

RELEASE = "mlplatform/release"
RELEASE_ID = "mlplatform/release-id"
# KServe copies what the object is annotated with into the pods: it changes with a deployment only.
STABLE = "mlplatform/stable-release"
STOP = "serving.kserve.io/stop"
MODE = "serving.kserve.io/deploymentMode"
# Runtimes that know releases fetch them themselves; others get the model repository in it.
RELEASE_FORMAT = "mlplatform-release"


@dataclass(frozen=True)
class Deployed:
    """One release as the pods get it: the pointer, and the image it is pinned to if any."""

    pointer: str
    image: str | None = None

    @property
    def release_id(self) -> str:
        """The release's id."""
        return json.loads(self.pointer)["release_id"]

    @property
    def release_uri(self) -> str:
        """Where the release is stored."""
        return json.loads(self.pointer)["release_uri"]


@dataclass(frozen=True)
class Canary:
    """A release that gets `percent` (1 to 99) of the requests, and what gets the others."""

    release: Deployed
    percent: int


@dataclass(frozen=True)
class Desired:
    """What an InferenceService should serve; nothing at all stops it."""

    release: Deployed | None = None
    canary: Canary | None = None

    def without_canary(self) -> "Desired":
        """Return the same without the canary."""
        return replace(self, canary=None)


def deployed(
    use_case: str, release_id: str, release_uri: str, model_version: str, image: str | None
) -> Deployed:
    """Return a release as the pods get it."""
    text = pointer(use_case, release_id, release_uri, model_version).decode()
    return Deployed(text, image)


def service_name(use_case: str, environment: Environment) -> str:
    """Return the name of the InferenceService; host names have - for _."""
    return f"{use_case.replace('_', '-')}-{environment}"


def is_serverless(live: Object) -> bool:
    """Say whether Knative runs it: there every change of the template is a revision."""
    mode = (live["metadata"].get("annotations") or {}).get(MODE, "")
    return (live.get("status", {}).get("deploymentMode") or mode) in ("Knative", "Serverless")


def read(live: Object) -> Desired:
    """Return what an InferenceService is told to serve."""
    spec, annotations = live["spec"], live["metadata"].get("annotations") or {}
    newest = _deployed(spec.get("predictor") or {})
    if STOP in annotations or newest is None:
        return Desired()
    percent = spec["predictor"].get("canaryTrafficPercent")
    if percent is not None and STABLE in annotations:
        return Desired(Deployed(**json.loads(annotations[STABLE])), Canary(newest, percent))
    for canary in spec.get("canary") or []:
        beside = _deployed(canary["predictor"])
        if beside:
            return Desired(newest, Canary(beside, canary["trafficPercent"]))
    return Desired(newest)


def configuration(live: Object, desired: Desired) -> Object:
    """Return what to apply so that `live`, and no later state of it, serves `desired`."""
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


def _spec(live: Object, release: Deployed, canary: Canary | None) -> Object:
    spec: Object = {"predictor": _predictor(live, release)}
    if "transformer" in live["spec"]:
        spec["transformer"] = _template(release)
    if canary and is_serverless(live):
        share = {"canaryTrafficPercent": canary.percent}
        spec["predictor"] = _predictor(live, canary.release) | share
    elif canary:
        spec["canary"] = [_standard_canary(live, canary)]
    return spec


def _deployed(predictor: Object) -> Deployed | None:
    text = (predictor.get("annotations") or {}).get(RELEASE)
    image = (predictor.get("model") or {}).get("image")
    return Deployed(text, image) if text else None


def _template(release: Deployed) -> Object:
    return {
        "labels": {RELEASE_ID: release.release_id},
        "annotations": {RELEASE: release.pointer},
    }


def _predictor(live: Object, release: Deployed) -> Object:
    model: dict[str, Any] = {}
    if live["spec"]["predictor"]["model"]["modelFormat"]["name"] != RELEASE_FORMAT:
        model["storageUri"] = f"{release.release_uri}/model"
    elif release.image:
        model["image"] = release.image
    return _template(release) | ({"model": model} if model else {})


def _standard_canary(live: Object, canary: Canary) -> Object:
    """KServe lays it over the stable predictor; its pods are a Deployment of their own."""
    name = {"name": f"release-{canary.release.release_id:.12}"}
    overlay = name | _predictor(live, canary.release)
    return {"trafficPercent": canary.percent, "predictor": overlay}
