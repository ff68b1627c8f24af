"""The typed context of a request: who sends it, when, and what it is for."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import Scope

from api_gateway.auth.keys import Caller
from platform_core.contracts.environments import Environment

_SCOPE_KEY = "api_gateway.context"


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How large a request body may be, and how long it may take to arrive."""

    max_bytes: int
    seconds: float


@dataclass(slots=True)
class RequestContext:
    """One request; `RequestContextMiddleware` creates it before anything else looks at the request.

    `started` is a reading of `time.perf_counter`. `headers` have lower-case names; `caller` is
    `None` without a known API key. The checks set `use_case` and `environment` once they have
    passed, so that metrics have no labels a caller can invent.
    """

    request_id: str
    started: float
    headers: Mapping[str, str]
    caller: Caller | None
    body_limits: BodyLimits
    use_case: str = ""
    environment: Environment | None = None


def context_of(request: Request) -> RequestContext:
    """Return the context of a request."""
    return scope_context(request.scope)


def scope_context(scope: Scope) -> RequestContext:
    """Return the context of the request that an ASGI scope belongs to."""
    context: RequestContext = scope[_SCOPE_KEY]
    return context


def set_context(scope: Scope, context: RequestContext) -> None:
    """Attach the context of a request to its ASGI scope."""
    scope[_SCOPE_KEY] = context
