"""API keys and their roles. Only hashes of keys are stored."""

import hashlib
import hmac
import logging
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Literal

from limits import RateLimitItem, parse
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from platform_core.contracts.base import Contract
from platform_core.errors import ConfigurationError

logger = logging.getLogger(__name__)

DEVELOPMENT_KEYS = ("test-viewer-key", "test-operator-key", "test-admin-key")


def hash_key(key: str) -> str:
    """Return the hash that is stored of a key: SHA-256 in hexadecimal (64 characters)."""
    return hashlib.sha256(key.encode()).hexdigest()


_DEVELOPMENT_HASHES = frozenset(map(hash_key, DEVELOPMENT_KEYS))


class AccessRole(IntEnum):
    """What a key may do; a higher role includes the lower ones."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


@dataclass(frozen=True)
class Caller:
    """The owner of an API key; a limit of its own replaces the general one.

    The name is chosen by the operator of the platform, so it is safe in logs and metrics.
    """

    name: str
    role: AccessRole
    rate_limit: RateLimitItem | None = None
    quota: RateLimitItem | None = None
    file_quota_bytes: int | None = None


def _limit(text: str) -> str:
    parse(text)  # ValueError if it is not a limit
    return text


Limit = Annotated[str, AfterValidator(_limit)]


class KeyEntry(Contract):
    """One entry of the keys file; limits like `600/minute` replace those of the settings."""

    name: Annotated[str, Field(min_length=1)]
    role: Literal["viewer", "operator", "admin"]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    rate_limit: Limit | None = None
    quota: Limit | None = None
    file_quota_bytes: Annotated[int, Field(gt=0)] | None = None

    @property
    def caller(self) -> Caller:
        """The caller with this key."""
        rate_limit, quota = (parse(t) if t else None for t in (self.rate_limit, self.quota))
        role = AccessRole[self.role.upper()]
        return Caller(self.name, role, rate_limit, quota, self.file_quota_bytes)


_FILE = TypeAdapter(list[KeyEntry])
_Stamp = tuple[int, int, int]


class ApiKeys:
    """The keys of a file, which is read again when it changes.

    Without a file, or with an empty one, every request is refused.
    """

    def __init__(self, file: Path | None, allow_development_keys: bool) -> None:
        """Read the file.

        Raises:
            ConfigurationError: the file cannot be read or parsed, or contains development keys
                where they are not allowed.
        """
        self._file = file
        self._allow_development_keys = allow_development_keys
        self._stamp = self._file_stamp()
        self._callers = self._read()
        if not self._callers:
            logger.warning(
                "no API keys are configured (API_KEYS_FILE=%s): every request is refused", file
            )

    def find(self, key: str) -> Caller | None:
        """Return the owner of a key. All hashes are compared, so that timing reveals nothing."""
        self._refresh()
        presented = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
        found = None
        for stored, caller in self._callers:
            if hmac.compare_digest(stored, presented):
                found = caller
        return found

    def _refresh(self) -> None:
        stamp = self._file_stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._callers = self._read()
            logger.info("read %d API keys from %s", len(self._callers), self._file)
        except ConfigurationError as error:
            logger.warning("the API keys were not reloaded: %s", error)

    def _file_stamp(self) -> _Stamp | None:
        try:
            status = self._file.stat() if self._file else None
        except OSError:
            return None
        return (status.st_mtime_ns, status.st_size, status.st_ino) if status else None

    def _read(self) -> tuple[tuple[str, Caller], ...]:
        if self._file is None:
            return ()
        try:
            entries = _FILE.validate_json(self._file.read_bytes())
        except FileNotFoundError:
            return ()
        except (OSError, ValidationError) as error:
            raise ConfigurationError(
                f"API_KEYS_FILE={self._file} is not a list of keys with name, role "
                "(viewer, operator, admin), sha256 and optionally rate_limit, quota and "
                f"file_quota_bytes: {error}"
            ) from error
        self._refuse_development_keys(entries)
        return tuple((entry.sha256, entry.caller) for entry in entries)

    def _refuse_development_keys(self, entries: list[KeyEntry]) -> None:
        known = [entry.name for entry in entries if entry.sha256 in _DEVELOPMENT_HASHES]
        if known and not self._allow_development_keys:
            raise ConfigurationError(
                f"API_KEYS_FILE={self._file} contains development keys: {', '.join(known)}; "
                "replace them, or set ALLOW_DEVELOPMENT_KEYS=true on your own machine"
            )
