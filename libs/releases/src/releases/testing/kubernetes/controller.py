"""KServe's controller as a deployer observes it: pods that load releases, and the status.

It is an ordinary client, so that it also runs against a real API server that has KServe's
definitions but no controller.
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import urllib3
from kubernetes.client import ApiClient, ApiException, CustomObjectsApi

from platform_core.errors import PlatformError

Object = dict[str, Any]
KIND = ("serving.kserve.io", "v1beta1")
PLURAL = "inferenceservices"
STATUS_PATH = (
    "/apis/serving.kserve.io/v1beta1/namespaces/{namespace}/inferenceservices/{name}/status"
)
POINTER, STOP = "mlplatform/release", "serving.kserve.io/stop"
MODE = "serving.kserve.io/deploymentMode"


@dataclass
class KServeController:
    """Updates the statuses in `namespace`; `load` (name, pointer or `None`) stands for the pods.

    Revisions of a name in `stuck` never become ready. `before_load` is called once, with the name,
    after a new revision was created and before its pods load anything.
    """

    client: ApiClient
    namespace: str
    load: Callable[[str, Object | None], None]
    stuck: set[str] = field(default_factory=set)
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
        template = _template(live)
        if self._templates.get(name) == template:
            return
        if template == "stopped":
            self.load(name, None)
            self._write(live, "False", "Stopped", {"transitionStatus": ""})
            self._templates[name] = template
            return
        self._revisions[name] = self._revisions.get(name, 0) + 1
        self._write(live, "Unknown", "Deploying", {"transitionStatus": "InProgress"})
        callback, self.before_load = self.before_load, None
        if callback:
            callback(name)
        self._roll_out(live)
        self._templates[name] = template  # last, so that an interrupted pass is repeated

    def _roll_out(self, live: Object) -> None:
        name = live["metadata"]["name"]
        released = POINTER in (live["spec"]["predictor"].get("annotations") or {})
        if name in self.stuck or not released:
            return
        canaries = live["spec"].get("canary") or []
        try:
            for part in [live["spec"]["predictor"], *(c["predictor"] for c in canaries)]:
                pointer = (part.get("annotations") or {}).get(POINTER)
                if pointer and not _share(live, part):
                    self.load(name, json.loads(pointer))
        except PlatformError as error:
            failure = {"reason": "ModelLoadFailed", "message": str(error), "exitCode": 1}
            model = {"transitionStatus": "BlockedByFailedLoad", "lastFailureInfo": failure}
            self._write(live, "Unknown", "Deploying", model)
            return
        self._ready[name] = self._revision(name)
        self._write(live, "True", "", {"transitionStatus": "UpToDate"}, canaries)

    def _write(
        self,
        live: Object,
        ready: str,
        reason: str,
        model: Object,
        canaries: list[Object] | None = None,
    ) -> None:
        name = live["metadata"]["name"]
        predictor = {
            "latestCreatedRevision": self._revision(name),
            "latestReadyRevision": self._ready.get(name, ""),
        }
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        conditions = [
            {"type": kind, "status": ready, "reason": reason, "lastTransitionTime": stamp}
            for kind in ("PredictorReady", "Ready")
        ]
        status = {
            "conditions": conditions,
            "components": {"predictor": predictor},
            "modelStatus": {"lastFailureInfo": None, "copies": None} | model,
            "deploymentMode": live["metadata"].get("annotations", {}).get(MODE, "Standard"),
            "canaryStatuses": [_canary_status(c) for c in canaries or []],
        }
        # The client's own method sends a patch type that custom resources do not support.
        self.client.call_api(
            STATUS_PATH,
            "PATCH",
            path_params={"namespace": self.namespace, "name": name},
            query_params=[("fieldManager", "kserve-controller")],
            header_params={"Content-Type": "application/merge-patch+json"},
            body={"status": status},
            response_type="object",
            auth_settings=["BearerToken"],
        )

    def _revision(self, name: str) -> str:
        return f"{name}-predictor-{self._revisions.get(name, 0):05}"


def _template(live: Object) -> str:
    """Return what defines the pods: a different text is a new revision."""
    annotations = live["metadata"].get("annotations") or {}
    if STOP in annotations:
        return "stopped"
    return json.dumps(live["spec"], sort_keys=True)


def _share(live: Object, predictor: Object) -> bool:
    """Say whether a predictor gets only a share of the requests."""
    return predictor is not live["spec"]["predictor"] or "canaryTrafficPercent" in predictor


def _canary_status(canary: Object) -> Object:
    share = canary["trafficPercent"]
    return {"name": canary["predictor"]["name"], "ready": True, "trafficPercent": share}
