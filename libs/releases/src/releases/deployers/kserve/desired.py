"""The objects that the deployer applies for one release (docs/adr/0052).

The template is a stopped InferenceService of the manifests. A release's InferenceService is a copy
of it in which the template's name is replaced by the release's. The release reaches the pods as an
annotation of the pod template (docs/adr/0012).
"""

import json
from dataclasses import dataclass
from typing import Any

from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import MODEL_DIGITS
from platform_core.errors import ConfigurationError, Conflict
from platform_core.hashing import sha256_json
from releases.deployers.kserve.api import INFERENCE_SERVICE, SERVICE, Object

RELEASE = "mlplatform/release"
RELEASE_ID = "mlplatform/release-id"
DIGEST = "mlplatform/template-digest"
"""The annotation of pods with the digest of the template that they are a copy of."""
USE_CASE = "mlplatform/use-case"
ENVIRONMENT = "mlplatform/environment"
STABLE = "mlplatform/stable-release"
STOP = "serving.kserve.io/stop"
MODE = "serving.kserve.io/deploymentMode"
OWNER = "serving.kserve.io/inferenceservice"
"""The label of everything that KServe makes for an InferenceService."""
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
STANDARD = ("Standard", "RawDeployment")
KNATIVE = ("Knative", "Serverless")
# Runtimes with this format fetch the release themselves; others get its model repository.
RELEASE_FORMAT = "mlplatform-release"
HTTP_PORT = "http1"
"""The name of the port on which the containers of the manifests listen."""
# Knative labels pods with `<name>-transformer-00001`, and a label has 63 characters.
MAX_NAME = 45
PARTS = ("predictor", "transformer")


@dataclass(frozen=True)
class ReleaseSpec:
    """A release as its pods receive it: the pointer, and the image that it is pinned to, if any."""

    use_case: str
    release_id: str
    pointer: str
    image: str | None = None

    @property
    def uri(self) -> str:
        """The storage URI of the release."""
        return str(json.loads(self.pointer)["release_uri"])


def template_name(use_case: str, environment: Environment) -> str:
    """Return the name of the template, with - for _ as in host names."""
    return f"{use_case.replace('_', '-')}-{environment}-template"


def service_name(use_case: str, environment: Environment, release_id: str) -> str:
    """Return the name of a release's InferenceService and Service.

    Raises:
        ConfigurationError: it is too long for Kubernetes.
    """
    name = f"{use_case.replace('_', '-')}-{environment}-{release_id[:MODEL_DIGITS]}"
    if len(name) > MAX_NAME:
        raise ConfigurationError(
            f"the InferenceService {name!r} would have {len(name)} characters and KServe's labels "
            f"allow {MAX_NAME}; use a shorter name for the use case"
        )
    return name


def is_knative(live: Object) -> bool:
    """Return whether Knative runs an InferenceService, by its status or else by its annotation.

    Raises:
        ConfigurationError: neither Knative nor a Deployment runs it.
    """
    mode = (live.get("status") or {}).get("deploymentMode") or annotations(live).get(MODE)
    if mode not in (*STANDARD, *KNATIVE):
        raise ConfigurationError(
            f"the InferenceService {live['metadata']['name']} has {MODE}={mode!r:.50}; "
            f"its manifest must say {STANDARD[0]} or {KNATIVE[0]}"
        )
    return mode in KNATIVE


def is_terminating(live: Object) -> bool:
    """Return whether an object is being deleted."""
    return "deletionTimestamp" in live["metadata"]


def labels(live: Object) -> dict[str, str]:
    """Return the labels of an object."""
    return live["metadata"].get("labels") or {}


def annotations(live: Object) -> dict[str, str]:
    """Return the annotations of an object."""
    return live["metadata"].get("annotations") or {}


def pod_annotation(live: Object, key: str) -> str:
    """Return an annotation of the pods of an InferenceService, "" if there is none."""
    found = ((live["spec"].get("predictor") or {}).get("annotations") or {}).get(key, "")
    return str(found)


def check_owner(live: Object, release_id: str) -> None:
    """Check that an existing InferenceService is that of the release.

    Raises:
        Conflict: somebody else made it, or it belongs to another release.
    """
    owner = labels(live).get(RELEASE_ID)
    if owner == release_id:
        return
    whose = f"serves release {owner}" if owner else f"has no label {RELEASE_ID}"
    raise Conflict(
        f"the InferenceService {live['metadata']['name']} is needed for release {release_id}, but "
        f"it {whose}; the platform did not make it: rename or delete it"
    )


def selector(use_case: str, environment: Environment) -> str:
    """Return the label selector of the InferenceServices of all releases."""
    return f"{USE_CASE}={use_case},{ENVIRONMENT}={environment},{RELEASE_ID}"


def inference_service(template: Object, environment: Environment, release: ReleaseSpec) -> Object:
    """Return the InferenceService of a release."""
    name = service_name(release.use_case, environment, release.release_id)
    copied_labels, copied_annotations, _ = _content(template)
    marks = {USE_CASE: release.use_case, ENVIRONMENT: str(environment)}
    metadata: Object = {
        "name": name,
        "namespace": template["metadata"]["namespace"],
        "labels": copied_labels | marks | {RELEASE_ID: release.release_id},
        # Explicit, so that a service that was stopped by hand starts again.
        "annotations": copied_annotations | {STOP: "false"},
    }
    spec = _renamed(template["spec"], template["metadata"]["name"], name)
    _set_model(spec["predictor"], release)
    marks = {RELEASE: release.pointer, DIGEST: _digest(template)}
    for part in (spec[part] for part in PARTS if part in spec):
        part["labels"] = (part.get("labels") or {}) | {RELEASE_ID: release.release_id}
        part["annotations"] = (part.get("annotations") or {}) | marks
    return _object(INFERENCE_SERVICE, metadata) | {"spec": spec}


def is_copy(live: Object, template: Object) -> bool:
    """Return whether an InferenceService is a copy of the template as it is now."""
    return pod_annotation(live, DIGEST) == _digest(template)


def front_service(live: Object) -> Object:
    """Return the Service `<name>` of an InferenceService in Standard mode; KServe makes it in
    Knative mode only. The server deletes it together with the InferenceService.
    """
    name = live["metadata"]["name"]
    owner = {key: live[key] for key in ("apiVersion", "kind")}
    owner |= {key: live["metadata"][key] for key in ("name", "uid")}
    kept = {k: v for k, v in labels(live).items() if k.partition("/")[0] != "serving.kserve.io"}
    metadata = {
        "name": name,
        "namespace": live["metadata"]["namespace"],
        "labels": kept,
        "ownerReferences": [owner],
    }
    front = "transformer" if "transformer" in live["spec"] else "predictor"
    port = {"name": "http", "port": 80, "targetPort": HTTP_PORT, "protocol": "TCP"}
    spec = {
        "selector": {OWNER: name, "component": front},
        "ports": [port | {"appProtocol": "http"}],
    }
    return _object(SERVICE, metadata) | {"spec": spec}


def stable_mark(template: Object, release_id: str | None) -> Object:
    """Return the part of the template that names the stable release."""
    metadata = {key: template["metadata"][key] for key in ("name", "namespace")}
    marks = {"labels": {STABLE: release_id}} if release_id else {}
    return _object(INFERENCE_SERVICE, metadata | marks)


def _content(template: Object) -> tuple[dict[str, str], dict[str, str], Object]:
    """Return the labels, annotations and spec that releases get."""
    kept_labels = {k: v for k, v in labels(template).items() if k != STABLE}
    kept = {k: v for k, v in annotations(template).items() if k != LAST_APPLIED}
    return kept_labels, kept, template["spec"]


def _digest(template: Object) -> str:
    return sha256_json(_content(template))[:16]


def _object(kind: tuple[str, str, str], metadata: Object) -> Object:
    version, name, _ = kind
    return {"apiVersion": version, "kind": name, "metadata": metadata}


def _renamed(value: Any, old: str, new: str) -> Any:
    """Return a copy in which every string that equals `old` is `new`."""
    if isinstance(value, dict):
        return {key: _renamed(content, old, new) for key, content in value.items()}
    if isinstance(value, list):
        return [_renamed(content, old, new) for content in value]
    return new if value == old else value


def _set_model(predictor: Object, release: ReleaseSpec) -> None:
    model = predictor.get("model")
    if model and model["modelFormat"]["name"] != RELEASE_FORMAT:
        model["storageUri"] = f"{release.uri}/model"
    elif model and release.image:
        model["image"] = release.image
