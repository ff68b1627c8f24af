"""The checks every request passes before anybody looks into its body, in their order."""

import asyncio

from starlette.requests import Request

from api_gateway.auth.keys import ApiKeys, Caller, Role
from api_gateway.errors import (
    BodyTooLarge,
    BodyTooSlow,
    Forbidden,
    Unauthenticated,
    UnknownEnvironment,
    UnknownPurpose,
    UnsupportedMediaType,
    UseCaseNotFound,
)
from platform_core.contracts.environments import Environment
from platform_core.contracts.inference_record import Purpose
from use_cases import UseCase, use_case, use_case_names

MAX_BODY_BYTES = 10 << 20
JSON = "application/json"
UTF8 = frozenset({"utf-8", "utf8"})
IDENTITY = "identity"
API_KEY = "X-API-Key"
CALLER = "caller"
"""Where a request's state holds whose first key it shows, `None` for one that is not known."""
ENVIRONMENT = "X-Environment"
PURPOSE = "X-Purpose"
_ENVIRONMENTS = {environment.value: environment for environment in Environment}
_PURPOSES = {purpose.value: purpose for purpose in Purpose}


def authenticate(request: Request, keys: ApiKeys) -> Caller:
    """Return who calls; `Unauthenticated` (401) without exactly one key that is known."""
    given = request.headers.getlist(API_KEY)
    if not given:
        raise Unauthenticated(f"send an API key in the header {API_KEY}")
    # Admission has looked the key up already where it came by.
    state = request.scope["state"]
    found = state[CALLER] if CALLER in state else keys.find(given[0])
    caller = found if len(given) == 1 else None
    if caller is None:
        raise Unauthenticated(f"the key in the header {API_KEY} is not known")
    return caller


def authorize(request: Request, keys: ApiKeys, role: Role) -> Caller:
    """Return who calls; `Forbidden` (403) when their role is below `role`."""
    caller = authenticate(request, keys)
    if caller.role < role:
        raise Forbidden(
            f"the key {caller.name} has the role {caller.role.name.lower()}; "
            f"this needs {role.name.lower()}"
        )
    return caller


def find_use_case(request: Request, name: str) -> UseCase:
    """Return the use case a path names; `UseCaseNotFound` (404) when it is not installed."""
    if name not in use_case_names():
        raise UseCaseNotFound(
            f"there is no use case {name!r:.100}; there are {', '.join(use_case_names())}"
        )
    request.state.use_case = name
    return use_case(name)


async def read_json(request: Request) -> bytes:
    """Return the body.

    Raises:
        UnsupportedMediaType: it does not say, once, that it is plain JSON in UTF-8 (415).
        BodyTooLarge: it is larger than 10 MiB, by its own account or by what arrives (413).
        BodyTooSlow: it is not complete after `app.state.body_timeout_seconds` (408).
    """
    _check_media_type(request)
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_BODY_BYTES:
        raise _too_large()
    seconds = request.app.state.body_timeout_seconds
    try:
        async with asyncio.timeout(seconds):
            return await _read_all(request)
    except TimeoutError as error:
        raise BodyTooSlow(
            f"the body was not complete after {seconds:g} s; send less at once, or a file to "
            "/batch/submit"
        ) from error


async def _read_all(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise _too_large()
        parts.append(part)
    return b"".join(parts)


def environment_of(request: Request) -> Environment:
    """Return the environment of `X-Environment`, staging without; `UnknownEnvironment` (400)."""
    given = request.headers.getlist(ENVIRONMENT) or [Environment.STAGING.value]
    environment = _ENVIRONMENTS.get(given[0]) if len(given) == 1 else None
    if environment is None:
        raise UnknownEnvironment(
            f"{ENVIRONMENT} is {', '.join(given)!r:.100}; send staging or production"
        )
    request.state.environment = environment.value
    return environment


def purpose_of(request: Request) -> Purpose:
    """Return the purpose of `X-Purpose`, live without; `UnknownPurpose` (400)."""
    given = request.headers.getlist(PURPOSE) or [Purpose.LIVE.value]
    purpose = _PURPOSES.get(given[0]) if len(given) == 1 else None
    if purpose is None:
        raise UnknownPurpose(
            f"{PURPOSE} is {', '.join(given)!r:.100}; send one of {', '.join(_PURPOSES)}"
        )
    return purpose


def _check_media_type(request: Request) -> None:
    given = ", ".join(request.headers.getlist("content-type"))
    media_type, *parameters = (part.strip().lower() for part in given.split(";"))
    pairs = (parameter.partition("=") for parameter in parameters)
    charsets = {value.strip().strip('"') for name, _, value in pairs if name.strip() == "charset"}
    if media_type != JSON or not charsets <= UTF8:
        raise UnsupportedMediaType(
            f"the body is {given or 'of no type'!r:.100}; send {JSON} in UTF-8"
        )
    encoding = ", ".join(request.headers.getlist("content-encoding")) or IDENTITY
    if encoding.strip().lower() != IDENTITY:
        raise UnsupportedMediaType(f"the body is encoded as {encoding!r:.100}; send it plain")


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(
        f"the body is larger than {MAX_BODY_BYTES} bytes; send fewer records at once, "
        "or a file to /batch/submit"
    )
