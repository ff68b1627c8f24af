"""What FastAPI cannot derive for `/openapi.json` from the routes and their pydantic models.

Routes are declared with `**operation(…)`; bodies of `DirectRoute`s with `json_body(…)`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from http import HTTPStatus
from inspect import Parameter, Signature
from typing import Annotated, Any

from fastapi import Body, FastAPI, Path, Security
from fastapi.openapi.models import Example
from fastapi.params import Depends as Dependency
from fastapi.security import APIKeyHeader
from starlette.requests import Request

from api_gateway.auth.authentication import authorize
from api_gateway.auth.keys import AccessRole
from api_gateway.http.context import context_of
from api_gateway.http.headers import (
    API_KEY,
    ENVIRONMENT,
    PURPOSE,
    RELEASE_ROLE,
    REQUEST_ID,
    ROUTING_KEY,
)
from api_gateway.http.problems import MEDIA_TYPE, Problem, title_of
from platform_core.contracts.environments import Environment
from platform_core.contracts.inference_record import Purpose
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import FieldError, InvalidRecord

DESCRIPTION = (
    "Predictions for every installed use case, batch jobs, and what is served and whether it "
    "drifts. Errors are RFC 9457 problem documents with a stable `code`."
)
JSON = "application/json"
PROTECTED = (401, 403, 429, 500, 503)
BODY = (400, 408, 413, 415, 422, 503)
"""The statuses of a route that takes a body."""

HeaderParameter = dict[str, Any]

_API_KEY_SCHEME = APIKeyHeader(name=API_KEY, scheme_name="ApiKey", auto_error=False)


def optional_header(name: str, description: str) -> HeaderParameter:
    """Return the description of a header with a text, which the route reads itself."""
    return _header(name, {"type": "string"}, description)


def _header(name: str, schema: dict[str, Any], description: str) -> HeaderParameter:
    return {"name": name, "in": "header", "required": False, "schema": schema} | {
        "description": description
    }


def _choice(values: type[StrEnum], default: StrEnum | None = None) -> dict[str, Any]:
    choice = {"type": "string", "enum": [value.value for value in values]}
    return choice if default is None else {**choice, "default": default.value}


# The checks in `http/validation.py` read these headers, so that they run in the contract's order.
ENVIRONMENT_HEADER = _header(
    ENVIRONMENT, _choice(Environment, Environment.STAGING), "the environment to use"
)
PURPOSE_HEADER = _header(
    PURPOSE,
    _choice(Purpose, Purpose.LIVE),
    "only `live` counts in reports; `smoke` reads the ledger first, so that it sees a change that "
    "has just been made",
)
RELEASE_ROLE_HEADER = _header(
    RELEASE_ROLE,
    _choice(ServingRole),
    "asks the release of this role; the purpose is then `try`, which is in no report",
)
ROUTING_KEY_HEADER = optional_header(
    ROUTING_KEY,
    "decides whether a canary answers, the same for each request with this key; without it the id "
    "of each record decides",
)
REQUEST_ID_HEADER = optional_header(
    REQUEST_ID,
    "returned with the response if it is 1 to 128 characters of `A-Z a-z 0-9 . _ : -`; "
    "otherwise the gateway generates one",
)


def operation(
    summary: str,
    role: AccessRole | None,
    statuses: Sequence[int] = (),
    headers: Sequence[HeaderParameter] = (),
    dependencies: Sequence[Dependency] = (),
) -> dict[str, Any]:
    """Return keyword arguments of a route: what it needs, and the errors it may answer with."""
    errors = sorted({*statuses, *(PROTECTED if role else (500,))})
    return {
        "summary": summary,
        "description": f"Needs the role **{role.name.lower()}**." if role else "Needs no key.",
        "responses": {
            # Without `default` FastAPI would add its own error document as 422. `document` gives
            # the others the same content: FastAPI builds a validator for each model named here.
            "default": {"model": Problem, "description": "Any other error"},
            **{status: {"description": title_of(HTTPStatus(status))} for status in errors},
        },
        "openapi_extra": {"parameters": [*headers, REQUEST_ID_HEADER]},
        "dependencies": [
            *([Security(_API_KEY_SCHEME)] if role else []),
            _each_parameter_once(role),
            *dependencies,
        ],
    }


def _each_parameter_once(role: AccessRole | None) -> Dependency:
    """Return a check that no query parameter is repeated: all but its last value would be lost."""

    async def check(request: Request) -> None:
        if role:
            authorize(context_of(request), role)
        counts = Counter(name for name, _ in request.query_params.multi_items())
        repeated = next((name for name, count in counts.items() if count > 1), None)
        if repeated is not None:
            raise InvalidRecord(FieldError(f"{repeated:.100}", "is given more than once"))

    return Dependency(check)


def json_body(model: Any, examples: Mapping[str, Mapping[str, Any]]) -> Dependency:
    """Return a dependency that documents a body of the type `model`; the route reads it itself."""
    named = {name: Example(value=example) for name, example in examples.items()}

    def body(document: Any = Body(openapi_examples=named)) -> None:  # noqa: B008
        del document

    body.__annotations__["document"] = model
    return Dependency(body)


def use_case_path(names: Sequence[str]) -> Dependency:
    """Return a dependency that documents the path parameter `use_case`."""
    return path_parameter("use_case", "an installed use case", {"enum": [*names]})


def path_parameter(name: str, description: str, schema: dict[str, Any] | None = None) -> Dependency:
    """Return a dependency that documents a path parameter; the route reads it itself."""

    def path(**_: str) -> None:
        return

    annotation = Annotated[str, Path(description=description, json_schema_extra=schema)]
    parameter = Parameter(name, Parameter.KEYWORD_ONLY, annotation=annotation)
    path.__signature__ = Signature([parameter])  # type: ignore[attr-defined]
    return Dependency(path)


def document(app: FastAPI) -> None:
    """Let `app.openapi()` describe every error as a problem document with its media type."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            for item in generate()["paths"].values():
                for described in item.values():
                    _describe_problems(described["responses"])
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's way to extend the document


def _describe_problems(responses: dict[str, Any]) -> None:
    (problem,) = responses["default"]["content"].values()
    for status, response in responses.items():
        if status == "default" or int(status) >= HTTPStatus.BAD_REQUEST:
            response["content"] = {MEDIA_TYPE: problem}
