"""A Kubernetes API server for tests of a deployer: routes, roles, content types and watches.

It implements what a client can observe: optimistic locking, managed fields and their conflicts,
`Status` responses, generations, the status subresource, expiring watches, bookmarks, roles, and
what webhooks, quotas and Pod Security refuse.
"""

import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kubernetes_api.admission import Admission, check_deployment_status
from kubernetes_api.store import Object, ObjectStore, StatusError

ROUTE = re.compile(
    r"/(?:api|apis)/(?P<version>(?:[^/]+/)?v[^/]+)/namespaces/(?P<namespace>[^/]+)/"
    r"(?P<resource>[a-z]+)(?:/(?P<name>[^/]+)(?P<status>/status)?)?"
)
KINDS = {
    "inferenceservices": ("serving.kserve.io/v1beta1", "InferenceService"),
    "servingruntimes": ("serving.kserve.io/v1alpha1", "ServingRuntime"),
    "deployments": ("apps/v1", "Deployment"),
    "pods": ("v1", "Pod"),
    "services": ("v1", "Service"),
    "configmaps": ("v1", "ConfigMap"),
    "resourcequotas": ("v1", "ResourceQuota"),
    "poddisruptionbudgets": ("policy/v1", "PodDisruptionBudget"),
}
APPLY, MERGE = "application/apply-patch+yaml", "application/merge-patch+json"
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
DEVELOPER, DEPLOYER, CONTROLLER = "developer", "deployer", "controller"
READ = {"get", "list", "watch"}
ROLES = {
    DEVELOPER: set(VERBS.values()) | READ,
    CONTROLLER: set(VERBS.values()) | READ | {"patch/status"},
}
"""Verbs by bearer token, for every resource."""


class _StoppableServer(ThreadingHTTPServer):
    daemon_threads = True
    stopping = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing when a client breaks off."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@dataclass
class ApiServer:
    """One API server on its own port; it can be started again after `stop`.

    The next `failing` requests get a 503; requests in `forbidden` (`<verb> <resource>`) are denied
    to every role.
    `pod_security` has the enforced level of a namespace, `deployer` the verbs of the deployer's
    role by resource.
    """

    pod_security: dict[str, str] = field(default_factory=dict)
    deployer: dict[str, set[str]] = field(default_factory=dict)
    stores: dict[str, ObjectStore] = field(default_factory=dict)
    port: int = 0
    failing: int = 0
    forbidden: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)
    _http: _StoppableServer | None = None
    _thread: threading.Thread | None = None

    def __post_init__(self) -> None:
        """Make an empty store for every resource."""
        admission = Admission(self.stores, self.pod_security)
        for resource, (version, kind) in KINDS.items():
            group = version.rpartition("/")[0]
            name = f"{resource}.{group}" if group else resource
            self.stores[resource] = ObjectStore(name, kind, version, admission.of(resource))
        self.stores["deployments"].check_status = check_deployment_status

    @property
    def store(self) -> ObjectStore:
        """The InferenceServices."""
        return self.stores["inferenceservices"]

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen; the port stays the same after a restart."""
        self._http = _StoppableServer(("127.0.0.1", self.port), _handler(self))
        self.port = self._http.server_port
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections and end watches; the objects stay, as in etcd."""
        http, self._http = self._http, None
        if http is None or self._thread is None:
            return
        http.stopping = True
        for store in self.stores.values():
            with store.changed:
                store.changed.notify_all()
        http.shutdown()
        http.server_close()
        self._thread.join()

    def restart(self) -> None:
        """Stop and start without the earlier events, as with a new watch cache."""
        self.stop()
        self.store.compact()
        self.start()

    def kubeconfig(self, folder: Path, role: str = DEPLOYER) -> Path:
        """Write a kubeconfig for a role and return it."""
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url}}],
            "users": [{"name": role, "user": {"token": role}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": role}}],
        }
        file = folder / f"kubeconfig-{role}-{self.port}.yaml"
        file.write_text(json.dumps(content))
        return file


def _handler(server: ApiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        api = server

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Else the body waits 40 ms until the client acknowledges the headers.
    disable_nagle_algorithm = True
    api: ApiServer
    server: _StoppableServer

    def respond(self) -> None:
        """Handle one request; a server that stops sends no response."""
        if self.server.stopping:
            self.close_connection = True
            return
        url = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        try:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            target = self._target(url.path)
            verb = self._verb(target, query)
            self.api.requests.append(f"{verb} {target['name'] or ''}".strip())
            self._authorize(verb, str(target["resource"]))
            if verb == "watch":
                self._watch(target, query)
                return
            self._send(HTTPStatus.OK, self._answer(verb, target, query, body))
        except StatusError as failure:
            self._send(failure.code, failure.status)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = respond  # noqa: N815

    def log_message(self, *args: object) -> None:
        """Keep the test output clean."""

    def _target(self, path: str) -> dict[str, str | None]:
        match = ROUTE.fullmatch(path)
        if not match or KINDS.get(match["resource"], ("",))[0] != match["version"]:
            raise StatusError(
                HTTPStatus.NOT_FOUND, "NotFound", "the server could not find the resource"
            )
        return match.groupdict()

    def _store(self, target: dict[str, Any]) -> ObjectStore:
        return self.api.stores[target["resource"]]

    def _verb(self, target: dict[str, str | None], query: dict[str, str]) -> str:
        if self.command == "GET" and target["name"]:
            return "get"
        if self.command == "GET":
            return "watch" if query.get("watch", "").lower() in ("true", "1") else "list"
        return VERBS[self.command] + (target["status"] or "")

    def _authorize(self, verb: str, resource: str) -> None:
        user = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if user not in (*ROLES, DEPLOYER):
            raise StatusError(HTTPStatus.UNAUTHORIZED, "Unauthorized", "Unauthorized")
        allowed = ROLES.get(user, self.api.deployer.get(resource, set()))
        if verb not in allowed or f"{verb} {resource}" in self.api.forbidden:
            raise StatusError(
                HTTPStatus.FORBIDDEN,
                "Forbidden",
                f'{self.api.stores[resource].resource} is forbidden: User "{user}" cannot {verb} '
                f'resource "{resource}" in API group "{KINDS[resource][0].rpartition("/")[0]}"',
            )
        if self.api.failing:
            self.api.failing -= 1
            raise StatusError(
                503, "ServiceUnavailable", "the server is currently unable to handle it"
            )

    def _answer(
        self, verb: str, target: dict[str, Any], query: dict[str, str], body: bytes
    ) -> Object:
        store, namespace, name = self._store(target), target["namespace"], target["name"]
        manager = query.get("fieldManager") or self.headers.get("User-Agent", "").split("/")[0]
        if verb == "list":
            return store.list(namespace, _selected(query), _labels(query))
        if verb == "get":
            return store.get(namespace, name)
        value = json.loads(body or b"{}")
        if verb == "delete":
            return store.delete(namespace, name, value)
        if verb == "create":
            return store.create(namespace, value, manager)
        if verb == "update":
            return store.change(namespace, name, lambda old: value | _only(old, "status"), manager)
        return self._patch(target, query, value, manager)

    def _patch(
        self, target: dict[str, Any], query: dict[str, str], value: Object, manager: str
    ) -> Object:
        store, namespace, name = self._store(target), target["namespace"], target["name"]
        kind = (self.headers.get("Content-Type") or "").split(";")[0]
        if kind == APPLY:
            if "fieldManager" not in query:
                raise StatusError(400, "BadRequest", "fieldManager is required for apply patch")
            if (namespace, name) not in store.objects:
                self._authorize("create", target["resource"])
            return store.apply(namespace, name, value, manager, query.get("force") == "true")
        if kind == MERGE:
            return store.change(
                namespace, name, lambda old: _merged(old, value, bool(target["status"])), manager
            )
        raise StatusError(415, "UnsupportedMediaType", f"the body of the request was in {kind}")

    def _watch(self, target: dict[str, Any], query: dict[str, str]) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for line in self._lines(target, query):
                data = json.dumps(line).encode() + b"\n"
                self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
                self.wfile.flush()
            if self.server.stopping:
                self.close_connection = True  # in the middle of a chunk, as in a crash
                return
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True

    def _lines(self, target: dict[str, Any], query: dict[str, str]) -> Iterator[Object]:
        store, version = self._store(target), int(query.get("resourceVersion") or 0)
        end = time.monotonic() + float(query.get("timeoutSeconds") or 60)
        selected = _selected(query)
        while not self.server.stopping and (left := end - time.monotonic()) > 0:
            with store.changed:
                try:
                    events = store.since(version)
                except StatusError as failure:
                    yield {"type": "ERROR", "object": failure.status}
                    return
                if not events:
                    store.changed.wait(left)
                    continue
            for event in events:
                version = event.version
                metadata = event.object["metadata"]
                mine = metadata["namespace"] == target["namespace"]
                if mine and selected in (None, metadata["name"]):
                    yield {"type": event.type, "object": event.object}
        if query.get("allowWatchBookmarks", "").lower() == "true":
            mark = {"kind": store.kind, "apiVersion": store.api_version}
            yield {
                "type": "BOOKMARK",
                "object": mark | {"metadata": {"resourceVersion": str(version)}},
            }

    def _send(self, code: int, content: Object) -> None:
        data = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _selected(query: dict[str, str]) -> str | None:
    """Return the name in a field selector."""
    return query.get("fieldSelector", "").partition("metadata.name=")[2] or None


def _labels(query: dict[str, str]) -> Object:
    """Return the labels of a selector with `=`, and with `None` those that must exist."""
    parts = filter(None, query.get("labelSelector", "").split(","))
    pairs = (part.partition("=") for part in parts)
    return {key: value if equal else None for key, equal, value in pairs}


def _only(value: Object, key: str) -> Object:
    return {key: value[key]} if key in value else {}


def _merged(live: Object, patch: Object, status: bool) -> Object:
    """Apply a JSON merge patch (RFC 7396) to the status, or to everything else."""
    parts = {"status"} if status else {"metadata", "spec"}
    result: Object = _merge(live, {key: value for key, value in patch.items() if key in parts})
    return result


def _merge(value: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for key, content in patch.items():
        if content is None:
            result.pop(key, None)
        else:
            result[key] = _merge(result.get(key), content)
    return result
