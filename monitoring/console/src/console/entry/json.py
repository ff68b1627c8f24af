"""`/json/…`: the gateway's own JSON about what a page shows, with the session's API key."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from console.web.errors import PageNotFound, SignedOut
from console.web.visit import SignedIn

router = APIRouter()
FILES = ["batch", "files"]
"""These have no JSON, and may be large."""
READABLE = (
    "batch",
    "changes",
    "comparisons",
    "datasets",
    "health",
    "metrics/drift",
    "metrics/quality",
    "model/info",
    "predictions",
    "releases",
    "reports",
    "retraining",
    "runs",
    "traffic",
    "use-cases",
)
"""The parts of the API that pages show; each is read only."""


@router.get("/json/{path:path}")
async def json(visit: SignedIn, path: str) -> Response:
    """Return the gateway's response to the same path and query."""
    parts = path.split("/")
    allowed = any(path == one or path.startswith(f"{one}/") for one in READABLE)
    if not allowed or ".." in parts or parts[:2] == FILES:
        raise PageNotFound(f"The console has no JSON for {path!r:.80}.")
    answer = await visit.json(path)
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        raise SignedOut
    headers: dict[str, Any] = {"Content-Disposition": "inline"}
    media_type = answer.headers.get("content-type", "application/json")
    if "json" not in media_type:
        media_type = "text/plain; charset=utf-8"
    return Response(answer.content, answer.status_code, headers, media_type)
