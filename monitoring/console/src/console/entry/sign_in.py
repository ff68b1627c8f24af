"""Signing in with an API key, which the gateway checks, and signing out."""

from http import HTTPStatus
from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from console.navigation import navigation
from console.services import Console
from console.web.forms import checked_form, field
from console.web.problems import GatewayProblem, gateway_problem
from console.web.sessions import Session, signed_in
from mlplatform_client.errors import AuthenticationError, ClientOptionsError, MlplatformError

router = APIRouter()
HOME = "/"
UNKNOWN_KEY = GatewayProblem(
    "This API key is not known",
    "Check it for missing characters; `mlplatform keys list` names the keys of this platform.",
    HTTPStatus.UNAUTHORIZED,
)


@router.get("/sign-in")
async def form(request: Request, next: str = HOME) -> Response:  # noqa: A002 - name of the query
    """Show the form."""
    console: Console = request.app.state.console
    session = console.cookies.read(request)
    if session.signed_in:
        return RedirectResponse(local_path(next), HTTPStatus.SEE_OTHER)
    return _page(request, session, local_path(next), None)


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Check the key with the gateway, and begin a session."""
    console: Console = request.app.state.console
    session = console.cookies.read(request)
    given = await checked_form(request, session)
    key, target = field(given, "key"), local_path(field(given, "next"))
    try:
        caller = await console.client(key).operations.caller()
    except (AuthenticationError, ClientOptionsError):
        return _page(request, session, target, UNKNOWN_KEY)
    except MlplatformError as error:
        return _page(request, session, target, gateway_problem(error))
    response = RedirectResponse(target, HTTPStatus.SEE_OTHER)
    console.cookies.write(response, signed_in(session, key, caller.name, caller.role))
    return response


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """End the session of this browser; others with the same key go on."""
    console: Console = request.app.state.console
    session = console.cookies.read(request)
    await checked_form(request, session)
    response = RedirectResponse("/sign-in", HTTPStatus.SEE_OTHER)
    console.cookies.clear(response)
    # Results of "Try it" may be kept for the browser's Back button until here.
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def local_path(given: str) -> str:
    """Return the path and query of a link to this console; that of any other place is home."""
    inside = given.startswith("/") and not given.startswith("//")
    if not inside or "\\" in given or not given.isprintable():
        return HOME
    return urlsplit(given)._replace(fragment="").geturl()


def _page(
    request: Request, session: Session, target: str, problem: GatewayProblem | None
) -> HTMLResponse:
    console: Console = request.app.state.console
    content = console.templates.render(
        "sign_in.html",
        title="Sign in",
        session=session,
        now=console.clock.now(),
        navigation=navigation(request, [], ""),
        outages=[],
        live=None,
        problem=problem,
        next=target,
        hours=console.settings.console_session_hours,
    )
    response = HTMLResponse(content, problem.status if problem else HTTPStatus.OK)
    console.cookies.write(response, session)
    return response
