"""What can go wrong, as a tree.

MlplatformError
├── ClientOptionsError          no usable URL or API key
├── InvalidNameError            a name or an id that cannot be a part of a URL
├── APIConnectionError          the gateway sent no response
│   └── APITimeoutError         … in time
├── APIStatusError              the gateway refused: `status`, `code`, `detail`, `request_id`
│   ├── BadRequestError         400 and what else is wrong with a request
│   ├── AuthenticationError     401: the API key is missing or unknown
│   ├── PermissionDeniedError   403: the role of the key is too low
│   ├── NotFoundError           404
│   │   └── GoneError           410: there was one; it was erased
│   ├── ConflictError           409: the state differs; `detail` names the difference
│   ├── InvalidFieldsError      422: `errors` names the fields
│   ├── RateLimitError          429: `retry_after` seconds until there are requests again
│   ├── QuotaError              507: the files of the key would exceed its quota
│   └── ServerError             500 and above
│       └── UnavailableError    503: `retry_after`
├── InvalidResponseError        the response is not what the API promises
├── WaitTimeoutError            what was waited for did not end in time
└── TransferError               a file changed while it was sent or received
"""

from mlplatform_client.models.operations import FieldProblem, Problem


class MlplatformError(Exception):
    """Any error of this package."""


class ClientOptionsError(MlplatformError):
    """The options of the client are unusable."""


class InvalidNameError(MlplatformError, ValueError):
    """A name or an id cannot be a part of a URL, so nothing has it; no request was made."""


class APIConnectionError(MlplatformError):
    """The gateway cannot be reached, or closed the connection.

    If `sent` is false the request has not left, and had no effect.
    """

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class APITimeoutError(APIConnectionError):
    """The gateway did not answer in time."""


class InvalidResponseError(MlplatformError):
    """The response is not what the API promises; is there a gateway at this URL?"""


class WaitTimeoutError(MlplatformError):
    """A change or job has not ended in the time that was given to it."""


class TransferError(MlplatformError):
    """A file cannot be transferred: it changed meanwhile, or differs from its declaration."""


class APIStatusError(MlplatformError):
    """The gateway returned an error (RFC 9457).

    `code` is stable: programs may rely on it. `request_id` finds the request in the gateway's log.
    `retry_after` is in seconds, `None` if the gateway does not suggest any.
    """

    def __init__(self, problem: Problem, retry_after: float | None = None) -> None:
        super().__init__(f"{problem.status} {problem.code}: {problem.detail}")
        self.problem = problem
        self.retry_after = retry_after

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status

    @property
    def code(self) -> str:
        """The kind of problem, e.g. `unexpected-state`."""
        return self.problem.code

    @property
    def detail(self) -> str:
        """What was wrong, for people."""
        return self.problem.detail

    @property
    def request_id(self) -> str:
        """The id of the request."""
        return self.problem.request_id

    @property
    def errors(self) -> list[FieldProblem]:
        """The fields that were wrong, if any."""
        return self.problem.errors or []


class BadRequestError(APIStatusError):
    """The request is not valid (400 to 499 without a class of its own)."""


class AuthenticationError(APIStatusError):
    """The API key is missing or unknown (401)."""


class PermissionDeniedError(APIStatusError):
    """The role of the API key is too low (403)."""


class NotFoundError(APIStatusError):
    """What the request names does not exist (404)."""


class GoneError(NotFoundError):
    """It existed and was erased (410)."""


class ConflictError(APIStatusError):
    """The current state does not allow it (409)."""


class InvalidFieldsError(APIStatusError):
    """The body or the query is not valid (422); `errors` names the fields."""


class RateLimitError(APIStatusError):
    """The API key has used up its requests for now (429)."""


class ServerError(APIStatusError):
    """The gateway failed (500 and above)."""


class UnavailableError(ServerError):
    """The gateway, or a service behind it, cannot answer now (503)."""


class QuotaError(APIStatusError):
    """The files of the API key would exceed its quota (507)."""


_BY_STATUS: dict[int, type[APIStatusError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    422: InvalidFieldsError,
    429: RateLimitError,
    503: UnavailableError,
    507: QuotaError,
}
_FIRST_SERVER_STATUS = 500


def status_error(problem: Problem, retry_after: float | None = None) -> APIStatusError:
    """Return the error of the class that belongs to the status of `problem`."""
    other = ServerError if problem.status >= _FIRST_SERVER_STATUS else BadRequestError
    return _BY_STATUS.get(problem.status, other)(problem, retry_after)
