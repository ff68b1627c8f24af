"""The checks that a request passes before its body is parsed; the routes call them in order."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from starlette.requests import ClientDisconnect, Request

from api_gateway.errors import (
    BodyTooLarge,
    BodyTooSlow,
    UnknownEnvironment,
    UnknownPurpose,
    UnknownReleaseRole,
    UnsupportedMediaType,
    UseCaseNotFound,
)
from api_gateway.http.context import BodyLimits, context_of
from api_gateway.http.digests import check_body_digests
from api_gateway.http.headers import ENVIRONMENT, PURPOSE, RELEASE_ROLE, ROUTING_KEY
from platform_core.contracts.environments import Environment
from platform_core.contracts.inference_record import Purpose
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import FieldError, InvalidRecord
from use_cases import UseCase, use_case, use_case_names

MAX_BODY_BYTES = 10 << 20
JSON = "application/json"
UTF8 = frozenset({"utf-8", "utf8"})
IDENTITY = "identity"
BOOLEANS = ("true", "false")
_ENVIRONMENT, _PURPOSE = ENVIRONMENT.lower(), PURPOSE.lower()
_ENVIRONMENTS = {environment.value: environment for environment in Environment}
_PURPOSES = {purpose.value: purpose for purpose in Purpose}
_RELEASE_ROLE, _ROUTING_KEY = RELEASE_ROLE.lower(), ROUTING_KEY.lower()
_ROLES = {role.value: role for role in ServingRole}


def find_use_case(request: Request, name: str) -> UseCase:
    """Return the use case that a path names; `UseCaseNotFound` (404) if it is not installed."""
    if name not in use_case_names():
        raise UseCaseNotFound(
            f"use case {name!r:.100} is not installed; installed: {', '.join(use_case_names())}"
        )
    context_of(request).use_case = name
    return use_case(name)


async def read_json(request: Request) -> bytes:
    """Return the body.

    Raises:
        UnsupportedMediaType: the headers do not declare plain JSON in UTF-8 (415).
        BodyTooLarge: the body is too large, as declared or as received (413).
        BodyTooSlow: the body did not arrive in time (408).
        ContentMismatch, InvalidRange: it does not have its declared digest (422), or that is
            malformed (400).
    """
    context = context_of(request)
    _check_media_type(context.headers)
    limits = context.body_limits
    length = context.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limits.max_bytes:
        raise _too_large(limits)
    try:
        async with asyncio.timeout(limits.seconds):
            body = await _read_body(request, limits)
    except TimeoutError as error:
        raise BodyTooSlow(
            f"the body was not complete after {limits.seconds:g} s; send fewer records at once, "
            "or submit a file to /batch/submit"
        ) from error
    check_body_digests(context.headers, body)
    return body


async def _read_body(request: Request, limits: BodyLimits) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        size += len(part)
        if size > limits.max_bytes:
            raise _too_large(limits)
        parts.append(part)
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def environment_of(request: Request) -> Environment:
    """Return the environment of `X-Environment`, staging without; `UnknownEnvironment` (400)."""
    context = context_of(request)
    given = context.headers.get(_ENVIRONMENT, Environment.STAGING.value)
    environment = context.environment = _ENVIRONMENTS.get(given)
    if environment is None:
        raise UnknownEnvironment(f"{ENVIRONMENT} is {given!r:.100}; use staging or production")
    return environment


def environment_named(request: Request, name: str) -> Environment:
    """Return the environment that a path or query names; `UnknownEnvironment` (400)."""
    environment = context_of(request).environment = _ENVIRONMENTS.get(name)
    if environment is None:
        raise UnknownEnvironment(f"{name!r:.100} is not an environment; use staging or production")
    return environment


def purpose_of(request: Request) -> Purpose:
    """Return the purpose of `X-Purpose`, live without; `UnknownPurpose` (400)."""
    given = context_of(request).headers.get(_PURPOSE, Purpose.LIVE.value)
    purpose = _PURPOSES.get(given)
    if purpose is None:
        raise UnknownPurpose(f"{PURPOSE} is {given!r:.100}; use one of {', '.join(_PURPOSES)}")
    return purpose


def release_role_of(request: Request) -> ServingRole | None:
    """Return the role of `X-Release-Role`, `None` without; `UnknownReleaseRole` (400)."""
    given = context_of(request).headers.get(_RELEASE_ROLE)
    if given is None:
        return None
    role = _ROLES.get(given)
    if role is None:
        raise UnknownReleaseRole(
            f"{RELEASE_ROLE} is {given!r:.100}; use one of {', '.join(_ROLES)}"
        )
    return role


def routing_key_of(request: Request) -> str | None:
    """Return the routing key of `X-Routing-Key`, `None` without or if it is empty."""
    return context_of(request).headers.get(_ROUTING_KEY) or None


def time_of(name: str, text: str | None) -> datetime | None:
    """Return the time in the query parameter `name`; `InvalidRecord` (422) if it is not a time."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is not None:
            return time.astimezone(UTC)
    except (ValueError, OverflowError):  # in UTC it would be before year 1 or after 9999
        pass
    example = "2026-01-05T12:00:00Z"
    detail = f"{text!r:.100} is not a time with a time zone, for example {example}"
    raise InvalidRecord(FieldError(name, detail))


def period_of(start: str | None, end: str | None) -> tuple[datetime | None, datetime | None]:
    """Return the times of the query parameters `from` and `to`, each `None` without.

    Raises:
        InvalidRecord: one is not a time, or the first is later than the last (422).
    """
    first, last = time_of("from", start), time_of("to", end)
    if first is not None and last is not None and first > last:
        detail = f"{start!r:.100} is later than to, {end!r:.100}"
        raise InvalidRecord(FieldError("from", detail))
    return first, last


def choice_of(name: str, text: str, choices: Iterable[str]) -> str:
    """Return the value of the query parameter `name`; `InvalidRecord` (422) otherwise."""
    known = list(choices)
    if text in known:
        return text
    raise InvalidRecord(FieldError(name, f"{text!r:.100} is not one of {', '.join(known)}"))


def _check_media_type(headers: Mapping[str, str]) -> None:
    given = headers.get("content-type", "")
    if given == JSON and "content-encoding" not in headers:
        return
    media_type, *parameters = (part.strip().lower() for part in given.split(";"))
    pairs = (parameter.partition("=") for parameter in parameters)
    charsets = {value.strip().strip('"') for name, _, value in pairs if name.strip() == "charset"}
    if media_type != JSON or not charsets <= UTF8:
        raise UnsupportedMediaType(
            f"the Content-Type is {given or 'missing'!r:.100}; send {JSON} in UTF-8"
        )
    require_uncompressed(headers)


def require_uncompressed(headers: Mapping[str, str]) -> None:
    """Check that the body is not encoded; `UnsupportedMediaType` (415)."""
    encoding = headers.get("content-encoding") or IDENTITY
    if encoding.strip().lower() != IDENTITY:
        raise UnsupportedMediaType(
            f"the Content-Encoding is {encoding!r:.100}; send the body uncompressed"
        )


def _too_large(limits: BodyLimits) -> BodyTooLarge:
    return BodyTooLarge(
        f"the body is larger than {limits.max_bytes} bytes; send fewer records at once, "
        "or submit a file to /batch/submit"
    )
