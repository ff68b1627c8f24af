"""`/docs`: the Swagger page. It works without the Internet."""

from collections.abc import Callable
from importlib.resources import files

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

RESOURCES = "fastapi_swagger.resources"
ASSETS = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
STATIC_SECONDS = 86_400
PAGE_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'none'"
)
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>API gateway</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
START = (
    'SwaggerUIBundle({url: "openapi.json", dom_id: "#page", validatorUrl: null, '
    "persistAuthorization: false});\n"
)


def add_swagger_page(app: FastAPI) -> None:
    """Add the page and its assets.

    The script that starts it has a path of its own: the page's policy forbids inline scripts.
    """
    app.add_route("/docs", _page, include_in_schema=False)
    app.add_route(
        "/docs/start.js", _static(START.encode, "text/javascript"), include_in_schema=False
    )
    for name, media_type in ASSETS.items():
        content = files(RESOURCES).joinpath(name).read_bytes
        app.add_route(f"/docs/{name}", _static(content, media_type), include_in_schema=False)


async def _page(request: Request) -> Response:
    del request
    headers = {"Content-Security-Policy": PAGE_POLICY}
    return Response(PAGE, headers=headers, media_type="text/html")


def _static(read: Callable[[], bytes], media_type: str) -> Callable[[Request], Response]:
    headers = {"Cache-Control": f"public, max-age={STATIC_SECONDS}"}

    def asset(request: Request) -> Response:
        del request
        return Response(read(), headers=headers, media_type=media_type)

    return asset
