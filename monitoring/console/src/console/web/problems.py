"""Pages for what went wrong: signed out, refused, not found, a defect."""

import logging
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from console.navigation import navigation
from console.services import Console
from console.web.errors import ForeignForm, FormTooLarge, PageNotFound, RoleTooLow, SignedOut
from mlplatform_client.errors import (
    APIConnectionError,
    APIStatusError,
    InvalidNameError,
    MlplatformError,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class GatewayProblem:
    """Why something was refused, for a page."""

    title: str
    detail: str
    status: int
    code: str = ""
    request_id: str = ""


def gateway_problem(error: MlplatformError) -> GatewayProblem:
    """Return what an error of the gateway says, in the words of the console."""
    if isinstance(error, APIStatusError):
        fields = "; ".join(f"{one.field}: {one.detail}" for one in error.errors)
        detail = (
            error.detail if not fields or fields in error.detail else f"{error.detail}: {fields}"
        )
        title = _TITLES.get(error.status, "The gateway refused")
        return GatewayProblem(title, detail, error.status, error.code, error.request_id)
    if isinstance(error, InvalidNameError):
        return GatewayProblem(_TITLES[404], str(error), HTTPStatus.NOT_FOUND)
    if isinstance(error, APIConnectionError):
        return GatewayProblem(
            "The gateway does not answer", str(error), HTTPStatus.SERVICE_UNAVAILABLE
        )
    return GatewayProblem("The gateway's answer is not usable", str(error), HTTPStatus.BAD_GATEWAY)


_TITLES = {
    403: "Your API key may not do this",
    404: "Not found",
    409: "Refused: the state has changed",
    410: "It was erased",
    422: "Not valid",
    429: "Too many requests with your API key",
    503: "The gateway cannot answer now",
}


_NEEDED = {
    "operator": "it shows the records of callers, or sends requests",
    "admin": "it changes what is served",
}
"""Why a role is needed."""


def add_problem_pages(app: FastAPI) -> None:
    """Add the handlers that turn exceptions into pages."""
    app.add_exception_handler(SignedOut, _to_sign_in)
    app.add_exception_handler(ForeignForm, _foreign_form)
    app.add_exception_handler(FormTooLarge, _form_too_large)
    app.add_exception_handler(RoleTooLow, _role_too_low)
    app.add_exception_handler(PageNotFound, _not_found)
    app.add_exception_handler(MlplatformError, _gateway_refused)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid_query)
    app.add_exception_handler(Exception, _defect)


async def _to_sign_in(request: Request, error: Exception) -> Response:
    """Send the browser to the sign-in page, and back afterwards.

    A request that follows a link on another site has no cookie, though the browser may be
    signed in. A page that loads the same address again makes the request one of this site,
    with the cookie.
    """
    del error
    console: Console = request.app.state.console
    here = request.url.path
    if request.url.query:
        here = f"{here}?{request.url.query}"
    query = urlencode({"next": here}) if request.method == "GET" and here != "/" else ""
    url = f"/sign-in?{query}" if query else "/sign-in"
    if request.headers.get("sec-fetch-site") == "cross-site" and request.method == "GET":
        return HTMLResponse(console.templates.render("again.html", here=here))
    if "hx-request" in request.headers:
        response = Response(headers={"HX-Redirect": url})
    else:
        response = RedirectResponse(url, HTTPStatus.SEE_OTHER)
    if console.cookies.read(request).signed_in:
        console.cookies.clear(response)  # the gateway does not know the key any more
    return response


async def _foreign_form(request: Request, error: Exception) -> Response:
    del error
    return _page(
        request,
        GatewayProblem(
            "This form has expired",
            "You have signed in or out since the page was loaded. Load it again and repeat.",
            HTTPStatus.FORBIDDEN,
        ),
    )


async def _form_too_large(request: Request, error: Exception) -> Response:
    del error
    detail = "The form is larger than the console accepts. Send less text, or use the API."
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return _page(request, GatewayProblem("The form is too large", detail, status))


async def _role_too_low(request: Request, error: Exception) -> Response:
    detail = (
        f"This needs the role {error}, because {_NEEDED.get(str(error), 'it is restricted')}. "
        "Sign out, and sign in with an API key that has this role."
    )
    return _page(request, GatewayProblem(_TITLES[403], detail, HTTPStatus.FORBIDDEN, "forbidden"))


async def _not_found(request: Request, error: Exception) -> Response:
    return _page(request, GatewayProblem(_TITLES[404], str(error), HTTPStatus.NOT_FOUND))


async def _gateway_refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, MlplatformError):
        raise error
    return _page(request, gateway_problem(error))


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    found = HTTPStatus(status)
    detail = f"{request.method} {request.url.path:.200} is not a page of the console."
    return _page(request, GatewayProblem(found.phrase.capitalize(), detail, status))


async def _invalid_query(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    detail = "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in found)
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return _page(request, GatewayProblem(_TITLES[status], detail, status))


async def _defect(request: Request, error: Exception) -> Response:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    detail = "See the console's log. Nothing was changed, unless a change page says so."
    return _page(request, GatewayProblem("The console failed", detail, 500))


def _page(request: Request, problem: GatewayProblem) -> HTMLResponse:
    console: Console = request.app.state.console
    session = console.cookies.read(request)
    known = console.known.get(session.owner, "use-cases")
    content = console.templates.render(
        "problem.html",
        title=problem.title,
        problem=problem,
        session=session,
        now=console.clock.now(),
        navigation=navigation(
            request, known.value or [] if known else [], request.path_params.get("use_case", "")
        ),
        outages=[],
        live=None,
    )
    return HTMLResponse(content, problem.status)
