"""Answers as JSON: what we computed ourselves is not validated again."""

from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response


def json_reply(document: Any, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Return `document` as JSON; times are UTC and end in `Z`."""
    body = orjson.dumps(document, option=orjson.OPT_UTC_Z)
    return Response(body, status.value, media_type="application/json")
