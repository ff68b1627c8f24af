"""What only an HTTP caller can get wrong, as branches of the platform's error tree.

Refused
├── Unauthenticated         no key, or an unknown one
├── Forbidden               the key's role is too low
├── RateLimited             the key has used up its requests for now
└── QuotaExceeded           the key's files would exceed its quota
InvalidInput
├── MethodNotAllowed        the path does not support the method
├── UnsupportedMediaType    the headers declare no uncompressed UTF-8 JSON
├── BodyTooLarge            more than 10 MiB
├── BodyTooSlow             the body did not arrive in time
├── LengthRequired          the size of a file is not declared
├── InvalidRange            a range header is malformed
├── RangeNotSatisfiable     a file has no such range
├── ContentMismatch         an uploaded file does not have the declared digest
├── UnknownEnvironment      `X-Environment` is neither staging nor production
├── UnknownPurpose          `X-Purpose` is none of live, smoke, drill, try
└── UnknownReleaseRole      `X-Release-Role` is none of stable, canary, shadow
NotFound
├── PathNotFound            the endpoint does not exist
├── UseCaseNotFound         the path names a use case that is not installed
├── StoredPageNotFound      a dataset version has no report page, or a release no card page
├── PredictionNotFound      no prediction has this id
└── PredictionErased        there was one; its record and its labels were erased
Conflict
├── FileTaken               a file or another upload already uses this path
├── FileInUse               a batch job that has not ended reads or writes the file
├── NoReleaseInRole         no release has the role that `X-Release-Role` names
├── UnexpectedState         a change expects a different serving state
└── UploadOffset            a piece of an upload does not start where the last one ended
Unavailable
├── ModelNotReady
│   └── NoReleaseServed     the ledger names no release
└── Overloaded              the limit of requests in flight is reached
"""

from collections.abc import Mapping

from platform_core.errors import (
    Conflict,
    InvalidInput,
    ModelNotReady,
    NotFound,
    Refused,
    Unavailable,
)


class Unauthenticated(Refused):
    """The API key is missing or unknown."""

    code = "unauthenticated"


class Forbidden(Refused):
    """The key's role is too low."""

    code = "forbidden"


class RateLimited(Refused):
    """The key has used up its requests; `retry_after` seconds until there are more."""

    code = "rate-limited"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NoReleaseServed(ModelNotReady):
    """The environment serves no release yet; a retry helps once one is promoted or staged."""

    code = "no-release-served"
    retry_after = 120


class Overloaded(Unavailable):
    """The gateway, or this key, has reached its limit of requests in flight."""

    code = "overloaded"


class PathNotFound(NotFound):
    """The endpoint does not exist."""

    code = "path-not-found"


class UseCaseNotFound(NotFound):
    """The path names a use case that is not installed."""

    code = "use-case-not-found"


class StoredPageNotFound(NotFound):
    """The dataset version does not exist, or the dataset version or release has no stored page."""

    code = "stored-page-not-found"


class PredictionNotFound(NotFound):
    """No prediction has this id."""

    code = "prediction-not-found"


class PredictionErased(NotFound):
    """The record and the labels of a prediction were erased."""

    code = "prediction-erased"


class MethodNotAllowed(InvalidInput):
    """The path exists but does not support this method; `Allow` lists those it supports."""

    code = "method-not-allowed"

    def __init__(self, message: str, headers: Mapping[str, str]) -> None:
        super().__init__(message)
        self.headers = dict(headers)


class UnsupportedMediaType(InvalidInput):
    """The headers do not declare the body as uncompressed UTF-8 JSON."""

    code = "unsupported-media-type"


class BodyTooLarge(InvalidInput):
    """The body is larger than the gateway reads."""

    code = "body-too-large"


class BodyTooSlow(InvalidInput):
    """The body did not arrive completely in time."""

    code = "body-too-slow"


class UnknownEnvironment(InvalidInput):
    """`X-Environment` is neither staging nor production."""

    code = "unknown-environment"


class UnknownPurpose(InvalidInput):
    """`X-Purpose` is none of live, smoke, drill, try."""

    code = "unknown-purpose"


class UnknownReleaseRole(InvalidInput):
    """`X-Release-Role` is none of stable, canary, shadow."""

    code = "unknown-release-role"


class QuotaExceeded(Refused):
    """The files of the key would exceed its quota."""

    code = "quota-exceeded"


class LengthRequired(InvalidInput):
    """The request does not declare the size of the file."""

    code = "length-required"


class InvalidRange(InvalidInput):
    """A header that names a range of a file or a digest is malformed."""

    code = "invalid-range"


class RangeNotSatisfiable(InvalidInput):
    """The file, of `size` bytes, has no such range."""

    code = "range-not-satisfiable"

    def __init__(self, message: str, size: int) -> None:
        super().__init__(message)
        self.size = size


class ContentMismatch(InvalidInput):
    """A file or a body does not have the declared digest."""

    code = "content-mismatch"


class FileTaken(Conflict):
    """A file or another upload already uses this path."""

    code = "file-taken"


class FileInUse(Conflict):
    """A batch job that has not ended reads or writes the file."""

    code = "file-in-use"


class NoReleaseInRole(Conflict):
    """No release has the role that a request asks for."""

    code = "no-release-in-role"


class UnexpectedState(Conflict):
    """The serving state differs from the one that a change expects."""

    code = "unexpected-state"


class UploadOffset(Conflict):
    """A piece of an upload does not start where the last one ended."""

    code = "upload-offset"
