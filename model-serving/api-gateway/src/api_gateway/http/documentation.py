"""What `/openapi.json` says of each endpoint, as keyword arguments of the router."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from api_gateway.http.checks import ENVIRONMENT, PURPOSE
from api_gateway.http.edge import REQUEST_ID
from api_gateway.http.problems import MEDIA_TYPE, TITLES
from api_gateway.predict.records import MAX_RECORDS, list_names
from platform_core.contracts.environments import Environment
from platform_core.contracts.inference_record import Purpose
from platform_core.storage import BATCH
from use_cases import UseCase, use_case_names

SECURITY_SCHEME = "ApiKey"
JSON = "application/json"
REFERENCE = "#/components/schemas/{model}"
PROTECTED = (401, 403, 429, 500, 503)
WITH_BODY = (408, 413, 415, 400, 422)
Operation = dict[str, Any]


def predict_operation(cases: Sequence[UseCase], scope: str) -> Operation:
    """Describe an endpoint that answers one record of one of `cases`."""
    schema = {"anyOf": [_reference(record_name(case)) for case in cases]}
    examples = {
        f"{case.name}: {name}": {"value": example}
        for case in cases
        for name, example in case.examples.items()
    }
    return _operation(
        f"Answer one record of {_whose(scope, cases)}",
        "operator",
        {200: _json("Prediction", "The answer")},
        (*WITH_BODY, 503, *(() if scope == "default" else (404,))),
        [*_parameters(scope), _environment(), _purpose()],
        _body(schema, examples),
    )


def batch_operation(cases: Sequence[UseCase], scope: str) -> Operation:
    """Describe an endpoint that answers up to 100 records of one of `cases`."""
    examples = {
        case.name: {"value": {list_names(case)[0]: list(case.examples.values())}} for case in cases
    }
    return _operation(
        f"Answer 1 to {MAX_RECORDS} records of {_whose(scope, cases)}; a bad one fails alone",
        "operator",
        {200: _json("BatchPredictions", "One entry per record, in the same order")},
        (*WITH_BODY, 503, *(() if scope == "default" else (404,))),
        [*_parameters(scope), _environment(), _purpose()],
        _body({"anyOf": [_batch_schema(case) for case in cases]}, examples),
    )


def submit_operation() -> Operation:
    """Describe the submission of a batch job."""
    example = {"input_path": f"{BATCH}/mails.parquet", "output_path": f"{BATCH}/answers.parquet"}
    return _operation(
        "Score a large file; paths are <container>/<path> in the blob store",
        "operator",
        {202: _json("JobSubmitted", "The job was taken on")},
        (*WITH_BODY, 409, 503),
        [_environment()],
        _body(_reference("BatchSubmission"), {"mails": {"value": example}}),
    )


def job_operation() -> Operation:
    """Describe how a batch job is followed."""
    answers = {200: _json("JobState", "How far the job is")}
    return _operation("Follow a batch job", "viewer", answers, (404,), [_job_id()])


def cancel_operation() -> Operation:
    """Describe how a batch job is cancelled."""
    answers = {202: _json("JobState", "The job was asked to stop")}
    return _operation("Cancel a batch job", "operator", answers, (404, 409), [_job_id()])


def info_operation() -> Operation:
    """Describe what is served where."""
    return _operation(
        "What each environment serves of each use case; null where nothing is served",
        "viewer",
        {200: _by_place("ModelInfo", "By use case and environment", nullable=True)},
    )


def drift_operation() -> Operation:
    """Describe the latest drift reports."""
    return _operation(
        "The latest drift report of each use case and environment",
        "viewer",
        {200: _by_place("DriftInfo", "By use case and environment")},
    )


def flush_operation() -> Operation:
    """Describe the flush of the inference log."""
    answers = {200: _json("Flushed", "Everything logged so far is in the blob store")}
    return _operation("Bring the inference log to the blob store", "admin", answers, (503,))


def metrics_operation() -> Operation:
    """Describe Prometheus' endpoint."""
    text = {"description": "Prometheus' text format", "content": {"text/plain": {}}}
    return _operation("Metrics of the gateway", None, {200: text})


def health_operation() -> Operation:
    """Describe the report on dependencies."""
    return _operation(
        "The state of each dependency", None, {200: _json("HealthState", "ok or degraded")}
    )


def live_operation(summary: str) -> Operation:
    """Describe a probe."""
    status = {"type": "object", "properties": {"status": {"const": "ok"}}}
    answers = {200: {"description": "Yes", "content": {JSON: {"schema": status}}}}
    return _operation(summary, None, answers, (503,))


def record_name(case: UseCase) -> str:
    """Return the name of a use case's record among the schemas."""
    return f"{case.name}_record"


def _operation(
    summary: str,
    role: str | None,
    answers: Mapping[int, Any],
    problems: Iterable[int] = (),
    parameters: Sequence[dict[str, Any]] = (),
    body: dict[str, Any] | None = None,
) -> Operation:
    statuses = sorted({*problems, *(PROTECTED if role else (500,))})
    extra: dict[str, Any] = {"parameters": [*parameters, _request_id()]}
    if role:
        extra["security"] = [{SECURITY_SCHEME: []}]
    if body:
        extra["requestBody"] = body
    return {
        "summary": summary,
        "description": f"Needs the role **{role}**." if role else "Needs no key.",
        "responses": {**answers, **{status: _problem(status) for status in statuses}},
        "openapi_extra": extra,
    }


def _problem(status: int) -> dict[str, Any]:
    known = HTTPStatus(status)
    return {
        "description": TITLES.get(known, known.phrase),
        "content": {MEDIA_TYPE: {"schema": _reference("Problem")}},
    }


def _json(model: str, description: str) -> dict[str, Any]:
    return {"description": description, "content": {JSON: {"schema": _reference(model)}}}


def _by_place(model: str, description: str, nullable: bool = False) -> dict[str, Any]:
    value: dict[str, Any] = _reference(model)
    if nullable:
        value = {"anyOf": [value, {"type": "null"}]}
    environments = {"type": "object", "properties": {e.value: value for e in Environment}}
    schema = {"type": "object", "additionalProperties": environments}
    return {"description": description, "content": {JSON: {"schema": schema}}}


def _reference(model: str) -> dict[str, str]:
    return {"$ref": REFERENCE.format(model=model)}


def _body(schema: dict[str, Any], examples: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {JSON: {"schema": schema, "examples": examples}}}


def _batch_schema(case: UseCase) -> dict[str, Any]:
    items = {"type": "array", "minItems": 1, "maxItems": MAX_RECORDS}
    items["items"] = _reference(record_name(case))
    names = list_names(case)
    return {
        "type": "object",
        "title": f"{case.name} records",
        "properties": dict.fromkeys(names, items),
        "oneOf": [{"required": [name]} for name in names],
        "additionalProperties": False,
    }


def _parameters(scope: str) -> list[dict[str, Any]]:
    if scope == "default":
        return []
    return [_parameter("use_case", "path", {"enum": list(use_case_names())}, "an installed one")]


def _job_id() -> dict[str, Any]:
    schema = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
    return _parameter("job_id", "path", schema, "as answered by the submission")


def _environment() -> dict[str, Any]:
    values = [environment.value for environment in Environment]
    schema = {"type": "string", "enum": values, "default": Environment.STAGING.value}
    return _parameter(ENVIRONMENT, "header", schema, "which environment answers")


def _purpose() -> dict[str, Any]:
    values = [purpose.value for purpose in Purpose]
    schema = {"type": "string", "enum": values, "default": Purpose.LIVE.value}
    return _parameter(PURPOSE, "header", schema, "only `live` counts when drift is measured")


def _request_id() -> dict[str, Any]:
    description = (
        "comes back with the answer when it is 1 to 128 characters of `A-Z a-z 0-9 . _ : -`; "
        "anything else, or nothing, is replaced by a new one"
    )
    return _parameter(REQUEST_ID, "header", {"type": "string"}, description)


def _parameter(name: str, place: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    required = place == "path"
    return {
        "name": name,
        "in": place,
        "required": required,
        "schema": schema,
        "description": description,
    }


def _whose(scope: str, cases: Sequence[UseCase]) -> str:
    return f"the default use case ({cases[0].name})" if scope == "default" else "a use case"
