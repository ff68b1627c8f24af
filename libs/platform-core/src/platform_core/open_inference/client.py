"""An asynchronous client of one V2 server over REST.

UpstreamUnavailable
├── ServiceTimeout       no response in time
├── ServiceUnreachable   the server does not listen, or the connection broke
└── UnusableResponse     an error status, or a response that is not V2
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import orjson

from platform_core.errors import ModelNotReady, NotFound, ReleaseRefused, UpstreamUnavailable
from platform_core.open_inference.connections import (
    ConnectionBroken,
    ConnectionPool,
    HttpResponse,
    InvalidHttp,
)
from platform_core.open_inference.tensors import Tensor

# KServe's name of the extension; other servers load models in their own ways.
REPOSITORY_EXTENSION = "model_repository_extension"
# Loading fetches, verifies and warms up a release.
LOAD_SECONDS = 60.0
MAX_REASON = 500  # characters


class ServiceTimeout(UpstreamUnavailable):
    """The server did not respond in time."""


class ServiceUnreachable(UpstreamUnavailable):
    """The server does not listen, or the connection broke before a response came."""


class UnusableResponse(UpstreamUnavailable):
    """The server responded with an error or with something that is not V2."""


@dataclass(frozen=True, slots=True)
class InferenceResult:
    """The output tensors of one inference, by name, and the response's parameters.

    `service_us` is how many microseconds the server took without waiting for a processor, `None`
    if it does not say so.
    """

    outputs: Mapping[str, Tensor]
    parameters: Mapping[str, Any]
    service_us: int | None = None


class V2Client:
    """Calls one V2 server over kept connections; belongs to one event loop.

    `name` stands for the server in error messages, e.g. "the inference service in staging".
    """

    def __init__(self, url: str, timeout_seconds: float, name: str, max_idle: int = 8) -> None:
        parts = urlsplit(url)
        self._path = parts.path.rstrip("/")
        self._pool = ConnectionPool(url, max_idle)
        self._timeout = timeout_seconds
        self._name = name

    async def infer(
        self, model: str, inputs: Sequence[Tensor], **request: object
    ) -> InferenceResult:
        """Return the result of `inputs`; `request` holds other fields of a V2 request.

        Raises:
            ModelNotReady: the server has no such model.
            UpstreamUnavailable: see the errors of this module.
        """
        body = orjson.dumps({"inputs": inputs, **request})
        response = await self._request("POST", f"/v2/models/{model}/infer", body)
        document = self._document(response, model)
        try:
            outputs = {tensor["name"]: tensor for tensor in document["outputs"]}
            parameters = document.get("parameters") or {}
            return InferenceResult(outputs, parameters, response.service_us)
        except (KeyError, TypeError) as error:
            raise self.not_v2(f"{error!r:.100}") from error

    async def served_release(self, model: str, seconds: float | None = None) -> str:
        """Return the release id that the metadata of `model` names as its version.

        Raises:
            ModelNotReady: the server has no such model, or could not load it.
            UpstreamUnavailable: see the errors of this module.
        """
        response = await self._request("GET", f"/v2/models/{model}", seconds=seconds)
        if response.status == HTTPStatus.SERVICE_UNAVAILABLE:
            raise ModelNotReady(self._failure(response))
        versions = self._document(response, model).get("versions")
        if not isinstance(versions, list) or len(versions) != 1:
            raise self.not_v2("the metadata names no single version")
        return str(versions[0])

    async def is_ready(self, model: str) -> bool:
        """Return whether `model` is ready."""
        response = await self._request("GET", f"/v2/models/{model}/ready")
        return response.status == HTTPStatus.OK

    async def loads_models(self) -> bool:
        """Return whether the server offers KServe's model repository extension."""
        response = await self._request("GET", "/v2")
        return REPOSITORY_EXTENSION in self._document(response, "").get("extensions", ())

    async def load(self, model: str, seconds: float = LOAD_SECONDS) -> None:
        """Load what is deployed under the name `model`.

        Raises:
            NotFound: nothing is deployed.
            ReleaseRefused: the server refused the release.
            UpstreamUnavailable: see the errors of this module.
        """
        await self._change(model, "load", seconds)

    async def unload(self, model: str) -> None:
        """Stop serving `model`; raises like `load`."""
        await self._change(model, "unload", LOAD_SECONDS)

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def not_v2(self, reason: str) -> UnusableResponse:
        """Return the error of a response that is not V2."""
        return UnusableResponse(f"{self._name} did not follow the V2 protocol: {reason}")

    async def _change(self, model: str, action: str, seconds: float) -> None:
        path = f"/v2/repository/models/{model}/{action}"
        response = await self._request("POST", path, seconds=seconds)
        if response.status == HTTPStatus.NOT_FOUND:
            raise NotFound(self._failure(response))
        if HTTPStatus.BAD_REQUEST <= response.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ReleaseRefused(self._failure(response))
        if response.status != HTTPStatus.OK:
            raise UnusableResponse(self._failure(response))

    async def _request(
        self, method: str, path: str, body: bytes = b"", seconds: float | None = None
    ) -> HttpResponse:
        seconds = self._timeout if seconds is None else seconds
        target = self._path + path
        try:
            try:
                return await self._pool.request(method, target, body, seconds)
            except ConnectionBroken:
                # The server may close an idle connection just when it is used again; every V2
                # call may be repeated.
                return await self._pool.request(method, target, body, seconds)
        except TimeoutError as error:
            raise ServiceTimeout(
                f"{self._name} did not answer in {seconds:g} s; try again"
            ) from error
        except ConnectionBroken as error:
            raise ServiceUnreachable(f"{self._name} does not answer; try again") from error
        except InvalidHttp as error:
            raise self.not_v2(str(error)) from error

    def _document(self, response: HttpResponse, model: str) -> dict[str, Any]:
        if response.status == HTTPStatus.NOT_FOUND:
            raise ModelNotReady(f"{self._failure(response)}; deploy a release of {model} first")
        if response.status != HTTPStatus.OK:
            raise UnusableResponse(f"{self._failure(response)}; see its log")
        try:
            document = orjson.loads(response.body)
        except orjson.JSONDecodeError as error:
            raise self.not_v2("not JSON") from error
        if not isinstance(document, dict):
            raise self.not_v2("not a JSON object")
        return document

    def _failure(self, response: HttpResponse) -> str:
        return f"{self._name} answered {response.status}: {_reason(response.body)}"


def _reason(body: bytes) -> str:
    """Return the `error` of a V2 error document; anything else may be private or too long."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "no reason given"
    error = document.get("error") if isinstance(document, dict) else None
    return f"{error:.{MAX_REASON}}" if isinstance(error, str) else "no reason given"
