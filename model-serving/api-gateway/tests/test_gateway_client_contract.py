"""The Python client against the gateway's OpenAPI document: every endpoint, parameter and model."""

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from pydantic import BaseModel

from mlplatform_client import APIStatusError, Client
from mlplatform_client.client import GatewayApi
from mlplatform_client.endpoints import Resource, endpoint, pages
from mlplatform_client.models import (
    batch,
    changes,
    comparisons,
    drift,
    feedback,
    history,
    lineage,
    operations,
    predictions,
    quality,
    releases,
)

MODULES = (
    batch, changes, comparisons, drift, feedback, history, lineage, operations, predictions,
    quality, releases,
)  # fmt: skip
# By schema: models of the client that have another name, or stand for several schemas.
NAMED_OTHERWISE = {
    "PredictionResponse": ["Prediction"],
    "NumberResponse": ["Prediction"],
    "InvalidItemResponse": ["InvalidItem"],
    "BatchPredictionResponse": ["PredictionBatch"],
    "ReportPage": ["DriftReportPage", "QualityReportPage"],
}
# The client builds these bodies from arguments; their fields are compared with what it sends.
BODIES = {"OneLabel", "ManyLabels", "ChangeBody", "DecisionBody", "BatchSubmission"}
# Answered by probes, which the client turns into true or false.
PROBES = {"ProbeAnswer"}
ANY_TEXT = ("string", None)
Shape = frozenset[tuple[str, Any]]
# What the methods are called with; path parameters by the names of the document.
VALUES: dict[str, Any] = {
    "record": {"a": 1},
    "records": [{"a": 1}],
    "labels": [{"prediction_id": "p", "label": "l"}],
    "use_case": "{use_case}",
    "dataset_version": "{dataset_version}",
    "prediction_id": "{prediction_id}",
    "change_id": "{change_id}",
    "job_id": "{job_id}",
    "path": "{path}",
    "name": "{path}",
    "target": Path("never-written"),
    "content": b"abc",
    "percent": 10,
    "page_size": 10,
    "replay": True,
    "timeout": 1.0,
    "poll_seconds": 1.0,
    "size": 3,
    "progress": None,
    "report": None,
    "byte_range": "bytes=0-1",
    "known_at": "2026-01-05T12:30:00Z",
    "expected_state": releases.ServingState(stable="a" * 32),
}
OF_RELEASES = {"release_id": "{release_or_environment}", "environment": "{release_or_environment}"}
IN_PATH = {"comparisons": {"environment": "{environment}"}, "releases": OF_RELEASES}


@pytest.fixture
async def document(nothing_served) -> dict[str, Any]:
    return (await nothing_served.client.get("/openapi.json")).json()


class Recorder:
    """Refuses every request and remembers it."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.method == "PUT" and len(self.requests) == 1:
            state = {"path": "p", "size": 3, "received": 0}
            return httpx.Response(308, json=state)
        return httpx.Response(418, json={"detail": "recorded"})


def methods(resource: Resource[Any]) -> Iterator[tuple[str, Any]]:
    for name in dir(type(resource)):
        kind = inspect.getattr_static(type(resource), name)
        if isinstance(kind, endpoint | pages) or type(kind).__name__ == "streaming":
            yield name, kind


def recorded() -> Iterator[tuple[str, httpx.Request]]:
    """Call every method of the client, with all its arguments and with the default use case."""
    recorder = Recorder()
    http = httpx.Client(transport=httpx.MockTransport(recorder))
    client = Client("http://gateway", "key", http_client=http, max_retries=0)
    parts = [name for name in dir(GatewayApi) if hasattr(getattr(GatewayApi, name), "attrname")]
    resources: dict[str, Resource[Any]] = {name: getattr(client, name) for name in parts}
    for part, resource in {"": client, **resources}.items():
        for name, _ in methods(resource):
            recorder.requests.clear()
            method = getattr(resource, name)
            call(method, part)
            if "use_case" in inspect.signature(method).parameters:
                call(method, part, omitted="use_case")
            assert recorder.requests, f"{part}.{name} makes no request"
            for request in recorder.requests:
                yield f"{part}.{name}", request


def call(method: Any, part: str, omitted: str | None = None) -> None:
    given = {**VALUES, **IN_PATH.get(part, {})}
    wanted = [*inspect.signature(method).parameters.values()]
    arguments = {p.name: given.get(p.name, f"a-{p.name}") for p in wanted}
    if omitted and inspect.signature(method).parameters[omitted].default is None:
        del arguments[omitted]
    try:
        result = method(**arguments)
        if hasattr(result, "page"):
            result.page()
        elif hasattr(result, "__enter__"):
            with result:
                pass
    except APIStatusError as error:
        assert error.status == 418


def operation_of(document: dict[str, Any], request: httpx.Request) -> tuple[str, str]:
    path = unquote(request.url.path)
    if path not in document["paths"] and path.startswith("/predictions"):
        path = "/predictions/{prediction_id}"
    # The first digits of a release, as everywhere; but never an environment.
    path = path.replace("{release_or_environment}/card", "{release_id}/card")
    return path, request.method.lower()


def test_every_endpoint_is_called_and_no_other(document) -> None:
    called = {operation_of(document, request): name for name, request in recorded()}
    offered = {(path, method) for path, item in document["paths"].items() for method in item}
    assert set(called) == offered, called


def test_every_parameter_is_sent_and_no_other(document) -> None:
    sent: dict[tuple[str, str], set[str]] = {}
    ours = {"host", "user-agent", "accept", "accept-encoding", "connection", "x-api-key"}
    ours |= {"content-type", "content-length"}
    for _, request in recorded():
        names = set(request.url.params) | {name.lower() for name in request.headers} - ours
        sent.setdefault(operation_of(document, request), set()).update(names)
    for (path, method), names in sent.items():
        described = document["paths"][path][method]["parameters"]
        offered = {p["name"].lower() for p in described if p["in"] != "path"}
        # Paging and resuming send these from the second request on.
        offered -= {"x-request-id", "cursor", "if-range"}
        assert names - {"cursor"} == offered, (method, path)


def schema_models() -> dict[str, type[BaseModel]]:
    return {
        name: model
        for module in MODULES
        for name, model in vars(module).items()
        if inspect.isclass(model) and model.__module__ == module.__name__
    }


def test_every_model_has_the_fields_of_its_schema(document) -> None:
    models = schema_models()
    used = returned(document)
    assert used
    for name in used - PROBES:
        counterparts = NAMED_OTHERWISE.get(name, [name])
        for counterpart in counterparts:
            assert counterpart in models, f"the client has no model {name}"
            compare(name, document, models[counterpart], len(counterparts))
    kept = {NAMED_OTHERWISE.get(name, [name])[0] for name in used} | {"QualityReportPage"}
    assert set(models) - kept - {"Problem", "FieldProblem", "LabelSubmission"} == set()


def test_the_bodies_have_the_fields_of_their_schemas(document) -> None:
    sent: dict[str, set[str]] = {}
    for _, request in recorded():
        path, method = operation_of(document, request)
        described = document["paths"][path][method].get("requestBody", {}).get("content", {})
        schema = described.get("application/json", {}).get("schema", {})
        for name in references(schema):
            if name in BODIES:
                body = json.loads(request.content)
                fields = set(document["components"]["schemas"][name]["properties"])
                if set(body) <= fields:
                    sent.setdefault(name, set()).update(body)
    for name in BODIES:
        assert sent[name] == set(document["components"]["schemas"][name]["properties"]), name


def compare(name: str, document: dict[str, Any], model: type[BaseModel], counterparts: int) -> None:
    """Compare a schema with a model: names, and whether a field may be missing."""
    schema, described = document["components"]["schemas"][name], model.model_json_schema()
    if "$ref" in described:  # it refers to itself
        described |= described["$defs"][model.__name__]
    theirs, ours = schema["properties"], described["properties"]
    if model is predictions.Prediction:
        assert set(theirs) <= set(ours)
    else:
        assert set(theirs) == set(ours), name
    required = set(described.get("required", []))
    always = set(schema.get("required", []))
    assert required <= always, (name, required - always)
    if counterparts == 1:
        schemas, definitions = document["components"]["schemas"], described.get("$defs", {})
        for field in theirs:
            expected, found = shape(theirs[field], schemas), shape(ours[field], definitions)
            # A prediction stands for two schemas: a class, or a number.
            same = expected <= found if model is predictions.Prediction else expected == found
            assert same, (name, field, expected, found)


def returned(document: dict[str, Any]) -> set[str]:
    """Return the schemas of all successful responses, and what they refer to."""
    found: set[str] = set()
    todo = [
        response
        for item in document["paths"].values()
        for operation in item.values()
        for status, response in operation["responses"].items()
        if status[0] in "23"
    ]
    while todo:
        for name in references(todo.pop()) - found:
            found.add(name)
            todo.append(document["components"]["schemas"][name])
    return {n for n in found if "properties" in document["components"]["schemas"][n]}


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"].rpartition("/")[2]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*(references(value) for value in node))
    return set()


def shape(schema: Any, definitions: dict[str, Any]) -> Shape:
    """Return the kinds of JSON values that a schema allows; models by name."""
    if not isinstance(schema, dict):
        return frozenset([("anything", None)])
    name = schema.get("$ref", "").rpartition("/")[2]
    if name and "properties" in definitions.get(name, {}):
        return frozenset([("model", NAMED_OTHERWISE.get(name, [name])[0])])
    choices = [definitions[name]] if name else schema.get("anyOf") or schema.get("oneOf")
    if choices:
        found = frozenset().union(*(shape(one, definitions) for one in choices))
        # The client takes texts that are not in its list as well: a gateway may be newer.
        return found - {ANY_TEXT} if any(kind == "text" for kind, _ in found) else found
    if "enum" in schema or "const" in schema:
        return frozenset(("text", v) for v in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "anything")
    if kind == "array":
        items = schema.get("prefixItems") or [schema.get("items")]
        return frozenset([(kind, frozenset().union(*(shape(i, definitions) for i in items)))])
    values = shape(schema.get("additionalProperties"), definitions) if kind == "object" else None
    return frozenset([(kind, values or schema.get("format"))])
