"""`POST /feedback`: labels of predictions."""

import asyncio
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.auth.authentication import authorize
from api_gateway.auth.keys import AccessRole
from api_gateway.feedback.parsing import ManyLabels, OneLabel, parse_labels
from api_gateway.gateway import Gateway
from api_gateway.http.context import context_of
from api_gateway.http.direct_dispatch import DirectRoute
from api_gateway.http.json_response import json_response
from api_gateway.http.openapi import BODY, json_body, operation
from api_gateway.http.validation import read_json
from records.labels.intake import LabelOutcome, Rejection
from use_cases import use_case

EXAMPLE_ID = "019b8e0f5a107c3e8f1d2a3b4c5d6e7f"
EXAMPLES: dict[str, dict[str, Any]] = {
    "one label": {"use_case": "spam", "prediction_id": EXAMPLE_ID, "label": "ham"},
    "several": {
        "use_case": "spam",
        "labels": [
            {"prediction_id": EXAMPLE_ID, "label": "ham", "known_at": "2026-01-05T12:30:00Z"}
        ],
    },
}


class LabelRejection(BaseModel):
    """A label that was not stored; `index` is its place in the list."""

    index: int
    prediction_id: str | None
    code: Rejection
    detail: str


class FeedbackResponse(BaseModel):
    """The number of labels by outcome; `pending` ones wait for their record."""

    accepted: int
    pending: int
    unchanged: int
    replaced: int
    rejected: list[LabelRejection]


def add_feedback_routes(app: FastAPI, gateway: Gateway) -> None:
    """Add the route that takes labels."""

    async def feedback(request: Request) -> Response:
        return await _feedback(gateway, request)

    app.router.add_api_route(
        "/feedback",
        feedback,
        methods=["POST"],
        tags=["feedback"],
        status_code=HTTPStatus.ACCEPTED,
        response_model=FeedbackResponse,
        route_class_override=DirectRoute,
        **operation(
            "Send the true labels of 1 to 1,000 predictions",
            AccessRole.OPERATOR,
            BODY,
            (),
            [json_body(OneLabel | ManyLabels, EXAMPLES)],
        ),
    )


async def _feedback(gateway: Gateway, request: Request) -> Response:
    caller = authorize(context_of(request), AccessRole.OPERATOR)
    body = await read_json(request)
    sent = await asyncio.to_thread(parse_labels, body)
    context_of(request).use_case = sent.use_case
    await gateway.admit(caller)
    case = use_case(sent.use_case)
    feedback = await gateway.records.take_labels(case, sent.labels, caller.name)
    outcomes = {fate.value: feedback.fates[fate] for fate in LabelOutcome}
    rejected = sorted([*sent.rejected, *feedback.rejected], key=lambda one: one.index)
    gateway.metrics.count_labels(case.name, {**outcomes, "rejected": len(rejected)})
    content = {**outcomes, "rejected": [vars(one) for one in rejected]}
    return json_response(content, HTTPStatus.ACCEPTED)
