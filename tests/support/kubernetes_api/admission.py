"""What a real API server refuses or adds: KServe's webhooks, quotas, Pod Security, validation.

Sources: kserve v0.20 `pkg/apis/serving/v1beta1/inference_service_validation.go`,
`pkg/webhook/admission/{servingruntime,pod}`; Kubernetes' `pkg/apis/policy/validation` and the Pod
Security Standards.
"""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from kubernetes.utils.quantity import parse_quantity
from kubernetes_api.store import Object, ObjectStore, StatusError

MODE = "serving.kserve.io/deploymentMode"
AGENT = "internal.serving.kserve.io/agent"
STANDARD = "Standard"
NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
FIXED = ("maxReplicas", "scaleTarget", "scaleMetric", "autoScaling")
"""A canary has a fixed number of replicas."""
AGENT_CONTAINER: Object = {
    "name": "agent",
    "args": ["--enable-puller"],
    "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
}


class Admission:
    """Checks and completes the objects of `stores`; `levels` are Pod Security's, by namespace."""

    def __init__(self, stores: dict[str, ObjectStore], levels: dict[str, str]) -> None:
        self._stores = stores
        self._levels = levels

    def of(self, resource: str) -> Callable[[Object | None, Object], Object]:
        """Return the check of a resource: old and new object → the object that is stored."""
        checks: dict[str, Callable[[Object | None, Object], Object]] = {
            "inferenceservices": self._inference_service,
            "servingruntimes": self._serving_runtime,
            "poddisruptionbudgets": self._disruption_budget,
            "pods": self._pod,
        }
        return checks.get(resource, lambda _, new: new)

    def _inference_service(self, old: Object | None, new: Object) -> Object:
        model = new["spec"].get("predictor", {}).get("model")
        if model is not None and not (model.get("modelFormat") or {}).get("name"):
            raise _invalid(new, "spec.predictor.model.modelFormat: Required value")
        for reason in _inference_service_problems(old, new):
            raise _denied("inferenceservice", reason)
        return new

    def _serving_runtime(self, old: Object | None, new: Object) -> Object:
        del old
        priorities: dict[str, Any] = {}
        for model_format in new["spec"].get("supportedModelFormats") or []:
            name, priority = model_format["name"], model_format.get("priority")
            if not model_format.get("autoSelect"):
                continue
            if None not in (priority, priorities.setdefault(name, priority)) and (
                priorities[name] != priority
            ):
                raise _denied(
                    "servingruntime",
                    f"different priorities assigned for the model format {name} under the "
                    f"servingruntime {new['metadata']['name']}",
                )
        return new

    def _disruption_budget(self, old: Object | None, new: Object) -> Object:
        del old
        if {"minAvailable", "maxUnavailable"} <= set(new["spec"]):
            raise _invalid(new, "spec: minAvailable and maxUnavailable cannot be both set")
        return new

    def _pod(self, old: Object | None, new: Object) -> Object:
        if old is not None:
            return new
        containers = new["spec"]["containers"]
        injected = any(c["name"] == "agent" for c in containers)
        if (new["metadata"].get("annotations") or {}).get(AGENT) and not injected:
            containers.append(AGENT_CONTAINER)
        namespace, name = new["metadata"]["namespace"], new["metadata"]["name"]
        if self._levels.get(namespace) == "restricted":
            checked = [*containers, *new["spec"].get("initContainers", [])]
            violations = [v for c in checked for v in _restricted(c, new["spec"])]
            if violations:
                raise _forbidden(
                    f'pods "{name}" is forbidden: violates PodSecurity "restricted:latest": '
                    + ", ".join(violations)
                )
        self._check_quotas(namespace, new)
        return new

    def _check_quotas(self, namespace: str, pod: Object) -> None:
        pods = [*self._stores["pods"].list(namespace)["items"], pod]
        for quota in self._stores["resourcequotas"].list(namespace)["items"]:
            for key, hard in quota["spec"]["hard"].items():
                used = sum((_demand(p, key) for p in pods[:-1]), Decimal(0))
                requested = _demand(pod, key)
                if used + requested > parse_quantity(hard):
                    raise _forbidden(
                        f'pods "{pod["metadata"]["name"]}" is forbidden: exceeded quota: '
                        f"{quota['metadata']['name']}, requested: {key}={requested}, "
                        f"used: {key}={used}, limited: {key}={hard}"
                    )


def check_deployment_status(new: Object) -> None:
    """Refuse a status of a Deployment that the API server would not store."""
    status = new.get("status") or {}
    if status.get("availableReplicas", 0) > status.get("readyReplicas", 0):
        raise _invalid(new, "status.availableReplicas: cannot be greater than readyReplicas")


def is_multi_model(predictor: Object) -> bool:
    """Return whether KServe takes a predictor for a multi-model server and adds its agent."""
    if predictor.get("containers"):
        return False
    model = predictor.get("model") or {}
    return not (model.get("storageUri") or model.get("storage") or predictor.get("storageUris"))


def _inference_service_problems(old: Object | None, new: Object) -> Iterator[str]:
    name, spec = new["metadata"]["name"], new["spec"]
    annotations = new["metadata"].get("annotations") or {}
    if not NAME.fullmatch(name):
        yield f'the InferenceService "{name}" is invalid: a name must match {NAME.pattern}'
    mode = ((old or {}).get("status") or {}).get("deploymentMode")
    if mode and annotations.get(MODE, mode) != mode:
        yield (
            f"update rejected: deploymentMode cannot be changed from '{mode}' to "
            f"'{annotations[MODE]}'"
        )
    scaler = annotations.get("serving.kserve.io/autoscalerClass", "hpa")
    if scaler not in ("hpa", "keda", "external", "none"):
        yield f"[{scaler}] is not a supported autoscaler class type"
    yield from _implementation_problems(spec.get("predictor") or {})
    if spec.get("canary") and annotations.get(MODE) != STANDARD:
        yield f"canary is only supported in {STANDARD} deployment mode"
    for canary in spec.get("canary") or []:
        yield from _canary_problems(canary)


def _canary_problems(canary: Object) -> Iterator[str]:
    predictor, percent = canary["predictor"], canary["trafficPercent"]
    name = predictor.get("name")
    if not name:
        yield "canary[0] predictor.name is required"
    if not 0 <= percent <= 100:
        yield f'canary "{name}" trafficPercent must be between 0 and 100, got {percent}'
    yield from (f'canary "{name}" predictor: {p}' for p in _implementation_problems(predictor))
    yield from (
        f'canary "{name}" must not set {key} (canary uses fixed replicas)'
        for key in FIXED
        if key in predictor
    )


def _implementation_problems(predictor: Object) -> Iterator[str]:
    custom = any(c.get("name") == "kserve-container" for c in predictor.get("containers") or [])
    if bool(predictor.get("model")) + custom != 1:
        yield "Exactly one of [Custom, Model] must be specified in PredictorSpec"


def _restricted(container: Object, pod: Object) -> Iterator[str]:
    """Yield the violations of Pod Security's level `restricted`."""
    own, whole = container.get("securityContext") or {}, pod.get("securityContext") or {}
    what = f'container "{container["name"]}"'
    if own.get("allowPrivilegeEscalation") is not False:
        yield f"allowPrivilegeEscalation != false ({what})"
    if "ALL" not in (own.get("capabilities") or {}).get("drop", []):
        yield f'unrestricted capabilities ({what} must set capabilities.drop=["ALL"])'
    if not own.get("runAsNonRoot", whole.get("runAsNonRoot")):
        yield f"runAsNonRoot != true ({what})"
    profile = own.get("seccompProfile") or whole.get("seccompProfile") or {}
    if profile.get("type") not in ("RuntimeDefault", "Localhost"):
        yield f"seccompProfile ({what})"


def _demand(pod: Object, key: str) -> Decimal:
    """Return how much of a quota a pod takes: `pods`, or `<requests|limits>.<resource>`."""
    if key == "pods":
        return Decimal(1)
    kind, _, resource = key.partition(".")
    values = [(c.get("resources") or {}).get(kind) or {} for c in pod["spec"]["containers"]]
    total: Decimal = sum((parse_quantity(v[resource]) for v in values if resource in v), Decimal(0))
    return total


def _denied(webhook: str, reason: str) -> StatusError:
    return _forbidden(
        f'admission webhook "{webhook}.kserve-webhook-server.validator" denied the request: '
        + reason
    )


def _forbidden(message: str) -> StatusError:
    return StatusError(HTTPStatus.FORBIDDEN, "Forbidden", message)


def _invalid(value: Object, reason: str) -> StatusError:
    what = f'{value["kind"]} "{value["metadata"]["name"]}" is invalid: {reason}'
    return StatusError(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid", what)
