"""Pipeline runs with their steps."""

from fastapi import APIRouter
from starlette.responses import Response

from console.web.visit import SignedIn

router = APIRouter()
STEPS = ("prepare-data", "features", "train", "evaluate", "release", "stage")
"""The steps of the pipeline in their order."""
PAGE_SIZE = 20


@router.get("/runs")
async def runs(visit: SignedIn, use_case: str = "", cursor: str | None = None) -> Response:
    """Show runs from the newest."""
    pages = visit.api.runs.list(use_case or None, page_size=PAGE_SIZE)
    known = await visit.read(f"runs {use_case} {cursor}", lambda: pages.page(cursor))
    return await visit.page(
        "runs.html",
        "Pipeline runs",
        use_case=use_case,
        live=cursor is None,
        known=known,
        chosen=use_case,
        cursor=cursor,
        steps=STEPS,
        names=[one.name for one in await visit.use_cases()],
    )
