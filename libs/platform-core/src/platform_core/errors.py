"""Every error of the platform, as one tree.

PlatformError
├── InvalidInput                the caller's input is invalid
│   ├── InvalidRecord           a record does not fit the use case's schema
│   ├── InvalidPath             a blob path outside what is allowed
│   ├── InvalidData             a data source cannot be used
│   └── UnknownUseCase          no such use case is installed
├── NotFound                    a named object does not exist
│   ├── BlobNotFound
│   ├── ReleaseNotFound
│   └── JobNotFound
├── Conflict                    the object already exists or has changed
│   ├── BlobExists
│   ├── BlobChanged
│   ├── LedgerConflict
│   ├── JobEnded
│   └── OutputReserved          another batch job is going to write to the same output
├── Refused                     a check or policy refused the request
│   ├── GateRefused             a release did not pass its gates
│   ├── DataUnchanged           a run would train on the data of an earlier one
│   └── ReleaseRefused          a release is corrupt or does not fit this code
├── Unavailable                 a dependency cannot answer now; a retry may help
│   ├── ModelNotReady           no release is served there yet
│   ├── UpstreamUnavailable     a server is down or too slow
│   └── SpoolUnavailable        the inference log cannot be written
└── ConfigurationError          settings that contradict each other or are missing

Each message says what was wrong, where, and what to do about it.
"""

from dataclasses import dataclass


class PlatformError(Exception):
    """Root of the tree. `code` is stable and safe to show to a caller."""

    code = "platform-error"


class InvalidInput(PlatformError):
    """The caller's input is invalid; retrying the same call will fail."""

    code = "invalid-input"


@dataclass(frozen=True)
class FieldError:
    """One error in a request; `field` is empty when the request is not JSON at all."""

    field: str
    detail: str

    def __str__(self) -> str:
        return f"{self.field}: {self.detail}" if self.field else self.detail


class InvalidRecord(InvalidInput):
    """A record or request does not fit its schema; `errors` are the first fields, `more` counts
    the others.
    """

    code = "invalid-record"

    def __init__(self, *errors: FieldError, more: int = 0) -> None:
        rest = [f"and {more} more"] if more else []
        super().__init__("; ".join([*map(str, errors), *rest]))
        self.errors = errors


class InvalidPath(InvalidInput):
    """A blob path is malformed or outside what the caller may reach."""

    code = "invalid-path"


class InvalidData(InvalidInput):
    """A data source is absent, empty, unreadable or lacks what the use case needs."""

    code = "invalid-data"


class UnknownUseCase(InvalidInput):
    """No installed package provides a use case of this name."""

    code = "unknown-use-case"


class NotFound(PlatformError):
    """A named object does not exist."""

    code = "not-found"


class BlobNotFound(NotFound):
    """No blob at this path."""

    code = "blob-not-found"


class ReleaseNotFound(NotFound):
    """No release of this id."""

    code = "release-not-found"


class JobNotFound(NotFound):
    """No batch job of this id."""

    code = "job-not-found"


class Conflict(PlatformError):
    """The object already exists or has changed since it was read."""

    code = "conflict"


class BlobExists(Conflict):
    """A blob that must be new already exists."""

    code = "blob-exists"


class BlobChanged(Conflict):
    """A blob was replaced since it was read."""

    code = "blob-changed"


class LedgerConflict(Conflict):
    """Another process changed the environment in the meantime."""

    code = "ledger-conflict"


class JobEnded(Conflict):
    """A batch job has ended and cannot be cancelled."""

    code = "job-ended"


class OutputReserved(Conflict):
    """Another batch job, which has not ended, is going to write to the same output."""

    code = "output-reserved"


class Refused(PlatformError):
    """A check or policy refused the request."""

    code = "refused"


class GateRefused(Refused):
    """A release did not pass its gates."""

    code = "gate-refused"


class DataUnchanged(Refused):
    """The source of a retraining run has the data that the release was trained on."""

    code = "data-unchanged"


class ReleaseRefused(Refused):
    """A release is corrupt or does not fit the code that should load it."""

    code = "release-refused"


class Unavailable(PlatformError):
    """A dependency cannot answer now; a retry may help.

    `retry_after` is the number of seconds a caller should wait.
    """

    code = "unavailable"
    retry_after = 1


class ModelNotReady(Unavailable):
    """No release is served there yet."""

    code = "model-not-ready"
    retry_after = 5


class UpstreamUnavailable(Unavailable):
    """A server the call depends on is down or too slow."""

    code = "upstream-unavailable"
    retry_after = 2


class SpoolUnavailable(Unavailable):
    """The inference log cannot be written, so no answer may be given."""

    code = "inference-log-unavailable"
    retry_after = 5


class ConfigurationError(PlatformError):
    """Settings are missing or contradict each other."""

    code = "configuration-error"
