"""Refused requests: the order of the checks and the problem documents."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api_gateway.http.middleware import SECURITY_HEADERS
from api_gateway.http.problems import Problem

LIMIT = 10 << 20
JSON = {"content-type": "application/json"}
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
FIELDS = ("email_id", "subject", "body", "sender", "features", "emails", "records")
NEARLY = st.dictionaries(st.sampled_from(FIELDS), ANY_JSON | st.text(), max_size=7)
MAILS = st.fixed_dictionaries({name: st.text(max_size=40) for name in FIELDS[:4]})
FLOWERS = st.fixed_dictionaries({"features": st.lists(st.floats(), min_size=3, max_size=5)})


def assert_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    Problem.model_validate(problem)
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["request_id"] == response.headers["x-request-id"]
    return problem


async def chunked(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // (1 << 20) + 1):
        yield b" " * (1 << 20)


# Each fault alone, in the order in which they are looked for.
FAULTS: list[tuple[int, str, Callable[[dict[str, Any]], None]]] = [
    (401, "unauthenticated", lambda r: r["headers"].update({"X-API-Key": "wrong"})),
    (403, "forbidden", lambda r: r.update(role="viewer")),
    (404, "use-case-not-found", lambda r: r.update(path="/models/none/predict")),
    (415, "unsupported-media-type", lambda r: r["headers"].update({"content-type": "text/csv"})),
    (413, "body-too-large", lambda r: r.update(content=b" " * (LIMIT + 1))),
    (400, "unknown-environment", lambda r: r["headers"].update({"X-Environment": "moon"})),
    (422, "invalid-record", lambda r: r.setdefault("content", b"{}")),
    (503, "upstream-unavailable", lambda r: r.update(down=True)),
    (429, "rate-limited", lambda r: r.update(used_up=True)),
]


@pytest.mark.parametrize("first", range(len(FAULTS)))
async def test_of_several_faults_the_first_in_the_order_is_reported(serve, v2, spam, first) -> None:
    running = await serve(rate_limit="1/day")
    request: dict[str, Any] = {"headers": dict(JSON), "path": "/predict", "role": "operator"}
    for _, _, add in FAULTS[first:]:
        add(request)
    request.setdefault("content", json.dumps(spam).encode())
    if request.pop("down", False):
        await v2.stop()
    if request.pop("used_up", False):
        await running.predict()
    role, path = request.pop("role"), request.pop("path")
    response = await running.ask("POST", path, role, **request)
    status, code, _ = FAULTS[first]
    assert_problem(response, status, code)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/none", 404, "path-not-found"),
        ("POST", "/predict/", 404, "path-not-found"),
        ("GET", "/%00%ff", 404, "path-not-found"),
        ("POST", "/models/SPAM/predict", 404, "use-case-not-found"),
        ("POST", "/models/..%2Fspam/predict", 404, "path-not-found"),
        ("GET", "/batch/1", 404, "job-not-found"),
        ("GET", "/batch/" + "f" * 32, 404, "job-not-found"),
    ],
)
async def test_unknown_paths_use_cases_and_jobs(running, method, path, status, code):
    response = await running.ask(method, path)
    assert_problem(response, status, code)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/predict", "POST"),
        ("PATCH", "/predict", "POST"),
        ("DELETE", "/metrics", "GET"),
        ("PUT", "/batch/1", "DELETE, GET"),
        ("GET", "/batch/submit", "POST"),
        ("DELETE", "/batch/submit", "POST"),
        ("PUT", "/batch/submit", "POST"),
    ],
)
async def test_a_wrong_method_is_answered_with_the_allowed_ones(
    running, method, path, allow
) -> None:
    response = await running.ask(method, path)
    assert_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == allow
    assert (await running.client.request(method, path)).status_code == 401


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/jsonx", "application/xml; a=json",
     "application/json; charset=latin-1", 'application/json;charset="utf-16"',
     "application/json; charset=utf-8; charset=ascii"],
)  # fmt: skip
async def test_a_body_must_be_declared_as_json(running, spam, content_type) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    content = json.dumps(spam).encode()
    response = await running.ask("POST", "/predict", content=content, headers=headers)
    assert_problem(response, 415, "unsupported-media-type")


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=utf-8",
     'application/json;v=1; charset="UTF-8"'],
)  # fmt: skip
async def test_the_content_type_may_have_parameters(running, spam, content_type) -> None:
    content, headers = json.dumps(spam).encode(), {"content-type": content_type}
    response = await running.ask("POST", "/predict", content=content, headers=headers)
    assert response.status_code == 200


async def test_a_compressed_body_is_refused(running) -> None:
    headers = {**JSON, "content-encoding": "gzip"}
    response = await running.ask("POST", "/predict", content=b"\x1f\x8b", headers=headers)
    assert_problem(response, 415, "unsupported-media-type")


async def test_a_body_that_never_ends_times_out(serve, keys) -> None:
    running = await serve(body_timeout_seconds=0.05)
    url = running.client.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    head = (
        f"POST /predict HTTP/1.1\r\nHost: gateway\r\nX-API-Key: {keys['operator']}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    writer.write(head.encode())
    async with asyncio.timeout(10):
        answer = await reader.read()  # to the end: the gateway hangs up
    writer.close()
    lines, _, body = answer.decode().partition("\r\n\r\n")
    assert lines.startswith("HTTP/1.1 408")
    assert json.loads(body)["code"] == "body-too-slow"


def crowd(count: int = 300_000) -> dict[str, int]:
    return {f"{number:x}": 1 for number in range(count)}


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/predict", 4),
        ("/models/iris/predict", 1),
        ("/predict/batch-sync", 2),
        ("/batch/submit", 3),
    ],
)
@pytest.mark.parametrize("count", [30, 2000, 300_000])
async def test_many_unknown_fields_are_refused_with_a_short_answer(
    running, path, known, count
) -> None:
    response = await running.predict(crowd(count), path)
    problem = assert_problem(response, 422, "invalid-record")
    assert len(problem["errors"]) == 20
    # What is missing may be counted as well.
    rest = int(problem["detail"].rpartition("and ")[2].removesuffix(" more"))
    assert count - 20 <= rest <= count - 20 + known
    assert len(response.content) < 5000


async def test_an_item_with_many_unknown_fields_fails_alone(running, spam) -> None:
    items = [spam, {**spam, **crowd(30_000)}, {**spam, "x" * 5000: 1}]
    response = await running.predict({"emails": items}, "/predict/batch-sync")
    entries = response.json()["predictions"]
    assert entries[0]["prediction"]
    assert entries[1]["error"]["detail"].endswith("and 29980 more")
    assert entries[2]["error"]["detail"].startswith("x" * 100 + ": ")
    assert len(response.content) < 5000


async def test_a_large_body_is_handled_like_a_small_one(running, spam) -> None:
    mails = [{**spam, "email_id": str(number), "body": "a" * 9000} for number in range(50)]
    response = await running.predict({"emails": mails}, "/predict/batch-sync")
    assert [entry["email_id"] for entry in response.json()["predictions"]] == [
        mail["email_id"] for mail in mails
    ]


async def test_a_body_may_have_ten_mebibytes_and_no_more(running) -> None:
    at_limit = await running.ask("POST", "/predict", content=b" " * LIMIT, headers=JSON)
    assert_problem(at_limit, 422, "invalid-record")
    over = await running.ask("POST", "/predict", content=b" " * (LIMIT + 1), headers=JSON)
    assert_problem(over, 413, "body-too-large")


async def test_a_body_without_a_content_length_is_limited_too(running) -> None:
    response = await running.ask("POST", "/predict", content=chunked(LIMIT), headers=JSON)
    assert_problem(response, 413, "body-too-large")
    # The connection is still good for the next request.
    assert (await running.predict()).status_code == 200


@pytest.mark.parametrize("value", ["", "Staging", "prod", "staging,production", "production x"])
async def test_other_environments_are_refused(running, value) -> None:
    response = await running.predict(headers={"X-Environment": value})
    assert_problem(response, 400, "unknown-environment")


async def test_two_environments_are_refused(running, keys, spam) -> None:
    headers = [("X-API-Key", keys["operator"])]
    headers += [("X-Environment", "staging"), ("X-Environment", "production")]
    response = await running.client.post("/predict", headers=headers, json=spam)
    assert_problem(response, 400, "unknown-environment")


@pytest.mark.parametrize(
    ("name", "values", "status", "code"),
    [
        ("X-Purpose", ("live", "drill"), 400, "unknown-purpose"),
        ("X-Purpose", ("live", "live"), 400, "unknown-purpose"),
        ("Content-Type", ("application/json", "text/csv"), 415, "unsupported-media-type"),
        ("Content-Type", ("application/json",) * 2, 415, "unsupported-media-type"),
    ],
)
async def test_a_header_given_twice_is_refused(
    running, keys, spam, name, values, status, code
) -> None:
    headers = [("X-API-Key", keys["operator"]), *((name, value) for value in values)]
    if name != "Content-Type":
        headers.append(("Content-Type", "application/json"))
    content = json.dumps(spam).encode()
    response = await running.client.post("/predict", headers=headers, content=content)
    assert_problem(response, status, code)


async def test_other_purposes_are_refused(running) -> None:
    response = await running.predict(headers={"X-Purpose": "fun"})
    assert_problem(response, 400, "unknown-purpose")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"subject": 5}, "subject"),
        ({"subject": None}, "subject"),
        ({"body": ["a"]}, "body"),
        ({"email_id": ""}, "email_id"),
        ({"email_id": 1}, "email_id"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_a_field_that_does_not_fit_is_named(running, spam, change, field) -> None:
    problem = assert_problem(await running.predict({**spam, **change}), 422, "invalid-record")
    assert [error["field"] for error in problem["errors"]] == [field]
    assert problem["detail"].startswith(f"{field}: ")


async def test_a_long_field_is_cut_counted_and_named(running, spam) -> None:
    """Headers may be as long as a mail transfer agent delivers them."""
    long = {"sender": "x" * 1_200, "subject": "long " * 20_000, "email_id": "<" + "i" * 1_200}
    response = await running.predict({**spam, **long})
    assert response.status_code == 200, response.text
    assert response.json()["truncated"] == ["email_id", "subject", "sender"]
    assert response.json()["email_id"] == long["email_id"][:1_000]
    assert "truncated" not in (await running.predict(spam)).json()
    cut = {**spam, "sender": "x" * 1_000, "subject": long["subject"][:10_000]}
    assert (await running.predict(cut)).json()["probability"] == response.json()["probability"]
    metrics = (await running.client.get("/metrics")).text
    assert 'gateway_truncated_fields_total{field="sender",use_case="spam"} 1.0' in metrics


@pytest.mark.parametrize("missing", ["email_id", "subject", "body", "sender"])
async def test_a_field_that_is_missing_is_named(running, spam, missing) -> None:
    del spam[missing]
    problem = assert_problem(await running.predict(spam), 422, "invalid-record")
    assert problem["errors"][0]["field"] == missing


@pytest.mark.parametrize("features", [[1, 2, 3], ["5.1", 1, 1, 1], [True, 1, 1, 1], [-1, 1, 1, 1]])
async def test_flowers_have_four_positive_numbers(running, features) -> None:
    response = await running.predict({"features": features}, "/models/iris/predict")
    problem = assert_problem(response, 422, "invalid-record")
    assert problem["errors"][0]["field"].startswith("features")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"nonsense", b"[1]", b'"text"', b"null", b'{"email_id": NaN}', b"\xff\xfe{}",
     b'{"email_id":"\\ud800","subject":"","body":"","sender":""}', b"[" * 100_000],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/predict", "/predict/batch-sync", "/batch/submit"])
async def test_a_body_that_is_not_a_json_object_is_refused(running, content, path) -> None:
    response = await running.ask("POST", path, content=content, headers=JSON)
    assert_problem(response, 422, "invalid-record")


async def test_the_values_sent_are_not_repeated_in_errors(running, spam) -> None:
    response = await running.predict({**spam, "subject": {"secret": "hunter2"}})
    assert "hunter2" not in response.text


@pytest.mark.parametrize("path", ["/predict", "/health/live", "/none", "/docs"])
async def test_every_response_has_the_security_headers(running, path) -> None:
    headers = (await running.ask("GET", path)).headers
    for name, value in SECURITY_HEADERS.items():
        if (path, name) != ("/docs", "Content-Security-Policy"):
            assert headers[name] == value


@pytest.mark.parametrize("path", ["/predict", "/health/live", "/none"])
async def test_a_valid_request_id_is_returned(running, path) -> None:
    given = "Job-7_a.b:c"
    response = await running.ask("GET", path, headers={"X-Request-ID": given})
    assert response.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "a b", "a" * 129, '"><script>', "a;b"])
async def test_any_other_request_id_is_replaced(running, given) -> None:
    response = await running.ask("GET", "/health/live", headers={"X-Request-ID": given})
    assert len(response.headers["x-request-id"]) == 32


class _Faulty:
    """A job runner with a bug."""

    def state(self, job_id: str) -> None:
        raise ZeroDivisionError(f"a secret of the inside: {job_id}")


async def test_an_unexpected_error_reveals_nothing(serve, caplog) -> None:
    running = await serve(runner=_Faulty())
    response = await running.client.get("/health", headers={"X-Request-ID": "find-me"})
    assert_problem(response, 500, "internal-error")
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    assert "find-me" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    for name in SECURITY_HEADERS:
        assert name in response.headers


def _json(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(body=st.binary(max_size=60) | (ANY_JSON | NEARLY | MAILS | FLOWERS).map(_json))
async def test_no_body_causes_an_internal_error(running, body) -> None:
    for path in ("/predict", "/models/iris/predict", "/predict/batch-sync", "/batch/submit"):
        response = await running.ask("POST", path, content=body, headers=JSON)
        assert response.status_code in {200, 422}, (path, response.text)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(items=st.lists(ANY_JSON | MAILS, min_size=1, max_size=5))
async def test_no_item_spoils_its_batch(running, items) -> None:
    content = _json({"emails": items})
    response = await running.ask("POST", "/predict/batch-sync", content=content, headers=JSON)
    # JSON has no NaN; a document that holds one is none.
    assert (
        response.status_code == 200
        or b"NaN" in content
        or b"Infinity" in content
        or (b"\\ud" in content)
    )
