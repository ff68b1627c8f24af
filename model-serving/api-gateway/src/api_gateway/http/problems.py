"""RFC 9457 problem documents: the one place where an error becomes an HTTP status."""

from http import HTTPStatus

from pydantic import BaseModel
from starlette.responses import Response

from api_gateway.errors import (
    BodyTooLarge,
    BodyTooSlow,
    Forbidden,
    InvalidRange,
    LengthRequired,
    MethodNotAllowed,
    PredictionErased,
    QuotaExceeded,
    RangeNotSatisfiable,
    RateLimited,
    Unauthenticated,
    UnknownEnvironment,
    UnknownPurpose,
    UnknownReleaseRole,
    UnsupportedMediaType,
)
from platform_core.errors import (
    Conflict,
    InvalidInput,
    InvalidRecord,
    NotFound,
    PlatformError,
    Refused,
    Unavailable,
)

MEDIA_TYPE = "application/problem+json"
# The first class that an error is an instance of decides: special classes before general ones.
STATUSES: tuple[tuple[type[PlatformError], HTTPStatus], ...] = (
    (Unauthenticated, HTTPStatus.UNAUTHORIZED),
    (Forbidden, HTTPStatus.FORBIDDEN),
    (RateLimited, HTTPStatus.TOO_MANY_REQUESTS),
    (MethodNotAllowed, HTTPStatus.METHOD_NOT_ALLOWED),
    (UnsupportedMediaType, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    (BodyTooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (BodyTooSlow, HTTPStatus.REQUEST_TIMEOUT),
    (LengthRequired, HTTPStatus.LENGTH_REQUIRED),
    (RangeNotSatisfiable, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE),
    (InvalidRange, HTTPStatus.BAD_REQUEST),
    (QuotaExceeded, HTTPStatus.INSUFFICIENT_STORAGE),
    (UnknownEnvironment, HTTPStatus.BAD_REQUEST),
    (UnknownPurpose, HTTPStatus.BAD_REQUEST),
    (UnknownReleaseRole, HTTPStatus.BAD_REQUEST),
    (InvalidInput, HTTPStatus.UNPROCESSABLE_ENTITY),
    (PredictionErased, HTTPStatus.GONE),
    (NotFound, HTTPStatus.NOT_FOUND),
    (Conflict, HTTPStatus.CONFLICT),
    (Refused, HTTPStatus.CONFLICT),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)
_TITLES = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Content Too Large",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Unprocessable Content",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: "Range Not Satisfiable",
}


class FieldProblem(BaseModel):
    """One field of a body that does not fit; empty when the body is not JSON at all."""

    field: str
    detail: str


class Problem(BaseModel):
    """An RFC 9457 problem document. `code` is stable: programs may rely on it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[FieldProblem] | None = None


def problem(error: PlatformError, path: str, request_id: str) -> Response:
    """Return the problem document of `error` for a request to `path`."""
    status = status_of(error)
    errors = None
    if isinstance(error, InvalidRecord):
        errors = [FieldProblem(field=e.field, detail=e.detail) for e in error.errors]
    return _response(
        Problem(
            title=title_of(status),
            status=status,
            detail=str(error),
            instance=path,
            code=error.code,
            request_id=request_id,
            errors=errors,
        ),
        _headers(error),
    )


def internal_problem(path: str, request_id: str) -> Response:
    """Return the document for an unexpected error; it reveals nothing about the cause."""
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return _response(
        Problem(
            title=title_of(status),
            status=status,
            detail="internal error; the gateway's log has the details under the request id",
            instance=path,
            code="internal-error",
            request_id=request_id,
        ),
        {},
    )


def status_of(error: PlatformError) -> HTTPStatus:
    """Return the HTTP status of an error; 500 for one that is not in `STATUSES`."""
    matching = (status for kind, status in STATUSES if isinstance(error, kind))
    return next(matching, HTTPStatus.INTERNAL_SERVER_ERROR)


def title_of(status: HTTPStatus) -> str:
    """Return the title of a status by RFC 9110."""
    return _TITLES.get(status, status.phrase)


def _headers(error: PlatformError) -> dict[str, str]:
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": 'ApiKey realm="mlplatform", header="X-API-Key"'}
    if isinstance(error, BodyTooSlow):
        return {"Connection": "close"}  # the rest of the body is not read
    if isinstance(error, MethodNotAllowed):
        return error.headers
    if isinstance(error, RangeNotSatisfiable):
        return {"Content-Range": f"bytes */{error.size}"}
    if isinstance(error, (Unavailable, RateLimited)):
        return {"Retry-After": str(error.retry_after)}
    return {}


def _response(document: Problem, headers: dict[str, str]) -> Response:
    body = document.model_dump_json(exclude_none=True)
    return Response(body, document.status, headers, MEDIA_TYPE)
