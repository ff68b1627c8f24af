"""The table from errors to HTTP and gRPC statuses."""

from dataclasses import dataclass
from http import HTTPStatus

from grpc import StatusCode
from kserve.errors import (
    InferenceError,
    ModelNotFound,
    ServerNotLive,
    ServerNotReady,
    UnsupportedProtocol,
)
from kserve.errors import InvalidInput as KServeInvalidInput
from kserve.errors import ModelNotReady as KServeModelNotReady

from platform_core.errors import (
    InvalidInput,
    NotFound,
    PlatformError,
    Refused,
    Unavailable,
    UnknownUseCase,
)


@dataclass(frozen=True)
class Status:
    """The statuses of one kind of error."""

    http: HTTPStatus
    grpc: StatusCode


_BAD = Status(HTTPStatus.BAD_REQUEST, StatusCode.INVALID_ARGUMENT)
_ABSENT = Status(HTTPStatus.NOT_FOUND, StatusCode.NOT_FOUND)
_REFUSED = Status(HTTPStatus.CONFLICT, StatusCode.FAILED_PRECONDITION)
_UNAVAILABLE = Status(HTTPStatus.SERVICE_UNAVAILABLE, StatusCode.UNAVAILABLE)
_UNSUPPORTED = Status(HTTPStatus.NOT_IMPLEMENTED, StatusCode.UNIMPLEMENTED)
INTERNAL = Status(HTTPStatus.INTERNAL_SERVER_ERROR, StatusCode.INTERNAL)

# The first match counts, so subclasses come before their parents.
STATUSES: dict[type[Exception], Status] = {
    UnknownUseCase: _ABSENT,
    InvalidInput: _BAD,
    NotFound: _ABSENT,
    Refused: _REFUSED,
    Unavailable: _UNAVAILABLE,
    PlatformError: INTERNAL,
    KServeInvalidInput: _BAD,
    InferenceError: _BAD,
    ModelNotFound: _ABSENT,
    KServeModelNotReady: _UNAVAILABLE,
    ServerNotReady: _UNAVAILABLE,
    ServerNotLive: _UNAVAILABLE,
    UnsupportedProtocol: _UNSUPPORTED,
    NotImplementedError: _UNSUPPORTED,
}


def status_of(error: BaseException) -> Status:
    """Return the status an error is answered with; unknown ones are internal."""
    return next((s for kind, s in STATUSES.items() if isinstance(error, kind)), INTERNAL)


def message_of(error: BaseException) -> str:
    """Return the message for the caller; details of unknown errors stay in the log."""
    known = any(isinstance(error, kind) for kind in STATUSES)
    return str(error) if known else "internal error; the server's log has the details"
