"""Rules for every manifest of the platform; each rule yields its violations as sentences."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from manifests import REGISTRY, TAG, Manifest, names, walk

VOLUMES = {"configMap", "downwardAPI", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
MIN_IN_PRODUCTION = 2
# A single replica by design: neither must run twice.
SINGLE = {("Deployment", "training-scheduler"), ("Deployment", "release-controller")}
FINITE = {"CronJob", "Job"}
# The first two deploy and repair releases; the head of Ray resizes its cluster.
CALLS_THE_API = {
    ("Deployment", "release-controller"),
    ("CronJob", "releases"),
    ("RayCluster", "ray"),
}
Problems = Iterator[str]


@dataclass(frozen=True)
class Pod:
    """A pod template."""

    owner: Manifest
    path: str
    labels: dict[str, str]
    spec: dict[str, Any]

    @property
    def name(self) -> str:
        """The object it belongs to, and its path there."""
        return f"{names(self.owner)} {self.path}"

    @property
    def containers(self) -> list[dict[str, Any]]:
        """All containers, init containers first."""
        return [*self.spec.get("initContainers", []), *self.spec.get("containers", [])]


def pods(manifest: Manifest) -> list[Pod]:
    """Return every pod template of an object of any kind."""
    if manifest["kind"] == "ServingRuntime":
        return [Pod(manifest, "spec", {}, manifest["spec"])]
    if manifest["kind"] == "InferenceService":
        parts = [p for p in ("predictor", "transformer") if p in manifest["spec"]]
        specs = {part: manifest["spec"][part] for part in parts}
        return [Pod(manifest, p, s.get("labels", {}), s) for p, s in specs.items()]
    found = []
    for path, node in walk(manifest.get("spec", {})):
        if path and path[-1] == "template" and isinstance(node, dict) and "spec" in node:
            labels = node.get("metadata", {}).get("labels", {})
            if "containers" in node["spec"]:
                found.append(Pod(manifest, "/".join(map(str, path)), labels, node["spec"]))
    return found


def restricted(pod: Pod) -> Problems:
    """Check Pod Security `restricted`, and that the root file system is read-only."""
    for key in ("hostNetwork", "hostPID", "hostIPC", "hostUsers"):
        if pod.spec.get(key):
            yield f"{pod.name}: {key} is set"
    for volume in pod.spec.get("volumes", []):
        if not set(volume) - {"name"} <= VOLUMES:
            allowed = ", ".join(sorted(VOLUMES))
            yield f"{pod.name}: volume {volume['name']} has none of the types {allowed}"
    for container in pod.containers:
        yield from _confined(pod, container)
    sidecar = pod.owner["spec"].get("autoscalerOptions")
    if sidecar:
        yield from _confined(pod, {"name": "autoscaler", **sidecar})


def _confined(pod: Pod, container: dict[str, Any]) -> Problems:
    where = f"{pod.name}, container {container['name']}"
    own = container.get("securityContext", {})
    context = {**pod.spec.get("securityContext", {}), **own}
    if context.get("runAsNonRoot") is not True or not context.get("runAsUser", 0):
        yield f"{where}: may run as root (runAsNonRoot: true and runAsUser are needed)"
    if own.get("readOnlyRootFilesystem") is not True:
        yield f"{where}: its root file system is writable"
    if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
        yield f"{where}: may gain privileges"
    if own.get("capabilities") != {"drop": ["ALL"]}:
        yield f"{where}: does not drop all capabilities"
    if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield f"{where}: has no seccomp profile RuntimeDefault"


def equipped(pod: Pod) -> Problems:
    """Check resources, and for containers that stay: probes, and that /tmp is a volume."""
    for container in pod.containers:
        where = f"{pod.name}, container {container['name']}"
        for bound in ("requests", "limits"):
            if not {"cpu", "memory"} <= set(container.get("resources", {}).get(bound, {})):
                yield f"{where}: has no {bound} for cpu and memory"
        if container in pod.spec.get("initContainers", []):
            continue  # Kubernetes takes no probes for it
        if pod.owner["kind"] not in FINITE and "livenessProbe" not in container:
            yield f"{where}: has no livenessProbe"
        if "/tmp" not in {mount["mountPath"] for mount in container.get("volumeMounts", [])}:  # noqa: S108
            yield f"{where}: has no volume at /tmp"


def identified(pod: Pod) -> Problems:
    """Check the service account, and that a pod gets no token or variables without need."""
    if pod.owner["kind"] == "ServingRuntime":
        return  # its InferenceService names the service account
    if pod.spec.get("serviceAccountName", "default") == "default":
        yield f"{pod.name}: has no dedicated service account"
    allowed = _which(pod.owner) in CALLS_THE_API or pod.owner["kind"] == "RayJob"
    if pod.spec.get("automountServiceAccountToken") is not False and not allowed:
        yield f"{pod.name}: gets a Kubernetes token that it does not need"
    if pod.spec.get("enableServiceLinks") is not False:
        yield f"{pod.name}: gets variables for every Service (enableServiceLinks is not false)"


def labelled_for_azure(pod: Pod) -> Problems:
    """Check that a pod states whether it has an identity of Azure."""
    if pod.owner["kind"] == "ServingRuntime":
        return  # its InferenceService has the label
    if pod.labels.get("azure.workload.identity/use") not in {"true", "false"}:
        yield f"{pod.name}: has no label azure.workload.identity/use"


def without_azure(manifest: Manifest) -> Problems:
    """Check that nothing needs Azure: no identity, vault or storage class of it."""
    if manifest["kind"] in {"ExternalSecret", "SecretProviderClass"}:
        yield f"{names(manifest)}: comes from a vault; name a Secret"
    for path, node in walk(manifest):
        text = f"{path[-1] if path else ''}={node}" if not isinstance(node, dict | list) else ""
        found = re.search(r"azure\.workload|managed-csi|\.(azurecr\.io|windows\.net)", text)
        if found:
            yield f"{names(manifest)} {'/'.join(map(str, path))}: {found[0]} is of Azure"


def _which(manifest: Manifest) -> tuple[str, str]:
    return manifest["kind"], manifest["metadata"]["name"]


def enough_replicas(manifest: Manifest) -> Problems:
    """Check that production has at least two replicas of everything that can be replicated."""
    name, spec = names(manifest), manifest.get("spec", {})
    if spec.get("replicas") == 0:
        yield f"{name}: replicas is 0; production needs at least 1"
    if (
        spec.get("replicas", MIN_IN_PRODUCTION) < MIN_IN_PRODUCTION
        and _which(manifest) not in SINGLE
    ):
        yield f"{name}: replicas is below {MIN_IN_PRODUCTION} in production"
    scaled = [spec] if manifest["kind"] == "HorizontalPodAutoscaler" else []
    if manifest["metadata"].get("labels", {}).get("mlplatform/environment") == "production":
        scaled = [spec[part] for part in ("predictor", "transformer") if part in spec]
    for part in scaled:
        fewest, most = part.get("minReplicas", 1), part.get("maxReplicas", 1)
        if fewest < MIN_IN_PRODUCTION:
            yield f"{name}: minReplicas is {fewest}; production needs {MIN_IN_PRODUCTION}"
        if most < fewest:
            yield f"{name}: maxReplicas {most} is below minReplicas {fewest}"


def one_build(manifest: Manifest) -> Problems:
    """Check that every image names its build, and that no placeholder is left."""
    for path, node in walk(manifest):
        where = f"{names(manifest)} {'/'.join(map(str, path))}"
        if isinstance(node, str) and any(word in node for word in (TAG, REGISTRY, "USE_CASE")):
            yield f"{where}: {node!r:.100} still has a placeholder"
        if path and path[-1] == "image" and isinstance(node, str):
            tag = node.rpartition("/")[2].partition(":")[2]
            if not tag or tag == "latest":
                yield f"{where}: {node} does not name a build"


def no_secrets(manifest: Manifest) -> Problems:
    """Check that secrets come from the vault."""
    if manifest["kind"] == "Secret":
        yield f"{names(manifest)}: a Secret in the repository; use an ExternalSecret"


def broken(manifests: Sequence[Manifest], production: bool, azure: bool = True) -> list[str]:
    """Return all violations in `manifests`; without `azure` they must not need it."""
    of_pods = (restricted, equipped, identified, *((labelled_for_azure,) if azure else ()))
    found = [p for m in manifests for pod in pods(m) for rule in of_pods for p in rule(pod)]
    of_objects = (
        one_build,
        no_secrets,
        *((enough_replicas,) if production else ()),
        *(() if azure else (without_azure,)),
    )
    return found + [p for m in manifests for rule in of_objects for p in rule(m)]
