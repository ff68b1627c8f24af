"""RFC 9457 problem documents: the one place where an error becomes an HTTP status."""

from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response

from api_gateway.errors import (
    BodyTooLarge,
    BodyTooSlow,
    Forbidden,
    MethodNotAllowed,
    RateLimited,
    Unauthenticated,
    UnknownEnvironment,
    UnknownPurpose,
    UnsupportedMediaType,
)
from platform_core.errors import (
    Conflict,
    InvalidFields,
    InvalidInput,
    NotFound,
    PlatformError,
    Refused,
    Unavailable,
)

MEDIA_TYPE = "application/problem+json"
# The first class an error is an instance of decides, so the special come before the general.
STATUSES: tuple[tuple[type[PlatformError], HTTPStatus], ...] = (
    (Unauthenticated, HTTPStatus.UNAUTHORIZED),
    (Forbidden, HTTPStatus.FORBIDDEN),
    (RateLimited, HTTPStatus.TOO_MANY_REQUESTS),
    (MethodNotAllowed, HTTPStatus.METHOD_NOT_ALLOWED),
    (UnsupportedMediaType, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    (BodyTooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (BodyTooSlow, HTTPStatus.REQUEST_TIMEOUT),
    (UnknownEnvironment, HTTPStatus.BAD_REQUEST),
    (UnknownPurpose, HTTPStatus.BAD_REQUEST),
    (InvalidInput, HTTPStatus.UNPROCESSABLE_ENTITY),
    (NotFound, HTTPStatus.NOT_FOUND),
    (Conflict, HTTPStatus.CONFLICT),
    (Refused, HTTPStatus.CONFLICT),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)
TITLES = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Content Too Large",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Unprocessable Content",
}


def problem(error: PlatformError, path: str, request_id: str) -> Response:
    """Return the problem document of `error` for a request to `path`."""
    status = status_of(error)
    document = _document(status, error.code, str(error), path, request_id)
    if isinstance(error, InvalidFields):
        document["errors"] = [{"field": e.field, "detail": e.detail} for e in error.errors]
    return _response(document, status, _headers(error))


def internal_problem(path: str, request_id: str) -> Response:
    """Return the document for an error nobody foresaw: it says nothing of the inside."""
    detail = "something failed inside the gateway; its log has the details under the request id"
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return _response(_document(status, "internal-error", detail, path, request_id), status, {})


def status_of(error: PlatformError) -> HTTPStatus:
    """Return the HTTP status of an error; what the tree does not foresee is 500."""
    matching = (status for kind, status in STATUSES if isinstance(error, kind))
    return next(matching, HTTPStatus.INTERNAL_SERVER_ERROR)


def _document(
    status: HTTPStatus, code: str, detail: str, path: str, request_id: str
) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": TITLES.get(status, status.phrase),
        "status": status.value,
        "detail": detail,
        "instance": path,
        "code": code,
        "request_id": request_id,
    }


def _headers(error: PlatformError) -> dict[str, str]:
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": 'ApiKey realm="mlplatform", header="X-API-Key"'}
    if isinstance(error, BodyTooSlow):
        return {"Connection": "close"}  # nobody waits for the rest of the body
    if isinstance(error, MethodNotAllowed):
        return error.headers
    if isinstance(error, (Unavailable, RateLimited)):
        return {"Retry-After": str(error.retry_after)}
    return {}


def _response(document: dict[str, Any], status: HTTPStatus, headers: dict[str, str]) -> Response:
    # A path may hold what is not UTF-8; the document always is.
    body = orjson.dumps(document)
    return Response(body, status.value, headers, MEDIA_TYPE)
