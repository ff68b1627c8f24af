"""`/batch`: large jobs, run elsewhere."""

import asyncio
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.auth.keys import Role
from api_gateway.gateway import Gateway
from api_gateway.http.checks import authorize, environment_of, read_json
from api_gateway.http.documentation import cancel_operation, job_operation, submit_operation
from api_gateway.http.replies import json_reply
from api_gateway.predict.records import parse, parse_off_loop
from platform_core.batch import BatchJob, BatchProgress, BatchSubmission
from platform_core.contracts.environments import Environment
from platform_core.errors import FieldError, InvalidFields, ModelNotReady
from use_cases import use_case_names


def batch_routes(gateway: Gateway) -> APIRouter:
    """Return the endpoints of batch jobs."""
    router = APIRouter(tags=["batch"])

    @router.post("/batch/submit", **submit_operation())
    async def submit(request: Request) -> Response:
        return await _submit(gateway, request)

    @router.get("/batch/{job_id}", **job_operation())
    async def job(request: Request) -> Response:
        caller = authorize(request, gateway.keys, Role.VIEWER)
        job = await asyncio.to_thread(gateway.jobs.find, request.path_params["job_id"])
        await gateway.admit(caller)
        return await _reply(gateway, job.job_id, HTTPStatus.OK)

    @router.delete("/batch/{job_id}", **cancel_operation())
    async def cancel(request: Request) -> Response:
        caller = authorize(request, gateway.keys, Role.OPERATOR)
        job = await asyncio.to_thread(gateway.jobs.find, request.path_params["job_id"])
        await gateway.admit(caller)
        await asyncio.to_thread(gateway.jobs.cancel, job)
        return await _reply(gateway, job.job_id, HTTPStatus.ACCEPTED)

    return router


async def _submit(gateway: Gateway, request: Request) -> Response:
    caller = authorize(request, gateway.keys, Role.OPERATOR)
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
    document = {"job_id": job.job_id, "status": "submitted", "submitted_at": job.submitted_at}
    return json_reply(document, HTTPStatus.ACCEPTED)


def _use_case(submission: BatchSubmission, default: str) -> str:
    name = default if submission.use_case is None else submission.use_case
    if name not in use_case_names():
        known = ", ".join(use_case_names())
        raise InvalidFields(FieldError("use_case", f"{name!r:.100} is not one of {known}"))
    return name


async def _active_release(gateway: Gateway, use_case: str, environment: Environment) -> str:
    """Return the release that is to score. Jobs are rare and long: the ledger is read again."""
    await gateway.catalog.refresh()
    active = gateway.catalog.active((use_case, environment))
    if active is None:
        raise ModelNotReady(
            f"no release of {use_case} is active in {environment}; deploy one first"
        )
    return active.release_id


async def _reply(gateway: Gateway, job_id: str, status: HTTPStatus) -> Response:
    job = await asyncio.to_thread(gateway.jobs.find, job_id)
    progress = await asyncio.to_thread(gateway.jobs.progress, job)
    return json_reply(job_document(job, progress), status)


def job_document(job: BatchJob, progress: BatchProgress) -> dict[str, Any]:
    """Return a job as callers see it; `progress` is a percentage."""
    return {
        "job_id": job.job_id,
        "status": progress.status.value,
        "progress": progress.percent,
        "rows_total": progress.rows_total,
        "rows_done": progress.rows_done,
        "rows_invalid": progress.rows_invalid,
        "use_case": job.use_case,
        "environment": job.environment.value,
        "input_path": job.input_path,
        "output_path": job.output_path,
        "release_id": job.release_id,
        "submitted_at": job.submitted_at,
        "started_at": progress.started_at,
        "finished_at": progress.finished_at,
        # Before the end it is the error of one attempt, which the next may not have.
        "error": progress.error if progress.status.final else None,
    }
