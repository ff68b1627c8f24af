"""Responses as JSON by orjson, without validation: the gateway computed the content itself."""

from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response


def json_response(content: Any, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Return `content` as JSON; times are UTC and end in `Z`."""
    body = orjson.dumps(content, option=orjson.OPT_UTC_Z)
    return Response(body, status.value, media_type="application/json")
