"""`/batch`: large jobs, which `batch_inference` runs."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, FastAPI, Path, Query
from pydantic import BaseModel, Field
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.auth.authentication import authorize
from api_gateway.auth.keys import AccessRole
from api_gateway.batch.files import add_file_routes
from api_gateway.gateway import Gateway
from api_gateway.http.context import context_of
from api_gateway.http.direct_dispatch import DirectRoute
from api_gateway.http.json_response import json_response
from api_gateway.http.openapi import BODY, ENVIRONMENT_HEADER, json_body, operation
from api_gateway.http.paging import (
    CursorParameter,
    LimitParameter,
    Paging,
    page,
    paging,
)
from api_gateway.http.validation import choice_of, environment_of, find_use_case, read_json
from api_gateway.predict.parsing import parse, parse_off_loop
from api_gateway.predict.predictor import no_release
from api_gateway.routing.target import ServingTarget
from platform_core.batch import BatchJob, BatchJobs, BatchProgress, BatchSubmission, JobStatus
from platform_core.contracts.environments import Environment
from platform_core.errors import FieldError, InvalidRecord, JobNotFound
from platform_core.storage import BATCH
from use_cases import use_case_names

EXAMPLE = {"input_path": f"{BATCH}/mails.parquet", "output_path": f"{BATCH}/answers.parquet"}
MAX_READ = 500
"""Jobs that are read for one page."""
HexId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
JobId = Annotated[
    str, Path(description="as returned by the submission", json_schema_extra={"minLength": 1})
]


class JobIdConvertor(StringConvertor):
    """Any path segment but `submit`, so that `GET /batch/submit` is 405 and not a job's state."""

    regex = "(?!submit$)[^/]+"


register_url_convertor("job_id", JobIdConvertor())


class SubmittedJob(BaseModel):
    """A batch job that was accepted."""

    job_id: HexId
    status: Literal["submitted"]
    submitted_at: datetime


class JobState(BaseModel):
    """The progress of a batch job, in percent and rows."""

    job_id: HexId
    status: JobStatus
    progress: Annotated[int, Field(ge=0, le=100)]
    rows_total: int | None
    rows_done: int
    rows_invalid: int
    rows_truncated: int
    use_case: str
    environment: Environment
    input_path: str
    output_path: str
    release_id: str
    submitted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None


class JobPage(BaseModel):
    """Jobs, newest first; `cursor` asks for the next page.

    `file_limit_bytes` is the size that an uploaded file may have.
    """

    jobs: list[JobState]
    cursor: str | None
    file_limit_bytes: int


class JobParameters(BaseModel):
    """The filters of a list of jobs; the route checks the values."""

    use_case: str | None = None
    status: Annotated[str | None, Field(json_schema_extra={"enum": [*JobStatus, None]})] = None


def add_batch_routes(app: FastAPI, gateway: Gateway) -> None:
    """Add the routes of batch jobs and their files."""
    _add_submit_route(app.router, gateway)
    _add_job_routes(app.router, gateway)
    _add_list_route(app.router, gateway)
    add_file_routes(app.router, gateway)


def _add_submit_route(router: APIRouter, gateway: Gateway) -> None:
    async def submit(request: Request) -> Response:
        return await _submit(gateway, request)

    router.add_api_route(
        "/batch/submit",
        submit,
        methods=["POST"],
        tags=["batch"],
        status_code=HTTPStatus.ACCEPTED,
        response_model=SubmittedJob,
        route_class_override=DirectRoute,
        **operation(
            "Score a large file; paths are <container>/<path> in the blob store",
            AccessRole.OPERATOR,
            (*BODY, 409),
            [ENVIRONMENT_HEADER],
            [json_body(BatchSubmission, {"mails": EXAMPLE})],
        ),
    )


def _add_job_routes(router: APIRouter, gateway: Gateway) -> None:
    @router.get(
        "/batch/{job_id:job_id}",
        tags=["batch"],
        **operation("Follow a batch job", AccessRole.VIEWER, [404]),
    )
    async def job(request: Request, job_id: JobId) -> JobState:
        caller = authorize(context_of(request), AccessRole.VIEWER)
        await asyncio.to_thread(gateway.jobs.find, job_id)
        await gateway.admit(caller)
        return await _state(gateway, job_id)

    @router.delete(
        "/batch/{job_id:job_id}",
        tags=["batch"],
        status_code=HTTPStatus.ACCEPTED,
        **operation("Cancel a batch job", AccessRole.OPERATOR, [404, 409]),
    )
    async def cancel(request: Request, job_id: JobId) -> JobState:
        caller = authorize(context_of(request), AccessRole.OPERATOR)
        job = await asyncio.to_thread(gateway.jobs.find, job_id)
        await gateway.admit(caller)
        await asyncio.to_thread(gateway.jobs.cancel, job)
        return await _state(gateway, job_id)


def _add_list_route(router: APIRouter, gateway: Gateway) -> None:
    summary = "Batch jobs with their progress, newest first"

    @router.get("/batch", tags=["batch"], **operation(summary, AccessRole.VIEWER, [404, 422]))
    async def jobs(
        request: Request,
        given: Annotated[JobParameters, Query()],
        limit: LimitParameter = "20",
        cursor: CursorParameter = None,
    ) -> JobPage:
        await gateway.admit(authorize(context_of(request), AccessRole.VIEWER))
        if given.use_case is not None:
            find_use_case(request, given.use_case)
        if given.status is not None:
            choice_of("status", given.status, JobStatus)
        asked, most = paging("jobs", limit, cursor), gateway.settings.batch_file_bytes
        return await asyncio.to_thread(_list, gateway.jobs, given, asked, most)


def _list(jobs: BatchJobs, given: JobParameters, asked: Paging, most_bytes: int) -> JobPage:
    """Return a page; with a filter it may have fewer jobs than its limit."""
    wanted = [one for one in jobs.ids() if asked.after is None or one < asked.after]
    found = page(_matching(jobs, wanted[:MAX_READ], given), asked, lambda job: job.job_id)
    cursor = found.cursor
    if cursor is None and len(wanted) > MAX_READ:
        cursor = asked.cursor(wanted[MAX_READ - 1])
    return JobPage(jobs=found.items, cursor=cursor, file_limit_bytes=most_bytes)


def _matching(jobs: BatchJobs, job_ids: list[str], given: JobParameters) -> Iterator[JobState]:
    for job_id in job_ids:
        try:
            job = jobs.find(job_id)
        except JobNotFound:  # deleted, or written by an incompatible version
            continue
        state = job_state(job, jobs.written_progress(job))
        if given.use_case in (None, state.use_case) and given.status in (None, state.status):
            yield state


async def _submit(gateway: Gateway, request: Request) -> Response:
    caller = authorize(context_of(request), AccessRole.OPERATOR)
    body = await read_json(request)
    environment = environment_of(request)
    submission = await parse_off_loop(parse, BatchSubmission, body)
    use_case = _use_case(submission, gateway.settings.default_use_case)
    await asyncio.to_thread(gateway.jobs.check, submission)
    release_id = await _active_release(gateway, use_case, environment)
    await gateway.admit(caller)
    job = await asyncio.to_thread(
        gateway.jobs.submit, submission, use_case, environment, release_id
    )
    content = {"job_id": job.job_id, "status": "submitted", "submitted_at": job.submitted_at}
    return json_response(content, HTTPStatus.ACCEPTED)


def _use_case(submission: BatchSubmission, default: str) -> str:
    name = default if submission.use_case is None else submission.use_case
    if name not in use_case_names():
        known = ", ".join(use_case_names())
        raise InvalidRecord(FieldError("use_case", f"{name!r:.100} is not one of {known}"))
    return name


async def _active_release(gateway: Gateway, use_case: str, environment: Environment) -> str:
    """Return the release that is to score. Jobs are rare and long: the ledger is read again."""
    await gateway.catalog.refresh()
    target = ServingTarget(use_case, environment)
    active = gateway.catalog.active(target)
    if active is None:
        raise no_release(gateway.catalog, target)
    return active.release_id


async def _state(gateway: Gateway, job_id: str) -> JobState:
    job = await asyncio.to_thread(gateway.jobs.find, job_id)
    progress = await asyncio.to_thread(gateway.jobs.progress, job)
    return job_state(job, progress)


def job_state(job: BatchJob, progress: BatchProgress) -> JobState:
    """Return a job as callers see it."""
    return JobState(
        **job.model_dump(include=set(JobState.model_fields)),
        status=progress.status,
        progress=progress.percent,
        rows_total=progress.rows_total,
        rows_done=progress.rows_done,
        rows_invalid=progress.rows_invalid,
        rows_truncated=progress.rows_truncated,
        started_at=progress.started_at,
        finished_at=progress.finished_at,
        # Before the end it is the error of one attempt, which the next may not have.
        error=progress.error if progress.status.final else None,
    )
