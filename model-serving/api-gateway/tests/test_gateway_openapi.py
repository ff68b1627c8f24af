"""The OpenAPI document and the Swagger page."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from use_cases import use_case, use_case_names

ROLES = {
    ("/predict", "post"): "operator",
    ("/predict/batch-sync", "post"): "operator",
    ("/models/{use_case}/predict", "post"): "operator",
    ("/models/{use_case}/predict/batch-sync", "post"): "operator",
    ("/models/{use_case}/explain", "post"): "operator",
    ("/batch/submit", "post"): "operator",
    ("/batch", "get"): "viewer",
    ("/batch/{job_id}", "get"): "viewer",
    ("/batch/{job_id}", "delete"): "operator",
    ("/batch/files/{path}", "put"): "operator",
    ("/batch/files/{path}", "get"): "operator",
    ("/batch/files/{path}", "delete"): "operator",
    ("/feedback", "post"): "operator",
    ("/predictions", "get"): "operator",
    ("/predictions/{prediction_id}", "get"): "operator",
    ("/model/info", "get"): "viewer",
    ("/releases", "get"): "viewer",
    ("/releases/{use_case}", "get"): "viewer",
    ("/releases/{use_case}/{release_or_environment}", "get"): "viewer",
    ("/releases/{use_case}/{release_or_environment}", "post"): "admin",
    ("/comparisons/{use_case}/{environment}", "get"): "viewer",
    ("/comparisons/{use_case}/{environment}/history", "get"): "viewer",
    ("/comparisons/{use_case}/{environment}/disagreements", "get"): "operator",
    ("/changes", "get"): "viewer",
    ("/changes/{change_id}", "get"): "viewer",
    ("/changes/{change_id}/approve", "post"): "admin",
    ("/changes/{change_id}/reject", "post"): "admin",
    ("/runs", "get"): "viewer",
    ("/retraining", "get"): "viewer",
    ("/datasets", "get"): "viewer",
    ("/datasets/{use_case}/{dataset_version}/report", "get"): "viewer",
    ("/releases/{use_case}/{release_id}/card", "get"): "viewer",
    ("/use-cases", "get"): "viewer",
    ("/reports", "get"): "viewer",
    ("/metrics/drift", "get"): "viewer",
    ("/caller", "get"): "viewer",
    ("/traffic", "get"): "viewer",
    ("/metrics/quality", "get"): "viewer",
    ("/admin/inference-log/flush", "post"): "admin",
    ("/metrics", "get"): None,
    ("/health", "get"): None,
    ("/health/live", "get"): None,
    ("/health/ready", "get"): None,
}
WITH_BODY = [path for path, method in ROLES if method == "post" and "admin" not in path]


@pytest.fixture
async def document(running) -> dict[str, Any]:
    return (await running.client.get("/openapi.json")).json()


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    resource = Resource.from_contents(document, default_specification=DRAFT202012)
    registry = Registry().with_resource("urn:api", resource)
    return Draft202012Validator(
        {"$id": "urn:use", **_absolute(schema)},
        registry=registry,
    )


def _absolute(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            key: f"urn:api{value}" if key == "$ref" else _absolute(value)
            for key, value in schema.items()
        }
    return [_absolute(item) for item in schema] if isinstance(schema, list) else schema


async def test_every_endpoint_is_there_with_its_role(document) -> None:
    found = {(path, method) for path, item in document["paths"].items() for method in item}
    assert found == set(ROLES)
    for (path, method), role in ROLES.items():
        operation = document["paths"][path][method]
        assert operation.get("security") == ([{"ApiKey": []}] if role else None)
        assert (f"**{role}**" if role else "no key") in operation["description"]
    assert document["components"]["securitySchemes"]["ApiKey"] == {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
    }


async def test_every_status_of_the_contract_is_documented(document) -> None:
    for (path, method), role in ROLES.items():
        statuses = set(document["paths"][path][method]["responses"])
        expected = {"401", "403", "429"} if role else set()
        if method == "post" and path in WITH_BODY:
            expected |= {"400", "408", "413", "415", "422", "503"}
        if "{" in path and method != "put":
            expected |= {"404"}
        assert expected <= statuses, (path, method)
        for status in statuses - {"200", "201", "202", "204", "206", "308"}:
            content = document["paths"][path][method]["responses"][status]["content"]
            assert list(content) == ["application/problem+json"]
    assert "409" in document["paths"]["/batch/{job_id}"]["delete"]["responses"]
    assert "409" in document["paths"]["/batch/submit"]["post"]["responses"]
    files = document["paths"]["/batch/files/{path}"]
    assert {"201", "308", "408", "409", "411", "413", "507"} <= set(files["put"]["responses"])
    assert {"200", "206", "416"} <= set(files["get"]["responses"])


async def test_the_header_parameters_are_documented(document) -> None:
    for path, method in ROLES:
        parameters = {p["name"]: p for p in document["paths"][path][method]["parameters"]}
        # Any value is taken, so none may be called invalid.
        assert parameters["X-Request-ID"]["schema"] == {"type": "string"}
        if path.endswith(("/predict", "/predict/batch-sync", "/batch/submit")):
            assert parameters["X-Environment"]["schema"]["enum"] == ["staging", "production"]


async def test_files_are_documented_as_bytes(document) -> None:
    item = document["paths"]["/batch/files/{path}"]
    assert list(item["put"]["requestBody"]["content"]) == ["application/octet-stream"]
    for status in ("200", "206"):
        assert list(item["get"]["responses"][status]["content"]) == ["application/octet-stream"]
    state = item["put"]["responses"]["308"]["content"]["application/json"]["schema"]
    assert state == {"$ref": "#/components/schemas/UploadState"}
    headers = {p["name"] for p in item["put"]["parameters"] if p["in"] == "header"}
    assert headers == {"Content-Range", "Repr-Digest", "X-Request-ID"}


async def test_stored_pages_are_documented_as_html(document) -> None:
    for path in (
        "/datasets/{use_case}/{dataset_version}/report",
        "/releases/{use_case}/{release_id}/card",
    ):
        assert list(document["paths"][path]["get"]["responses"]["200"]["content"]) == ["text/html"]


async def test_every_reference_can_be_resolved(document) -> None:
    schemas = document["components"]["schemas"]

    def references(node: Any):
        if isinstance(node, dict):
            yield from ([node["$ref"]] if isinstance(node.get("$ref"), str) else [])
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    for reference in references(document):
        assert reference.removeprefix("#/components/schemas/") in schemas


async def test_the_examples_of_every_use_case_fit_their_schema_and_are_answered(
    running, document
) -> None:
    for name in use_case_names():
        if running.gateway.catalog.active((name, "staging")) is None:
            continue
        path = document["paths"]["/models/{use_case}/predict"]["post"]
        content = path["requestBody"]["content"]["application/json"]
        schema = validator(document, content["schema"])
        examples = {k: v for k, v in content["examples"].items() if k.startswith(f"{name}: ")}
        assert len(examples) == len(use_case(name).examples)
        for example in examples.values():
            schema.validate(example["value"])
            response = await running.predict(example["value"], f"/models/{name}/predict")
            assert response.status_code == 200


@pytest.mark.parametrize("path", ["/predict", "/predict/batch-sync", "/batch/submit"])
async def test_the_examples_of_every_body_fit(document, path) -> None:
    body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    schema = validator(document, body["schema"])
    for example in body["examples"].values():
        schema.validate(example["value"])
    assert not schema.is_valid({})


async def test_responses_fit_their_documented_schemas(running, document, spam) -> None:
    await running.gateway.catalog.refresh()
    asked = [
        ("POST", "/predict", {"json": spam}),
        ("POST", "/predict/batch-sync", {"json": {"emails": [spam, {}]}}),
        ("GET", "/model/info", {}),
        ("GET", "/metrics/drift", {}),
        ("GET", "/metrics/quality", {}),
        ("GET", "/releases", {}),
        ("GET", "/changes", {}),
        ("GET", "/batch", {}),
        ("GET", "/runs", {}),
        ("GET", "/retraining", {}),
        ("GET", "/datasets", {}),
        ("GET", "/use-cases", {}),
        ("GET", "/reports", {}),
        ("GET", "/health", {}),
        ("GET", "/health/ready", {}),
        ("POST", "/admin/inference-log/flush", {}),
    ]
    for method, path, rest in asked:
        response = await running.ask(method, path, "admin", **rest)
        answers = document["paths"][path][method.lower()]["responses"]["200"]["content"]
        validator(document, answers["application/json"]["schema"]).validate(response.json())


async def test_the_swagger_page_works_offline(running) -> None:
    page = await running.client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "http" not in page.text
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css", "start.js"):
        assert f"docs/{asset}" in page.text
        response = await running.client.get(f"/docs/{asset}")
        assert response.status_code == 200
        assert len(response.content) > 50
    assert "'self'" in page.headers["content-security-policy"]
