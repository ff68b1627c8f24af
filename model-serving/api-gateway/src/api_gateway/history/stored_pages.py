"""The pages in blob storage: the data report of a dataset version, the card of a release."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Path
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api_gateway.auth.authentication import authorize
from api_gateway.auth.keys import AccessRole
from api_gateway.errors import StoredPageNotFound
from api_gateway.gateway import Gateway
from api_gateway.http.context import context_of
from api_gateway.http.openapi import operation
from api_gateway.http.validation import find_use_case
from api_gateway.releases.access import ReleaseAccess
from platform_core.errors import BlobNotFound
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import (
    MODEL_CARD_PAGE_FILE,
    REPORT_PAGE_FILE,
    dataset_path,
    datasets_folder,
    release_path,
)
from platform_core.storage.stored_pages import STORED_PAGE_HEADERS, STORED_PAGE_TYPE

UseCasePath = Annotated[str, Path(description="an installed use case")]
PAGE: Mapping[str, Any] = {"tags": ["history"], "response_class": HTMLResponse}


def add_stored_page_routes(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes of stored pages."""
    _add_data_report(app.router, gateway)
    _add_model_card(app.router, gateway)


def _add_data_report(router: APIRouter, gateway: Gateway) -> None:
    summary = "The data report of a dataset version, as an HTML page"

    @router.get(
        "/datasets/{use_case}/{dataset_version}/report",
        **PAGE,
        **operation(summary, AccessRole.VIEWER, [404]),
    )
    async def data_report(
        request: Request,
        use_case: UseCasePath,
        dataset_version: Annotated[str, Path(description="a dataset version")],
    ) -> Response:
        await gateway.admit(authorize(context_of(request), AccessRole.VIEWER))
        name = find_use_case(request, use_case).name
        return _served(await asyncio.to_thread(_report, gateway.store, name, dataset_version))


def _add_model_card(router: APIRouter, gateway: Gateway) -> None:
    summary = "The model card of a release, as an HTML page"

    @router.get(
        "/releases/{use_case}/{release_id}/card",
        **PAGE,
        **operation(summary, AccessRole.VIEWER, [404, 422]),
    )
    async def model_card(
        request: Request,
        use_case: UseCasePath,
        release_id: Annotated[str, Path(description="a release id, or its first digits")],
    ) -> Response:
        await gateway.admit(authorize(context_of(request), AccessRole.VIEWER))
        name = find_use_case(request, use_case).name
        page = await asyncio.to_thread(_card, gateway.store, gateway.releases, name, release_id)
        return _served(page)


def _report(store: BlobStore, use_case: str, version: str) -> bytes:
    """Return the page of a data report. Only a version that the store lists becomes a path."""
    if dataset_path(use_case, version) not in store.folders(datasets_folder(use_case)):
        raise StoredPageNotFound(
            f"there is no dataset version {version!r:.50} of {use_case}; "
            f"GET /datasets?use_case={use_case} names all versions"
        )
    try:
        return store.read(dataset_path(use_case, version, REPORT_PAGE_FILE))
    except BlobNotFound as error:
        raise StoredPageNotFound(
            f"dataset version {version} of {use_case} has no data report; "
            "`mlplatform data-report` with the same data writes it"
        ) from error


def _card(store: BlobStore, releases: ReleaseAccess, use_case: str, release_id: str) -> bytes:
    """Return the page of a model card. Only a release that the store lists becomes a path."""
    found = releases.resolve(use_case, release_id)
    try:
        return store.read(release_path(use_case, found, MODEL_CARD_PAGE_FILE))
    except BlobNotFound as error:
        raise StoredPageNotFound(
            f"release {found} of {use_case} has no model card; "
            f"GET /releases/{use_case}/{found} has what is known about it"
        ) from error


def _served(page: bytes) -> Response:
    return Response(page, headers=STORED_PAGE_HEADERS, media_type=STORED_PAGE_TYPE)
