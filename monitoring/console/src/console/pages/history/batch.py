"""Batch jobs: followed, cancelled and submitted; their files go in and out as streams."""

from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from console.web.forms import check_token, field
from console.web.problems import GatewayProblem, gateway_problem
from console.web.streams import passed_on
from console.web.uploads import UploadRefused, read_upload
from console.web.visit import SignedIn, Visit
from mlplatform_client.errors import APIStatusError, MlplatformError, TransferError

router = APIRouter()
PAGE_SIZE = 20
ANSWERS = "-answers.parquet"


@router.get("/batch")
async def batch(visit: SignedIn) -> Response:
    """Show jobs, newest first, and the forms."""
    return await _page(visit)


@router.post("/batch/upload")
async def upload(visit: SignedIn) -> Response:
    """Pass a file on to the gateway while it arrives."""
    visit.needs("operator")
    try:
        given = await read_upload(visit.request)
        check_token(given.fields.get("csrf", ""), visit.session)
        stored = await visit.api.batch.upload(given.chunks(), given.name, size=given.size)
    except UploadRefused as error:
        problem = GatewayProblem("Not valid", str(error), HTTPStatus.UNPROCESSABLE_ENTITY)
        return await _page(visit, problem=problem)
    except TransferError as error:
        problem = GatewayProblem("The file was not stored", str(error), HTTPStatus.CONFLICT)
        return await _page(visit, problem=problem)
    except MlplatformError as error:
        return await _page(visit, problem=gateway_problem(error))
    query = urlencode({"uploaded": stored.path, "size": stored.size})
    return RedirectResponse(f"/batch?{query}#submit", HTTPStatus.SEE_OTHER)


@router.post("/batch/submit")
async def submit(visit: SignedIn) -> Response:
    """Submit a job."""
    form = await visit.form("operator")
    names = ("input_path", "output_path", "use_case", "environment")
    given = {name: field(form, name) for name in names}
    try:
        job = await visit.api.batch.submit(**given)
    except APIStatusError as error:
        return await _page(visit, problem=gateway_problem(error), given=given)
    return RedirectResponse(f"/batch?submitted={job.job_id}#jobs", HTTPStatus.SEE_OTHER)


@router.post("/batch/jobs/{job_id}/cancel")
async def cancel(visit: SignedIn, job_id: str) -> Response:
    """Cancel a job."""
    await visit.form("operator")
    try:
        await visit.api.batch.cancel(job_id)
    except APIStatusError as error:
        return await _page(visit, problem=gateway_problem(error))
    return RedirectResponse("/batch#jobs", HTTPStatus.SEE_OTHER)


@router.get("/batch/files/{path:path}")
async def download(visit: SignedIn, path: str) -> Response:
    """Pass a file on from the gateway as an attachment."""
    visit.needs("operator")
    name = quote(PurePosixPath(path).name, safe="")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    return await passed_on(visit.api.batch.stream(path), headers, "application/octet-stream")


async def _page(
    visit: Visit, problem: GatewayProblem | None = None, given: dict[str, str] | None = None
) -> Response:
    query = visit.request.query_params
    cursor, uploaded = query.get("cursor"), query.get("uploaded", "")
    pages = visit.api.batch.list(page_size=PAGE_SIZE)
    known = await visit.read(f"batch {cursor}", lambda: pages.page(cursor))
    values: dict[str, Any] = {
        "input_path": query.get("input_path", uploaded),
        "output_path": _output(query.get("input_path", uploaded)),
        "use_case": query.get("use_case", ""),
        "environment": query.get("environment", "production"),
    }
    return await visit.page(
        "batch.html",
        "Batch jobs",
        status=problem.status if problem else HTTPStatus.OK,
        live=cursor is None and problem is None,
        known=known,
        cursor=cursor,
        problem=problem,
        given=given or values,
        uploaded=uploaded,
        submitted=query.get("submitted", ""),
        names=[one.name for one in await visit.use_cases()],
    )


def _output(path: str) -> str:
    """Return the path that is proposed for the answers to an input."""
    return str(PurePosixPath(path).with_suffix("")) + ANSWERS if path else ""
