"""The InferenceServices of one namespace and what runs for them, through the Kubernetes API.

Requests are retried until the deadline while the server restarts, is overloaded or cannot be
reached. Every other failure is translated into an error of the platform.
"""

import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
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
Kind = tuple[str, str, str]
"""API version, kind and plural of a resource."""
INFERENCE_SERVICE: Kind = ("serving.kserve.io/v1beta1", "InferenceService", "inferenceservices")
DEPLOYMENT: Kind = ("apps/v1", "Deployment", "deployments")
POD: Kind = ("v1", "Pod", "pods")
SERVICE: Kind = ("v1", "Service", "services")
FIELD_MANAGER = "mlplatform-deployer"
ACCEPT = {"Accept": "application/json"}
APPLY = {"Content-Type": "application/apply-patch+yaml", **ACCEPT}
JSON = {"Content-Type": "application/json", **ACCEPT}
# Connect and read time-outs.
REQUEST_SECONDS = (5, 30)
# Short, because the pods are checked whenever a watch ends.
WATCH_SECONDS = 1
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
# RBAC's words; an admission plugin or webhook answers 403 as well, with its own reason.
ROLE_MISSING = re.compile(r'User ".*" cannot ')
RETRIED = (HTTPStatus.TOO_MANY_REQUESTS, *range(500, 600))


class InferenceServiceDeleted(NotFound):
    """The InferenceService that is followed was deleted."""


class InferenceServiceApi:
    """Reads, applies, follows and deletes InferenceServices of `namespace`.

    `deadline` (monotonic seconds) bounds the retries of a method. All of them raise:

        ConfigurationError: this identity may not do it.
        UpstreamUnavailable: the server did not answer in time.
    """

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self._client = client
        self._objects = CustomObjectsApi(client)
        self._namespace = namespace

    def find(self, name: str, deadline: float) -> Object | None:
        """Return an InferenceService, `None` if it does not exist."""
        try:
            return self._call("GET", INFERENCE_SERVICE, name, deadline)
        except NotFound:
            return None

    def select(
        self, selector: str, deadline: float, kind: Kind = INFERENCE_SERVICE
    ) -> list[Object]:
        """Return the objects of a kind that a label selector selects."""
        query = [("labelSelector", selector)]
        found: list[Object] = self._call("GET", kind, "", deadline, query)["items"]
        # The items of a list have no kind.
        return [{"apiVersion": kind[0], "kind": kind[1]} | item for item in found]

    def apply(
        self, configuration: Object, deadline: float, kind: Kind = INFERENCE_SERVICE
    ) -> Object:
        """Create or change an object by server-side apply, and return it.

        The fields in `configuration` are taken over from other field managers; theirs stay.

        Raises:
            Refused: a webhook, policy or quota refuses the object.
        """
        name = configuration["metadata"]["name"]
        query = [("fieldManager", FIELD_MANAGER), ("force", "true")]
        return self._call("PATCH", kind, name, deadline, query, APPLY, configuration)

    def delete(self, live: Object, deadline: float) -> None:
        """Begin to delete an InferenceService; it exists until everything it owns has ended.

        Another object of the same name is not deleted.
        """
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Foreground",
            "preconditions": {"uid": live["metadata"]["uid"]},
        }
        name = live["metadata"]["name"]
        try:
            self._call("DELETE", INFERENCE_SERVICE, name, deadline, (), JSON, options)
        except (NotFound, Conflict):
            return

    def follow(self, seen: Object, deadline: float) -> Iterator[Object]:
        """Yield `seen` and then every later state of it until the deadline.

        The last state is repeated when nothing happens for a second. A watch that expired or
        broke off is restarted from the current state.

        Raises:
            InferenceServiceDeleted: the InferenceService no longer exists, or was created again.
        """
        name, uid = seen["metadata"]["name"], seen["metadata"]["uid"]
        while time.monotonic() < deadline:
            yield seen
            begin = time.monotonic()
            try:
                for event in self._watch(seen):
                    seen = event
                    yield seen
            except _Expired:
                found = self.find(name, deadline)
                if found is None or found["metadata"]["uid"] != uid:
                    raise self._deleted(name) from None
                seen = found
            if (
                time.monotonic() - begin < FIRST_PAUSE
            ):  # a watch that ends at once must not make this spin
                time.sleep(FIRST_PAUSE)

    def _watch(self, seen: Object) -> Iterator[Object]:
        """Yield the states after `seen` for at most `WATCH_SECONDS`."""
        name = seen["metadata"]["name"]
        version, _, plural = INFERENCE_SERVICE
        events = Watch().stream(
            self._objects.list_namespaced_custom_object,
            *version.split("/"),
            self._namespace,
            plural,
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
                        raise self._deleted(name)
                    if event["type"] != "BOOKMARK":
                        yield event["object"]
        except ApiException as error:
            if error.status not in (HTTPStatus.GONE, *RETRIED):
                self._translate(f"watch {name}", error)
            raise _Expired from error
        except (urllib3.exceptions.HTTPError, json.JSONDecodeError) as error:
            raise _Expired from error

    def _call(
        self,
        method: str,
        kind: Kind,
        name: str,
        deadline: float,
        query: Sequence[tuple[str, str]] = (),
        headers: dict[str, str] = ACCEPT,
        body: Object | None = None,
    ) -> Object:
        pause, what = FIRST_PAUSE, f"{method} {kind[2]} {name}".rstrip()
        while True:
            try:
                return self._request(method, _path(kind, name), query, headers, body)
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

    def _request(
        self, method: str, path: str, query: Any, headers: dict[str, str], body: Object | None
    ) -> Object:
        """Send one request; the client's own methods cannot apply custom resources."""
        answer: Object = self._client.call_api(
            path,
            method,
            path_params={"namespace": self._namespace},
            query_params=list(query),
            header_params=dict(headers),
            body=body,
            response_type="object",
            auth_settings=["BearerToken"],
            _return_http_data_only=True,
            _request_timeout=REQUEST_SECONDS,
        )
        return answer

    def _translate(self, what: str, error: ApiException) -> NoReturn:
        status = _status(error)
        message = f"{what} in namespace {self._namespace}: {status.get('message') or error.reason}"
        raise self._error(error.status, what, message) from error

    @staticmethod
    def _error(code: int, what: str, message: str) -> PlatformError:
        if not code:
            return ConfigurationError(f"{message}; check certificates and host of the kubeconfig")
        if code == HTTPStatus.NOT_FOUND:
            return NotFound(message)
        if code == HTTPStatus.UNAUTHORIZED or ROLE_MISSING.search(message):
            return ConfigurationError(
                f"{message}; the role `release-deployer` of model-serving/inference-service/deploy "
                "allows it"
            )
        if code == HTTPStatus.CONFLICT:
            return Conflict(message)
        return Refused(f"{message} ({what} was answered {code})")

    def _deleted(self, name: str) -> InferenceServiceDeleted:
        return InferenceServiceDeleted(
            f"the InferenceService {name} in {self._namespace} was deleted"
        )


class _Expired(Exception):
    """A watch cannot be continued."""


def _path(kind: Kind, name: str) -> str:
    version, _, plural = kind
    prefix = "apis" if "/" in version else "api"
    path = f"/{prefix}/{version}/namespaces/{{namespace}}/{plural}"
    return f"{path}/{name}" if name else path


def _status(error: ApiException) -> Object:
    try:
        status = json.loads(error.body or "{}")
    except ValueError:
        return {}
    return status if isinstance(status, dict) else {}
