"""The Deployments and pods of an InferenceService in Standard mode.

Its status stays ready while a Deployment replaces its pods, so only the Deployment and the pods
tell whether a change has reached all of them, and why it does not.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from releases.deployers.kserve.api import Object
from releases.deployers.kserve.desired import DIGEST, annotations, is_terminating

ENDED = ("Succeeded", "Failed")
CRASHED, OUR_EXIT = "CrashLoopBackOff", "Error"


@dataclass(frozen=True)
class Workload:
    """What runs for one InferenceService; `digest` is that of its present spec."""

    deployments: list[Object]
    all_pods: list[Object]
    digest: str

    @property
    def pods(self) -> list[Object]:
        """The pods that are to stay."""
        return [
            pod
            for pod in self.all_pods
            if (pod.get("status") or {}).get("phase") not in ENDED and not is_terminating(pod)
        ]

    def complete(self) -> bool:
        """Return whether every rollout has finished."""
        return bool(self.deployments) and all(map(self._rolled_out, self.deployments))

    def refusal(self) -> str:
        """Return what a pod said when it ended with an error, "" if none did."""
        for name, status in self._containers():
            state = status.get("state") or {}
            crashed = (state.get("waiting") or {}).get("reason") == CRASHED
            ended = ((status.get("lastState") if crashed else state) or {}).get("terminated") or {}
            if ended.get("reason") == OUR_EXIT:
                return f"the pod {name} says: {ended.get('message') or 'nothing'}"
        return ""

    def problems(self) -> Iterator[str]:
        """Yield what the rollout waits for."""
        for deployment in self.deployments:
            for condition in (deployment.get("status") or {}).get("conditions") or []:
                failed = condition["type"] == "ReplicaFailure" and condition["status"] == "True"
                stuck = condition["type"] == "Progressing" and condition["status"] == "False"
                if failed or stuck:
                    yield f"{condition.get('reason')}: {condition.get('message')}"
        for pod in self.pods:
            for condition in (pod.get("status") or {}).get("conditions") or []:
                if condition["type"] == "PodScheduled" and condition["status"] == "False":
                    yield f"{pod['metadata']['name']}: {condition.get('message')}"
        for name, status in self._containers():
            waiting = (status.get("state") or {}).get("waiting") or {}
            if waiting.get("reason"):
                yield f"{name}: {waiting['reason']} {waiting.get('message', '')}".rstrip()

    def _rolled_out(self, deployment: Object) -> bool:
        """Apply the rule of `kubectl rollout status` to a Deployment of the current spec."""
        metadata, spec, status = (deployment.get(k) or {} for k in ("metadata", "spec", "status"))
        wanted = spec.get("replicas", 1)
        counts = [status.get(f"{kind}eplicas", 0) for kind in ("r", "updatedR", "availableR")]
        return (
            annotations(spec["template"]).get(DIGEST) == self.digest
            and status.get("observedGeneration", 0) >= metadata.get("generation", 1)
            and counts == [wanted] * len(counts)
        )

    def _containers(self) -> Iterator[tuple[str, Object]]:
        for pod in self.pods:
            status = pod.get("status") or {}
            for kind in ("initContainerStatuses", "containerStatuses"):
                yield from ((pod["metadata"]["name"], c) for c in status.get(kind) or [])
