"""A Kubernetes API server that kubectl can talk to: discovery, objects of many kinds, dry runs.

It stores what it is given and validates nothing but names, kinds and namespaces. Sessions (exec,
port-forward) are recorded and refused, because they need a protocol of their own.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

Object = dict[str, Any]
Key = tuple[str, str, str]
# Group and version: plural, kind, whether it has namespaces.
RESOURCES: dict[str, list[tuple[str, str, bool]]] = {
    "v1": [
        ("namespaces", "Namespace", False),
        ("nodes", "Node", False),
        ("configmaps", "ConfigMap", True),
        ("events", "Event", True),
        ("persistentvolumeclaims", "PersistentVolumeClaim", True),
        ("pods", "Pod", True),
        ("secrets", "Secret", True),
        ("services", "Service", True),
        ("serviceaccounts", "ServiceAccount", True),
    ],
    "apps/v1": [
        ("daemonsets", "DaemonSet", True),
        ("deployments", "Deployment", True),
        ("replicasets", "ReplicaSet", True),
        ("statefulsets", "StatefulSet", True),
    ],
    "autoscaling/v2": [("horizontalpodautoscalers", "HorizontalPodAutoscaler", True)],
    "batch/v1": [("cronjobs", "CronJob", True), ("jobs", "Job", True)],
    "policy/v1": [("poddisruptionbudgets", "PodDisruptionBudget", True)],
    "ray.io/v1": [("rayclusters", "RayCluster", True), ("rayjobs", "RayJob", True)],
    "serving.kserve.io/v1beta1": [("inferenceservices", "InferenceService", True)],
    "external-secrets.io/v1": [
        ("clustersecretstores", "ClusterSecretStore", False),
        ("externalsecrets", "ExternalSecret", True),
    ],
}
SHORT = {
    "persistentvolumeclaims": "pvc", "horizontalpodautoscalers": "hpa", "deployments": "deploy",
}  # fmt: skip
SCALABLE = ("deployments", "statefulsets")
_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>[^/]+)"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/))?/(?P<plural>[a-z]+)"
    r"(?:/(?P<name>[^/]+)(?:/(?P<sub>[a-z]+))?)?"
)


class Refused(Exception):
    """The server refuses a request: code, reason and message."""


@dataclass
class KubectlServer:
    """Objects by plural, namespace and name, and every request as `VERB path?query`.

    `refuses` maps the name of an object to the message with which it is not admitted.
    """

    objects: dict[Key, Object] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    refuses: dict[str, str] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    url: str = ""

    def add(self, manifest: Object) -> None:
        """Store an object of a known kind; definitions of other kinds are left out."""
        for plural, kind, namespaced in RESOURCES.get(manifest["apiVersion"], []):
            if kind == manifest["kind"]:
                place = manifest["metadata"].get("namespace", "default") if namespaced else ""
                self.objects[plural, place, manifest["metadata"]["name"]] = manifest

    def kubeconfig(self, folder: Path) -> Path:
        """Write a kubeconfig whose current context is `test`."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "clusters": [{"name": "test", "cluster": {"server": self.url}}],
            "users": [{"name": "test", "user": {}}],
        }
        file = folder / "kubeconfig"
        file.write_text(json.dumps(config))
        return file


@contextmanager
def kubectl_server() -> Iterator[KubectlServer]:
    """Start a server on a free port."""
    server = KubectlServer()
    handler = type("Handler", (_Handler,), {"api": server})
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, args=(0.02,))
    thread.start()
    yield server
    http.shutdown()
    http.server_close()
    thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Else the body waits 40 ms until the client acknowledges the headers.
    disable_nagle_algorithm = True
    api: KubectlServer

    def respond(self) -> None:
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.api.requests.append(f"{self.command} {self.path}")
        try:
            answer = self._discovery(url.path)
            self._send(200, answer if answer else self._objects(url.path, query, body))
        except Refused as refusal:
            code, reason, message = refusal.args
            status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
            self._send(code, {**status, "reason": reason, "message": message})

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = respond  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Keep the test output clean."""

    def _send(self, code: int, answer: Object | str) -> None:
        text = answer if isinstance(answer, str) else json.dumps(answer)
        kind = "text/plain" if isinstance(answer, str) else "application/json"
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def _discovery(self, path: str) -> Object | None:
        known = {v: r for v, r in RESOURCES.items() if v not in self.api.absent}
        groups = [_group(v) for v in known if "/" in v]
        schemas = {_root(v)[1:]: {"serverRelativeURL": f"/openapi/v3{_root(v)}"} for v in known}
        found: Object = {
            "/version": {"major": "1", "minor": "33", "gitVersion": "v1.33.0"},
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
            "/openapi/v3": {"paths": schemas},
        }
        for version, resources in known.items():
            listed = [_resource(*resource) for resource in resources]
            kind = {"kind": "APIResourceList", "groupVersion": version, "resources": listed}
            found[_root(version)] = kind
            found[f"/openapi/v3{_root(version)}"] = _schema(version, resources)
        return found.get(path)

    def _objects(self, path: str, query: dict[str, str], body: bytes) -> Object | str:
        match = _PATH.fullmatch(path)
        if match is None:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        plural, name = match["plural"], match["name"]
        version = f"{match['group']}/{match['version']}" if match["group"] else match["version"]
        kinds = {p: kind for p, kind, _ in RESOURCES.get(version, [])}
        if plural not in kinds or version in self.api.absent:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        if name is None and self.command == "GET":
            return self._list(version, kinds[plural], (plural, match["namespace"]), query)
        if name is None and self.command == "DELETE":
            for key in self._selected((plural, match["namespace"]), query):
                self.api.objects.pop(key)
            return {"kind": "Status", "apiVersion": "v1", "status": "Success"}
        key = (plural, match["namespace"] or "", name or "")
        if self.command == "POST" and match["sub"] is None:
            about = {"apiVersion": version, "kind": kinds[plural]}
            return self._write(key, about | _decoded(body), query)
        return self._one(key, match["sub"], query, body)

    def _list(
        self, version: str, kind: str, place: tuple[str, str | None], query: dict[str, str]
    ) -> Object:
        items = [self.api.objects[key] for key in self._selected(place, query)]
        return {"kind": f"{kind}List", "apiVersion": version, "metadata": {}, "items": items}

    def _selected(self, place: tuple[str, str | None], query: dict[str, str]) -> list[Key]:
        wanted = _pairs(query.get("labelSelector", ""))
        fields = _pairs(query.get("fieldSelector", ""))
        return [
            key
            for key, found in sorted(self.api.objects.items())
            if key[0] == place[0] and place[1] in (None, key[1])
            if wanted.items() <= (found["metadata"].get("labels") or {}).items()
            if all(_at(found, path) == value for path, value in fields.items())
        ]

    def _one(self, key: Key, sub: str | None, query: dict[str, str], body: bytes) -> Object | str:
        applied = "apply" in (self.headers.get("Content-Type") or "")
        if self.command == "PATCH" and applied:
            return self._write(key, yaml.safe_load(body), query)
        if key not in self.api.objects:
            raise Refused(404, "NotFound", f'{key[0]} "{key[2]}" not found')
        live = self.api.objects[key]
        if sub == "log":
            return "the last line of the log\n"
        if sub in ("exec", "portforward"):
            raise Refused(400, "BadRequest", "this server has no sessions")
        if sub == "scale":
            live["spec"] |= (json.loads(body).get("spec") or {}) if body else {}
            scale = {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": live["metadata"]}
            return {**scale, "spec": {"replicas": live["spec"].get("replicas", 1)}}
        if self.command == "DELETE" or sub == "eviction":
            self.api.objects.pop(key)
            return {"kind": "Status", "apiVersion": "v1", "status": "Success"}
        if self.command in ("PATCH", "PUT"):
            change = yaml.safe_load(body)
            live = change if self.command == "PUT" else _merged(live, change)
            self.api.objects[key] = live
        return live

    def _write(self, key: Key, manifest: Object, query: dict[str, str]) -> Object:
        name = manifest["metadata"]["name"]
        if key[1] and ("namespaces", "", key[1]) not in self.api.objects:
            raise Refused(404, "NotFound", f'namespaces "{key[1]}" not found')
        if name in self.api.refuses:
            raise Refused(422, "Invalid", self.api.refuses[name])
        if "dryRun" not in query:
            self.api.objects[key[0], key[1], name] = manifest
            if key[0] == "jobs":
                self._start(manifest, key[1])
        return manifest

    def _start(self, job: Object, namespace: str) -> None:
        """Do what the controller of Jobs does: create the pod of a job."""
        name, labels = job["metadata"]["name"], {"job-name": job["metadata"]["name"]}
        job.setdefault("spec", {})["selector"] = {"matchLabels": labels}
        spec = job["spec"].get("template", {}).get("spec", {"containers": []})
        metadata = {"name": f"{name}-0", "namespace": namespace, "labels": labels}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        self.api.add({**pod, "status": {"phase": "Running"}})


def _pairs(selector: str) -> dict[str, str]:
    parts = (part.replace("==", "=").partition("=") for part in selector.split(",") if part)
    return {key: value for key, _, value in parts}


def _at(found: Any, path: str) -> Any:
    for key in path.split("."):
        found = (found or {}).get(key)
    return found


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def _group(version: str) -> Object:
    name = version.partition("/")[0]
    served = {"groupVersion": version, "version": version.partition("/")[2]}
    return {"name": name, "versions": [served], "preferredVersion": served}


def _resource(plural: str, kind: str, namespaced: bool) -> Object:
    verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
    short = [SHORT[plural]] if plural in SHORT else []
    names = {"name": plural, "singularName": kind.lower(), "shortNames": short, "kind": kind}
    return {**names, "namespaced": namespaced, "verbs": verbs}


def _schema(version: str, resources: list[tuple[str, str, bool]]) -> Object:
    """Say that patches can be dry runs and validate fields: kubectl asks before it tries."""
    group, _, number = version.rpartition("/")
    parameters = [{"name": name, "in": "query"} for name in ("dryRun", "fieldValidation")]
    paths = {}
    for plural, kind, namespaced in resources:
        middle = "/namespaces/{namespace}" if namespaced else ""
        of = {"group": group, "version": number, "kind": kind}
        patch = {"parameters": parameters, "x-kubernetes-group-version-kind": of}
        paths[f"{_root(version)}{middle}/{plural}/{{name}}"] = {"patch": patch, "post": patch}
    return {"openapi": "3.0.0", "info": {"title": "Kubernetes"}, "paths": paths}


def _decoded(body: bytes) -> Object:
    """Return an object sent as JSON, YAML or protobuf; of the latter its name alone."""
    if not body.startswith(b"k8s\x00"):
        decoded: Object = yaml.safe_load(body)
        return decoded
    # runtime.Unknown.raw, then metadata, then name, by their field numbers
    for number in (2, 1, 1):
        body = _field(body.removeprefix(b"k8s\x00"), number)
    return {"metadata": {"name": body.decode()}}


def _field(message: bytes, wanted: int) -> bytes:
    """Return a length-delimited field of a protobuf message."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        size, position = _varint(message, position)
        if key & 7 != 2:  # a number: `size` was its value
            continue
        if key >> 3 == wanted:
            return message[position : position + size]
        position += size
    raise Refused(400, "BadRequest", f"the message has no field {wanted}")


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position


def _merged(live: Any, change: Any) -> Any:
    if not isinstance(live, dict) or not isinstance(change, dict):
        return change
    kept = {key: value for key, value in live.items() if change.get(key, value) is not None}
    return kept | {k: _merged(live.get(k), v) for k, v in change.items() if v is not None}
