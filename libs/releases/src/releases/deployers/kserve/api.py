"""The InferenceServices of one namespace and their pods, through the Kubernetes API.

Requests are retried until the deadline while the server restarts, is overloaded or cannot be
reached. Every other failure is translated into an error of the platform.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from http import HTTPStatus
from typing import Any, NoReturn

import urllib3
from kubernetes.client import ApiClient, ApiException, CustomObjectsApi
from kubernetes.watch import Watch

from platform_core.errors import (
    ConfigurationError,
    Conflict,
    NotFound,
    PlatformError,
    Refused,
    UpstreamUnavailable,
)

Object = dict[str, Any]
GROUP, VERSION, PLURAL = "serving.kserve.io", "v1beta1", "inferenceservices"
PATH = f"/apis/{GROUP}/{VERSION}/namespaces/{{namespace}}/{PLURAL}/{{name}}"
WORKLOADS = (
    "/apis/apps/v1/namespaces/{namespace}/deployments",
    "/api/v1/namespaces/{namespace}/pods",
)
OWNER = "serving.kserve.io/inferenceservice"
"""The label of everything that KServe makes for an InferenceService."""
FIELD_MANAGER = "mlplatform-deployer"
APPLY = {"Content-Type": "application/apply-patch+yaml", "Accept": "application/json"}
# Connect and read time-outs.
REQUEST_SECONDS = (5, 30)
# Short, because the pods are checked whenever a watch ends.
WATCH_SECONDS = 1
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
# RBAC's words; an admission plugin or webhook answers 403 as well, with its own reason.
ROLE_MISSING = re.compile(r'User ".*" cannot ')
RETRIED = (HTTPStatus.TOO_MANY_REQUESTS, *range(500, 600))


class OutOfDate(Conflict):
    """The object has changed since it was read."""


class InferenceServiceApi:
    """Reads, applies and follows InferenceServices of `namespace`."""

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self._client = client
        self._objects = CustomObjectsApi(client)
        self._namespace = namespace

    def get(self, name: str, deadline: float) -> Object:
        """Return an InferenceService; `deadline` (monotonic seconds) bounds the retries.

        Raises:
            NotFound: it does not exist.
            ConfigurationError: this identity may not read it.
            UpstreamUnavailable: the server did not answer in time.
        """
        return self._call(
            f"get {name}",
            deadline,
            lambda: self._objects.get_namespaced_custom_object(
                GROUP, VERSION, self._namespace, PLURAL, name, _request_timeout=REQUEST_SECONDS
            ),
        )

    def apply(self, configuration: Object, deadline: float) -> Object:
        """Apply the fields that the platform owns (server-side apply).

        With `metadata.resourceVersion`, only the version that was read is changed.

        Raises:
            OutOfDate: the object has changed since.
            Conflict: another field manager owns a field; nothing was changed.
        """
        name = configuration["metadata"]["name"]
        return self._call(
            f"patch {name}",
            deadline,
            lambda: self._client.call_api(
                PATH,
                "PATCH",
                path_params={"namespace": self._namespace, "name": name},
                query_params=[("fieldManager", FIELD_MANAGER), ("force", "false")],
                header_params=dict(APPLY),
                body=configuration,
                response_type="object",
                auth_settings=["BearerToken"],
                _return_http_data_only=True,
                _request_timeout=REQUEST_SECONDS,
            ),
        )

    def workload(self, name: str, deadline: float) -> tuple[list[Object], list[Object]]:
        """Return the Deployments and the pods of an InferenceService, pods that end included."""
        deployments, pods = (
            self._call(f"list {path.rpartition('/')[2]}", deadline, partial(self._list, path, name))
            for path in WORKLOADS
        )
        return deployments["items"], pods["items"]

    def _list(self, path: str, name: str) -> Object:
        found: Object = self._client.call_api(
            path,
            "GET",
            path_params={"namespace": self._namespace},
            query_params=[("labelSelector", f"{OWNER}={name}")],
            header_params={"Accept": "application/json"},
            response_type="object",
            auth_settings=["BearerToken"],
            _return_http_data_only=True,
            _request_timeout=REQUEST_SECONDS,
        )
        return found

    def follow(self, seen: Object, deadline: float) -> Iterator[Object]:
        """Yield `seen` and then every later state of it until the deadline.

        The last state is repeated when nothing happens for a second. A watch that expired or
        broke off is restarted from the present state.

        Raises:
            NotFound: the InferenceService was deleted.
        """
        name = seen["metadata"]["name"]
        while time.monotonic() < deadline:
            yield seen
            begin = time.monotonic()
            try:
                for event in self._watch(seen):
                    seen = event
                    yield seen
            except _Expired:
                seen = self.get(name, deadline)
            if (
                time.monotonic() - begin < FIRST_PAUSE
            ):  # a watch that ends at once must not make this spin
                time.sleep(FIRST_PAUSE)

    def _watch(self, seen: Object) -> Iterator[Object]:
        """Yield the states after `seen` for at most `WATCH_SECONDS`."""
        name = seen["metadata"]["name"]
        events = Watch().stream(
            self._objects.list_namespaced_custom_object,
            GROUP,
            VERSION,
            self._namespace,
            PLURAL,
            field_selector=f"metadata.name={name}",
            resource_version=seen["metadata"]["resourceVersion"],
            allow_watch_bookmarks=True,
            timeout_seconds=WATCH_SECONDS,
            _request_timeout=REQUEST_SECONDS,
        )
        try:
            with closing(events):
                for event in events:
                    if event["type"] == "DELETED":
                        self._absent(name)
                    if event["type"] != "BOOKMARK":
                        yield event["object"]
        except ApiException as error:
            if error.status not in (HTTPStatus.GONE, *RETRIED):
                self._translate(f"watch {name}", error)
            raise _Expired from error
        except (urllib3.exceptions.HTTPError, json.JSONDecodeError) as error:
            raise _Expired from error

    def _call(self, what: str, deadline: float, request: Callable[[], Object]) -> Object:
        pause = FIRST_PAUSE
        while True:
            try:
                return request()
            except ApiException as error:
                if error.status not in RETRIED:
                    self._translate(what, error)
                reason = f"{error.status} {error.reason}"
            except urllib3.exceptions.HTTPError as error:
                reason = str(error)
            if time.monotonic() + pause > deadline:
                raise UpstreamUnavailable(
                    f"the Kubernetes API at {self._client.configuration.host} does not answer "
                    f"({what} in {self._namespace}): {reason}"
                )
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _translate(self, what: str, error: ApiException) -> NoReturn:
        status = _status(error)
        message = f"{what} in namespace {self._namespace}: {status.get('message') or error.reason}"
        raise self._error(error.status, what, message, status) from error

    @staticmethod
    def _error(code: int, what: str, message: str, status: Object) -> PlatformError:
        if not code:
            return ConfigurationError(f"{message}; check certificates and host of the kubeconfig")
        if code == HTTPStatus.NOT_FOUND:
            return NotFound(
                f"{message}; apply model-serving/inference-service/deploy before a release"
            )
        if code == HTTPStatus.UNAUTHORIZED or ROLE_MISSING.search(message):
            return ConfigurationError(
                f"{message}; the role `release-deployer` of training/deploy allows it"
            )
        if code == HTTPStatus.CONFLICT and _owners(status):
            return Conflict(
                f"{message}; another field manager owns {', '.join(_owners(status))}: "
                "remove these fields from its configuration"
            )
        if code == HTTPStatus.CONFLICT:
            return OutOfDate(message)
        return Refused(f"{message} ({what} was answered {code})")

    def _absent(self, name: str) -> NoReturn:
        raise NotFound(
            f"the InferenceService {name} in {self._namespace} was deleted during the deployment"
        )


class _Expired(Exception):
    """A watch cannot be continued."""


def _status(error: ApiException) -> Object:
    try:
        status = json.loads(error.body or "{}")
    except ValueError:
        return {}
    return status if isinstance(status, dict) else {}


def _owners(status: Object) -> list[str]:
    """Return the fields that other field managers own."""
    causes = (status.get("details") or {}).get("causes") or []
    return [c.get("field", "?") for c in causes if c.get("reason") == "FieldManagerConflict"]
