"""Authentication and authorization of a request by its API key."""

from api_gateway.auth.keys import AccessRole, Caller
from api_gateway.errors import Forbidden, Unauthenticated
from api_gateway.http.context import RequestContext
from api_gateway.http.headers import API_KEY


def authenticate(context: RequestContext) -> Caller:
    """Return the caller; `Unauthenticated` (401) without exactly one API key that is known."""
    if context.caller is not None:
        return context.caller
    if API_KEY.lower() in context.headers:
        raise Unauthenticated(f"the API key in the header {API_KEY} is not known")
    raise Unauthenticated(f"the header {API_KEY} is missing; send an API key in it")


def authorize(context: RequestContext, role: AccessRole) -> Caller:
    """Return the caller; `Forbidden` (403) if the role of the key is lower than `role`."""
    caller = authenticate(context)
    if caller.role < role:
        raise Forbidden(
            f"the API key {caller.name} has the role {caller.role.name.lower()}; "
            f"this request needs {role.name.lower()}"
        )
    return caller
