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


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One request; `RequestContextMiddleware` creates it before anything else looks at the request.

    `started` is a reading of `time.perf_counter`. `headers` have lower-case names; `caller` is
    `None` without a known API key. `use_case` and `environment` are set once they have been
    checked, so that metrics have no labels a caller can invent.
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


def set_use_case(request: Request, use_case: str) -> None:
    """Record that the request is for `use_case`, which is installed."""
    context = context_of(request)
    set_context(request.scope, _for_target(context, use_case, context.environment))


def set_environment(request: Request, environment: Environment) -> None:
    """Record the environment that the request is for."""
    context = context_of(request)
    set_context(request.scope, _for_target(context, context.use_case, environment))


def _for_target(
    context: RequestContext, use_case: str, environment: Environment | None
) -> RequestContext:
    # `dataclasses.replace` takes three times as long.
    return RequestContext(
        context.request_id,
        context.started,
        context.headers,
        context.caller,
        context.body_limits,
        use_case,
        environment,
    )
