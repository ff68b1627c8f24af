"""`/health/live`: whether the process answers. What the gateway depends on is on the overview."""

from fastapi import APIRouter
from starlette.responses import PlainTextResponse

router = APIRouter()


@router.get("/health/live")
async def live() -> PlainTextResponse:
    """Answer."""
    return PlainTextResponse("ok\n")
