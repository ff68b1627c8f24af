"""The pages in blob storage, as the gateway sends them: data reports and model cards."""

from fastapi import APIRouter
from starlette.responses import Response

from console.web.streams import passed_on
from console.web.visit import SignedIn
from platform_core.storage.stored_pages import STORED_PAGE_HEADERS, STORED_PAGE_TYPE

router = APIRouter()


@router.get("/datasets/{use_case}/{version}/report")
async def data_report(visit: SignedIn, use_case: str, version: str) -> Response:
    """Show the data report of a dataset version."""
    page = visit.api.datasets.report_page(use_case, version)
    return await passed_on(page, STORED_PAGE_HEADERS, STORED_PAGE_TYPE)


@router.get("/use-cases/{use_case}/releases/{release_id}/card")
async def model_card(visit: SignedIn, use_case: str, release_id: str) -> Response:
    """Show the model card of a release."""
    page = visit.api.releases.card_page(use_case, release_id)
    return await passed_on(page, STORED_PAGE_HEADERS, STORED_PAGE_TYPE)
