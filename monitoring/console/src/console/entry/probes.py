"""`/health/live`: whether the process answers. What the gateway depends on is on the overview."""

from fastapi import APIRouter
from starlette.responses import PlainTextResponse

router = APIRouter()


@router.get("/health/live")
async def live() -> PlainTextResponse:
    """Return 200 while the process runs."""
    return PlainTextResponse("ok\n")
