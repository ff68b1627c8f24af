"""Dataset versions, and one of them with its report."""

from fastapi import APIRouter
from starlette.responses import Response

from console.pages.history.lists import PAGE_SIZE, list_page
from console.web.errors import PageNotFound
from console.web.visit import SignedIn

router = APIRouter()


@router.get("/datasets")
async def datasets(visit: SignedIn, use_case: str = "", cursor: str | None = None) -> Response:
    """Show dataset versions, newest first."""
    pages = visit.api.datasets.list(use_case or None, page_size=PAGE_SIZE)
    return await list_page(visit, "datasets.html", "Dataset versions", pages, use_case, cursor)


@router.get("/datasets/{use_case}/{version}")
async def dataset(visit: SignedIn, use_case: str, version: str) -> Response:
    """Show one dataset version.

    Raises:
        PageNotFound: there is none.
    """
    pages = visit.api.datasets.list(use_case, version=version)
    known = await visit.read(f"dataset {use_case} {version}", pages.page)
    found = known.value.datasets if known.value else []
    if known.value and not found:
        raise PageNotFound(f"There is no dataset version {version!r:.80} of {use_case}.")
    return await visit.page(
        "dataset.html",
        f"Dataset version {version[:16]}",
        use_case=use_case,
        known=known,
        one=found[0] if found else None,
        name=use_case,
        version=version,
    )
