"""The FastAPI application over the console's components."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.routing import Route

from console.pages import ROUTERS
from console.services import Console
from console.web.headers import SecurityHeadersMiddleware
from console.web.problems import add_problem_pages


def create_app(console: Console) -> FastAPI:
    """Return the application; its lifespan closes the connections to the gateway."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        yield
        await console.close()

    app = FastAPI(
        title="Console",
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        # Its redirects name the host of the request, which is not the browser's behind a proxy.
        redirect_slashes=False,
    )
    app.state.console = console
    app.add_middleware(SecurityHeadersMiddleware, secure=console.settings.secure)
    app.router.routes.append(Route("/static/{name}", console.static.respond))
    for router in ROUTERS:
        app.include_router(router)
    add_problem_pages(app)
    return app
