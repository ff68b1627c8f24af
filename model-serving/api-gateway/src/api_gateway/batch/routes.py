"""`/batch`: large jobs, run elsewhere."""

import asyncio
from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.auth.keys import Role
from api_gateway.batch.jobs import JobPlan, Submission, job_document
from api_gateway.gateway import Gateway
from api_gateway.http.checks import authorize, environment_of, read_json
from api_gateway.http.documentation import cancel_operation, job_operation, submit_operation
from api_gateway.http.replies import json_reply
from api_gateway.predict.records import parse, parse_off_loop
from platform_core.errors import ModelNotReady


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
    submission = await parse_off_loop(parse, Submission, body)
    plan = await asyncio.to_thread(gateway.jobs.check, submission, environment)
    release_id = await _active_release(gateway, plan)
    await gateway.admit(caller)
    job = await asyncio.to_thread(gateway.jobs.submit, plan, release_id)
    document = {"job_id": job.job_id, "status": "submitted", "submitted_at": job.submitted_at}
    return json_reply(document, HTTPStatus.ACCEPTED)


async def _active_release(gateway: Gateway, plan: JobPlan) -> str:
    """Return the release that is to score; a job is rare and long, so the ledger is asked anew."""
    await gateway.catalog.refresh()
    active = gateway.catalog.active((plan.use_case, plan.environment))
    if active is None:
        raise ModelNotReady(
            f"no release of {plan.use_case} is active in {plan.environment}; deploy one first"
        )
    return active.release_id


async def _reply(gateway: Gateway, job_id: str, status: HTTPStatus) -> Response:
    job = await asyncio.to_thread(gateway.jobs.find, job_id)
    progress = await asyncio.to_thread(gateway.jobs.progress, job)
    return json_reply(job_document(job, progress), status)
