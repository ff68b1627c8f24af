"""`/openapi.json`, and `/docs` for people. The page works without the Internet."""

from importlib.resources import files
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.http.checks import API_KEY
from api_gateway.http.documentation import REFERENCE, SECURITY_SCHEME, record_name
from api_gateway.http.schemas import DOCUMENTED
from platform_core.batch import BatchSubmission
from use_cases import use_case, use_case_names

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
DESCRIPTION = (
    "Answers records of every installed use case, follows batch jobs, and says what is served "
    "and whether it drifts. Errors are RFC 9457 problem documents with a stable `code`."
)


def install_openapi(app: FastAPI) -> None:
    """Make `app.openapi()` return the document with our schemas and the key's scheme."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=DESCRIPTION,
                routes=app.routes,
            )
            scheme = {"type": "apiKey", "in": "header", "name": API_KEY}
            document["components"] = {
                "schemas": _schemas(),
                "securitySchemes": {SECURITY_SCHEME: scheme},
            }
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi


def docs_routes() -> APIRouter:
    """Return the endpoints of the page."""
    router = APIRouter(include_in_schema=False)

    @router.get("/docs")
    async def page(request: Request) -> Response:
        del request
        headers = {"Content-Security-Policy": PAGE_POLICY}
        return Response(PAGE, headers=headers, media_type="text/html")

    @router.get("/docs/start.js")
    async def start(request: Request) -> Response:
        del request
        return _static(START.encode(), "text/javascript")

    for name, media_type in ASSETS.items():
        router.add_api_route(f"/docs/{name}", _asset(name, media_type))
    return router


def _asset(name: str, media_type: str) -> Any:
    content = files(RESOURCES).joinpath(name)

    def asset(request: Request) -> Response:
        del request
        return _static(content.read_bytes(), media_type)

    return asset


def _static(content: bytes, media_type: str) -> Response:
    headers = {"Cache-Control": f"public, max-age={STATIC_SECONDS}"}
    return Response(content, headers=headers, media_type=media_type)


def _schemas() -> dict[str, Any]:
    answers = [(model, "serialization") for model in DOCUMENTED]
    models = [(BatchSubmission, "validation"), *answers]
    _, document = models_json_schema(models, ref_template=REFERENCE)
    schemas = dict(document["$defs"])
    for name in use_case_names():
        case = use_case(name)
        schema = case.record.model_json_schema(ref_template=REFERENCE)
        schemas.update(schema.pop("$defs", {}))
        schemas[record_name(case)] = schema
    return schemas
