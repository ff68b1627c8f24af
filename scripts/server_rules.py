"""What an API server refuses although the schema of the object allows it.

Sources: k8s.io/kubernetes pkg/apis/{core,apps,policy,autoscaling}/validation, the LimitRanger
admission plugin, and the Pod Security Standards.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from kubernetes.utils.quantity import parse_quantity
from manifest_rules import VOLUMES, Pod, Problems, pods
from manifests import Manifest, names

HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
DEFAULT_REQUEST = {"cpu": "50m", "memory": "128Mi"}
"""`default_request` of the LimitRange in terraform/ml-platform/main.namespaces.tf."""
Demands = Mapping[str, Any]


def quantity(text: str | int | float) -> Decimal:
    """Return a resource quantity as a number of cores or bytes."""
    return parse_quantity(str(text))


def refused(manifests: Sequence[Manifest]) -> list[str]:
    """Return what a server would refuse in `manifests`, whatever cluster it belongs to."""
    counts = Counter(names(m) for m in manifests)
    found = [f"{name}: is there {count} times" for name, count in counts.items() if count > 1]
    for manifest in manifests:
        found += [*_budget(manifest), *_scaling(manifest), *_strategy(manifest), *_labels(manifest)]
        for pod in pods(manifest):
            found += [*_volumes(pod), *_containers(pod)]
    return found


def _budget(manifest: Manifest) -> Problems:
    both = [key for key in ("minAvailable", "maxUnavailable") if key in manifest.get("spec", {})]
    if manifest["kind"] == "PodDisruptionBudget" and len(both) > 1:
        yield f"{names(manifest)}: minAvailable and maxUnavailable cannot both be set"


def _scaling(manifest: Manifest) -> Problems:
    spec = manifest.get("spec") or {}
    if manifest["kind"] == "HorizontalPodAutoscaler":
        fewest, most = spec.get("minReplicas", 1), spec["maxReplicas"]
        if most < fewest:
            yield f"{names(manifest)}: maxReplicas {most} is below minReplicas {fewest}"


def _strategy(manifest: Manifest) -> Problems:
    if manifest["kind"] != "Deployment":
        return
    strategy = manifest["spec"].get("strategy") or {}
    rolling = strategy.get("rollingUpdate") or {}
    if strategy.get("type") == "Recreate" and rolling:
        yield f"{names(manifest)}: rollingUpdate is set, and the strategy is Recreate"
    steps = [str(rolling.get(key, "25%")) for key in ("maxSurge", "maxUnavailable")]
    if all(step in {"0", "0%"} for step in steps):
        yield f"{names(manifest)}: maxSurge and maxUnavailable cannot both be 0"


def _labels(manifest: Manifest) -> Problems:
    if manifest["kind"] not in {"Deployment", "StatefulSet", "DaemonSet"}:
        return
    wanted = manifest["spec"]["selector"].get("matchLabels", {})
    actual = manifest["spec"]["template"].get("metadata", {}).get("labels", {})
    if not wanted.items() <= actual.items():
        yield f"{names(manifest)}: its selector does not match the labels of its pods"


def _volumes(pod: Pod) -> Problems:
    volumes = pod.spec.get("volumes") or []
    claims = pod.owner.get("spec", {}).get("volumeClaimTemplates") or []
    known = {v["name"] for v in volumes} | {c["metadata"]["name"] for c in claims}
    for volume in volumes:
        if len(set(volume) - {"name"}) > 1:
            kinds = ", ".join(sorted(set(volume) - {"name"}))
            yield f"{pod.name}: volume {volume['name']} has more than one type: {kinds}"
    for container in pod.containers:
        for mount in container.get("volumeMounts") or []:
            if mount["name"] not in known:
                yield f"{pod.name}, container {container['name']}: no volume {mount['name']}"
        paths = Counter(m["mountPath"] for m in container.get("volumeMounts") or [])
        for path in (path for path, count in paths.items() if count > 1):
            yield f"{pod.name}, container {container['name']}: mounts {path} twice"


def _containers(pod: Pod) -> Problems:
    counts = Counter(c["name"] for c in pod.containers)
    for name in (name for name, count in counts.items() if count > 1):
        yield f"{pod.name}: has two containers {name}"
    for container in pod.containers:
        where = f"{pod.name}, container {container['name']}"
        for variable in container.get("env") or []:
            if variable.get("value") and variable.get("valueFrom"):
                yield f"{where}: {variable['name']} has both value and valueFrom"
        for probe in (key for key in PROBES if container.get(key)):
            handlers = [key for key in HANDLERS if container[probe].get(key) is not None]
            if len(handlers) != 1:
                yield f"{where}: {probe} has {' and '.join(handlers) or 'no handler'}"
        yield from _requests(where, container)


def _requests(where: str, container: Mapping[str, Any]) -> Problems:
    resources = container.get("resources") or {}
    requests, limits = (resources.get(key) or {} for key in ("requests", "limits"))
    for name in sorted(set(requests) & set(limits)):
        if quantity(requests[name]) > quantity(limits[name]):
            yield f"{where}: requests {requests[name]} of {name}, and its limit is {limits[name]}"


def not_admitted(
    manifests: Sequence[Manifest], namespace: str, demands: Mapping[str, Demands]
) -> Iterator[str]:
    """Yield what the LimitRange and the Pod Security of its namespace refuse of each pod.

    `demands` has the sizes and the Pod Security level of each namespace; objects without one
    go to `namespace`.
    """
    for manifest in manifests:
        place = manifest["metadata"].get("namespace", namespace)
        for pod in pods(manifest) if place in demands else ():
            for container in pod.containers:
                where = f"{pod.name}, container {container['name']}"
                yield from _limits(where, container, demands[place])
            yield from _pod_security(pod, demands[place]["pod_security"])


def _limits(where: str, container: Mapping[str, Any], demands: Demands) -> Problems:
    resources = container.get("resources") or {}
    requests, limits = (resources.get(key) or {} for key in ("requests", "limits"))
    default = {"cpu": demands["container_cpu"], "memory": demands["default_memory"]}
    most = {"cpu": demands["container_cpu"], "memory": demands["container_memory"]}
    for name in ("cpu", "memory"):
        limit = limits.get(name, default[name])
        request = requests.get(name, limits.get(name, DEFAULT_REQUEST[name]))
        if quantity(request) > quantity(limit):
            yield f"{where}: requests {request} of {name}, and its limit is {limit} by default"
        if quantity(limit) > quantity(most[name]):
            yield f"{where}: its limit of {limit} {name} is above {most[name]}"


def _pod_security(pod: Pod, level: str) -> Problems:
    if level == "privileged":
        return
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.spec.get(key):
            yield f"{pod.name}: {key} is set, which Pod Security {level} forbids"
    for volume in pod.spec.get("volumes") or []:
        kinds = set(volume) - {"name"}
        if "hostPath" in kinds or (level == "restricted" and not kinds <= VOLUMES):
            yield f"{pod.name}: Pod Security {level} forbids volume {volume['name']}"
    for container in pod.containers:
        missing = [
            *_baseline(container),
            *(_restricted(pod, container) if level == "restricted" else ()),
        ]
        if missing:
            reasons = ", ".join(missing)
            where = f"{pod.name}, container {container['name']}"
            yield f"{where}: Pod Security {level} refuses it: {reasons}"


def _baseline(container: Mapping[str, Any]) -> Iterator[str]:
    context = container.get("securityContext") or {}
    if context.get("privileged"):
        yield "privileged"
    if any(port.get("hostPort") for port in container.get("ports") or []):
        yield "hostPort"


def _restricted(pod: Pod, container: Mapping[str, Any]) -> Iterator[str]:
    own = container.get("securityContext") or {}
    context = {**(pod.spec.get("securityContext") or {}), **own}
    capabilities = own.get("capabilities") or {}
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false"
    if "ALL" not in capabilities.get("drop", []):
        yield "capabilities are not dropped"
    if not set(capabilities.get("add") or []) <= {"NET_BIND_SERVICE"}:
        yield "capabilities are added"
    if context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0:
        yield "may run as root"
    if (context.get("seccompProfile") or {}).get("type") not in {"RuntimeDefault", "Localhost"}:
        yield "no seccomp profile"
