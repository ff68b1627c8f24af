"""KServe's controller as a deployer observes it: pods that load releases, and the status.

It also does what the garbage collector does for it. It is an ordinary client, so that it also runs
against a real API server that has KServe's definitions but no controller.
"""

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import urllib3
from kubernetes.client import ApiClient, ApiException, CustomObjectsApi
from kubernetes_api.admission import AGENT, MODE, is_multi_model

from platform_core.errors import PlatformError
from releases.deployers.kserve.desired import RELEASE

Object = dict[str, Any]
KIND = ("serving.kserve.io", "v1beta1")
PLURAL = "inferenceservices"
SERVICES = "/apis/serving.kserve.io/v1beta1/namespaces/{namespace}/inferenceservices"
RUNTIMES = "/apis/serving.kserve.io/v1alpha1/namespaces/{namespace}/servingruntimes"
DEPLOYMENTS = "/apis/apps/v1/namespaces/{namespace}/deployments"
PODS, CONFIG_MAPS, NETWORK_SERVICES = (
    f"/api/v1/namespaces/{{namespace}}/{kind}" for kind in ("pods", "configmaps", "services")
)
STOP, REVISION = "serving.kserve.io/stop", "pod-template-hash"
OWNER = "serving.kserve.io/inferenceservice"
MERGE = "application/merge-patch+json"


@dataclass
class KServeController:
    """Updates the statuses in `namespace`; `load` (name, pointer or `None`) stands for the pods.

    In Standard mode it runs `replicas` pods and keeps the status ready while it replaces them.
    Revisions of a name in `stuck` never become ready, and what is deleted of a name in `held` does
    not end. `before_load` is called once, with the name, after a new revision was created and
    before its pods load anything.
    """

    client: ApiClient
    namespace: str
    load: Callable[[str, Object | None], None]
    replicas: int = 2
    stuck: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    before_load: Callable[[str], None] | None = None
    _templates: dict[str, str] = field(default_factory=dict)
    _revisions: dict[str, int] = field(default_factory=dict)
    _ready: dict[str, str] = field(default_factory=dict)
    _end: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Reconcile once, then in a thread until `stop`."""
        self._pass()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._end.set()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(0.02):
            try:
                self._pass()
            except (ApiException, urllib3.exceptions.HTTPError):
                continue  # the server restarts, or the object has changed

    def _pass(self) -> None:
        api = CustomObjectsApi(self.client)
        for live in api.list_namespaced_custom_object(*KIND, self.namespace, PLURAL)["items"]:
            self._reconcile(live)

    def _reconcile(self, live: Object) -> None:
        name = live["metadata"]["name"]
        if "deletionTimestamp" in live["metadata"]:
            if name not in self.held:
                self._collect(live)
            return
        template = _template(live)
        if self._templates.get(name) == template:
            return
        if template == "stopped":
            self.load(name, None)
            self._remove_pods(name, None)
            self._write(live, "False", "Stopped", {"transitionStatus": ""}, stopped="True")
            self._ready.pop(name, None)
            self._templates[name] = template
            return
        self._revisions[name] = self._revisions.get(name, 0) + 1
        if _is_knative(live) or name not in self._ready:
            self._write(live, "Unknown", "Deploying", {"transitionStatus": "InProgress"})
        callback, self.before_load = self.before_load, None
        if callback:
            callback(name)
        self._roll_out(live)
        self._templates[name] = template  # last, so that an interrupted pass is repeated

    def _collect(self, live: Object) -> None:
        """Delete what an InferenceService owns, and let it end."""
        name, uid = live["metadata"]["name"], live["metadata"]["uid"]
        self.load(name, None)
        for path in (PODS, DEPLOYMENTS, NETWORK_SERVICES):
            for owned in self._call("GET", path)["items"]:
                owners = owned["metadata"].get("ownerReferences") or []
                if uid in {owner["uid"] for owner in owners}:
                    self._delete(f"{path}/{owned['metadata']['name']}")
        self.forget(name)
        self._call("PATCH", f"{SERVICES}/{name}", {"metadata": {"finalizers": []}})

    def forget(self, name: str) -> None:
        """Take the next InferenceService of this name for a new one."""
        self._templates.pop(name, None)
        self._revisions.pop(name, None)
        self._ready.pop(name, None)

    def _roll_out(self, live: Object) -> None:
        name = live["metadata"]["name"]
        pointer = live["spec"]["predictor"].get("annotations", {}).get(RELEASE)
        if not pointer:
            return
        pods = [] if _is_knative(live) else self._create_pods(live)
        if name in self.stuck or pods is None:
            return
        try:
            self.load(name, json.loads(pointer))
        except PlatformError as error:
            self._crash(live, pods, str(error))
            return
        for pod in pods:
            self._pod_status(pod, {"conditions": [{"type": "Ready", "status": "True"}]})
        if pods:
            self._remove_pods(name, self._revision(name))
            self._deployment_status(name, self.replicas)
        self._ready[name] = self._revision(name)
        self._write(live, "True", "", {"transitionStatus": "UpToDate"})

    def _create_pods(self, live: Object) -> list[Object] | None:
        """Replace the Deployment's template and start its pods; `None` if one is refused."""
        name, labels = live["metadata"]["name"], {OWNER: live["metadata"]["name"]}
        owner = {key: live[key] for key in ("apiVersion", "kind")}
        owned = {"ownerReferences": [owner | _keys(live["metadata"], "name", "uid")]}
        annotations = dict(live["spec"]["predictor"]["annotations"])
        metadata: Object = {"labels": labels, "annotations": annotations}
        if is_multi_model(live["spec"]["predictor"]):
            metadata["annotations"][AGENT] = "true"
            config = {"metadata": {"name": f"modelconfig-{name}-0"}, "data": {"models.json": "[]"}}
            self._ensure(CONFIG_MAPS, {"apiVersion": "v1", "kind": "ConfigMap"} | config)
        template = {"metadata": metadata, "spec": self._pod_spec(live)}
        deployment = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": owned | {"name": f"{name}-predictor", "labels": labels},
            "spec": {
                "replicas": self.replicas,
                "selector": {"matchLabels": labels},
                "template": template,
            },
        }
        self._ensure(DEPLOYMENTS, deployment)
        revision = self._revision(name)
        kept = [p for p in self._pods(name) if p["metadata"]["labels"].get(REVISION) == revision]
        for number in range(len(kept), self.replicas):
            own = owned | {"name": f"{revision}-{number}", "labels": labels | {REVISION: revision}}
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata | own}
            try:
                made = self._call("POST", PODS, pod | {"spec": template["spec"]})
            except ApiException as error:
                self._deployment_status(name, 0, json.loads(error.body)["message"])
                return None
            if name in self.stuck:
                waiting = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
                message = {"message": "0/3 nodes are available: 3 Insufficient memory."}
                self._pod_status(made, {"conditions": [waiting | message]})
            kept.append(made)
        self._deployment_status(name, 0)
        return kept

    def _pod_spec(self, live: Object) -> Object:
        """Merge the container of the runtime, if there is one, with that of the predictor."""
        predictor = live["spec"]["predictor"]
        model = predictor.get("model") or predictor["containers"][0]
        runtimes = {r["metadata"]["name"]: r for r in self._call("GET", RUNTIMES)["items"]}
        runtime = runtimes.get(model.get("runtime"), {}).get("spec", {})
        base = next(iter(runtime.get("containers") or [{}]))
        own = {key: model[key] for key in ("image", "resources", "securityContext") if key in model}
        container = {"image": "inference-service"} | base | own | {"name": "kserve-container"}
        keep = {"securityContext", "serviceAccountName", "initContainers"} & set(predictor)
        return {key: predictor[key] for key in keep} | {"containers": [container]}

    def _crash(self, live: Object, pods: list[Object], message: str) -> None:
        """Report that the new pods end with an error; a ready status in Standard mode stays."""
        ended = {"reason": "Error", "exitCode": 1, "message": message}
        container = {
            "name": "kserve-container",
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": ended},
        }
        for pod in pods:
            self._pod_status(pod, {"containerStatuses": [container]})
        if _is_knative(live):
            failure = {"reason": "ModelLoadFailed", "message": message, "exitCode": 1}
            model = {"transitionStatus": "BlockedByFailedLoad", "lastFailureInfo": failure}
            self._write(live, "Unknown", "Deploying", model)

    def _pods(self, name: str) -> list[Object]:
        found = self._call("GET", PODS, query=[("labelSelector", f"{OWNER}={name}")])
        items: list[Object] = found["items"]
        return items

    def _remove_pods(self, name: str, kept: str | None) -> None:
        for pod in self._pods(name):
            if pod["metadata"]["labels"].get(REVISION) != kept:
                self._delete(f"{PODS}/{pod['metadata']['name']}")

    def _delete(self, path: str) -> None:
        try:
            self._call("DELETE", path)
        except ApiException as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise

    def _pod_status(self, pod: Object, status: Object) -> None:
        path = f"{PODS}/{pod['metadata']['name']}/status"
        self._call("PATCH", path, {"status": {"phase": "Running"} | status})

    def _deployment_status(self, name: str, available: int, failure: str = "") -> None:
        path = f"{DEPLOYMENTS}/{name}-predictor"
        generation = self._call("GET", path)["metadata"]["generation"]
        refused = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"}
        status = {
            "observedGeneration": generation,
            "replicas": self.replicas,
            "updatedReplicas": 0 if failure else self.replicas,
            "readyReplicas": available,
            "availableReplicas": available,
            "conditions": [refused | {"message": failure}] if failure else [],
        }
        self._call("PATCH", f"{path}/status", {"status": status})

    def _ensure(self, path: str, value: Object) -> None:
        try:
            self._call("POST", path, value)
        except ApiException as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            self._call("PATCH", f"{path}/{value['metadata']['name']}", value)

    def _write(
        self, live: Object, ready: str, reason: str, model: Object, stopped: str = "False"
    ) -> None:
        name = live["metadata"]["name"]
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        conditions = [
            {"type": kind, "status": ready, "reason": reason, "lastTransitionTime": stamp}
            for kind in ("IngressReady", "PredictorReady", "Ready")
        ]
        information = {"type": "Stopped", "status": stopped, "severity": "Info"}
        predictor: Object = {"url": f"http://{name}-predictor.{self.namespace}"}
        if _is_knative(live):
            predictor["latestCreatedRevision"] = self._revision(name)
            predictor["latestReadyRevision"] = self._ready.get(name, "")
        status = {
            "conditions": [*conditions, information | {"lastTransitionTime": stamp}],
            "components": {"predictor": predictor},
            "modelStatus": {"lastFailureInfo": None, "copies": None} | model,
            "deploymentMode": live["metadata"].get("annotations", {}).get(MODE, "Standard"),
        }
        self._call("PATCH", f"{SERVICES}/{name}/status", {"status": status})

    def _call(
        self, method: str, path: str, body: Object | None = None, query: Sequence[Any] = ()
    ) -> Object:
        """Send a request; the client's own methods send a patch type that custom resources do not
        support.
        """
        content = MERGE if method == "PATCH" else "application/json"
        answer: Object = self.client.call_api(
            path,
            method,
            path_params={"namespace": self.namespace},
            query_params=[("fieldManager", "kserve-controller"), *query],
            header_params={"Content-Type": content, "Accept": "application/json"},
            body=body,
            response_type="object",
            auth_settings=["BearerToken"],
            _return_http_data_only=True,
        )
        return answer

    def _revision(self, name: str) -> str:
        return f"{name}-predictor-{self._revisions.get(name, 0):05}"


def _keys(value: Object, *keys: str) -> Object:
    return {key: value[key] for key in keys}


def _is_knative(live: Object) -> bool:
    return (live["metadata"].get("annotations") or {}).get(MODE) in ("Knative", "Serverless")


def _template(live: Object) -> str:
    """Return what defines the pods: a different text is a new revision."""
    annotations = live["metadata"].get("annotations") or {}
    if annotations.get(STOP, "").lower() == "true":
        return "stopped"
    return json.dumps(live["spec"], sort_keys=True)
