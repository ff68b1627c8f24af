"""The gateway's HTTP contract, by URL: the same on a laptop and in a cluster.

    make contract BASE_URL=https://api.example [CONTRACT_ENVIRONMENT=production]

It changes nothing: predictions are marked as smoke, batch jobs are only asked for, and the file
that is uploaded is deleted.
"""

import base64
import hashlib
import json
from datetime import datetime
from uuid import uuid4

import pytest

PROBLEM = {"type", "title", "status", "detail", "instance", "code", "request_id"}
COMMON = {
    "prediction_id", "prediction", "probability", "probabilities", "model_version", "release_id",
    "environment", "degraded", "latency_ms", "timestamp",
}  # fmt: skip
MIB = 1 << 20


def problem(answer, status, code=None):
    """Check a response against RFC 9457 and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    body = answer.json()
    assert body.keys() >= PROBLEM
    assert body["status"] == status
    assert body["request_id"] == answer.headers["x-request-id"]
    assert code in (None, body["code"])
    return body


def check_prediction(body, case, release_id, environment):
    assert body.keys() >= COMMON
    assert body["prediction"] in case.classes
    assert body["release_id"] == release_id
    assert body["environment"] == environment
    assert set(body["probabilities"]) == set(case.classes)
    assert sum(body["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert body["probability"] == body["probabilities"][body["prediction"]]
    assert body["latency_ms"] >= 0
    assert datetime.fromisoformat(body["timestamp"]).tzinfo is not None


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/metrics"])
def test_operational_endpoints_need_no_key_and_do_not_redirect(gateway, path):
    answer = gateway.call("GET", path, None)
    assert answer.status_code == 200, answer.text
    assert answer.history == []


def test_metrics_are_prometheus(gateway):
    answer = gateway.call("GET", "/metrics", None)
    assert answer.headers["content-type"].startswith("text/plain")
    assert "# TYPE" in answer.text


def test_every_example_is_answered_by_the_served_release(gateway, cases, served):
    for case in cases:
        for record in case.examples.values():
            answer = gateway.predict(case, record)
            assert answer.status_code == 200, answer.text
            release = served[case.name]["release_id"]
            check_prediction(answer.json(), case, release, gateway.environment)


def test_the_short_path_is_the_default_use_case(gateway, case, served):
    if case.name != "spam":
        pytest.skip("the default use case is not served")
    for name, record in case.examples.items():
        answer = gateway.call("POST", "/predict", json=record)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        check_prediction(body, case, served["spam"]["release_id"], gateway.environment)
        assert body["email_id"] == record["email_id"], name
        assert body["spam_probability"] == body["probabilities"]["spam"]
        assert body["confidence"] in ("low", "medium", "high")


def test_a_batch_keeps_its_order_with_invalid_items(gateway, case, record):
    body = {"records": [record, {}, record]}
    answer = gateway.call("POST", f"/models/{case.name}/predict/batch-sync", json=body)
    assert answer.status_code == 200, answer.text
    given = answer.json()
    assert (given["count"], given["errors"]) == (3, 1)
    assert [("error" in item) for item in given["predictions"]] == [False, True, False]
    assert given["predictions"][1]["error"]["code"] == "invalid-record"
    first, last = given["predictions"][0], given["predictions"][2]
    assert first["probabilities"] == pytest.approx(last["probabilities"], abs=1e-5)


@pytest.mark.parametrize("size", [0, 101])
def test_a_batch_has_1_to_100_records(gateway, case, record, size):
    body = {"records": [record] * size}
    path = f"/models/{case.name}/predict/batch-sync"
    problem(gateway.call("POST", path, json=body), 422)


def test_a_valid_request_id_is_returned_and_others_are_replaced(gateway, case, record):
    given = gateway.predict(case, record, **{"X-Request-ID": "contract-1"})
    assert given.headers["x-request-id"] == "contract-1"
    other = gateway.predict(case, record, **{"X-Request-ID": "not sane!" * 50})
    assert other.headers["x-request-id"] not in ("", "not sane!" * 50)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/predict"),
        ("POST", "/predict/batch-sync"),
        ("POST", "/batch/submit"),
        ("GET", "/batch/none"),
        ("DELETE", "/batch/none"),
        ("PUT", "/batch/files/none"),
        ("GET", "/batch/files/none"),
        ("DELETE", "/batch/files/none"),
        ("GET", "/model/info"),
        ("GET", "/metrics/drift"),
    ],
)
def test_a_known_key_is_required(gateway, method, path):
    for role in (None, "nobody"):
        problem(gateway.call(method, path, role), 401)


@pytest.mark.parametrize("path", ["/predict", "/predict/batch-sync", "/batch/submit"])
def test_a_viewer_can_only_read(gateway, path):
    problem(gateway.call("POST", path, "viewer", json={}), 403)


def test_unknown_resources_are_not_found(gateway):
    problem(gateway.call("GET", "/nowhere"), 404)
    problem(gateway.call("POST", "/models/no_such_use_case/predict", json={}), 404)
    problem(gateway.call("GET", "/batch/no-such-job", "viewer"), 404)


def test_a_label_of_an_unknown_class_is_rejected_and_changes_nothing(gateway, case, record):
    prediction = gateway.predict(case, record).json()["prediction_id"]
    label = {"use_case": case.name, "prediction_id": prediction, "label": "no such class"}
    answer = gateway.call("POST", "/feedback", json=label)
    assert answer.status_code == 202, answer.text
    (rejected,) = answer.json()["rejected"]
    assert (rejected["index"], rejected["prediction_id"]) == (0, prediction)
    assert rejected["code"] == "unknown-class"


def test_a_prediction_has_a_passport(gateway, case, record):
    prediction = gateway.predict(case, record).json()
    answer = gateway.call("GET", f"/predictions/{prediction['prediction_id']}")
    if answer.status_code == 200:  # another gateway's record is found when it has been uploaded
        assert answer.json()["record"]["release_id"] == prediction["release_id"]
        assert answer.json()["labels"] == []
    else:
        problem(answer, 404, "prediction-not-found")
    problem(gateway.call("GET", "/predictions/p1"), 404, "prediction-not-found")
    problem(gateway.call("GET", "/predictions/p1", "viewer"), 403)


def test_malformed_requests_are_refused_in_order(gateway, case, record):
    path = f"/models/{case.name}/predict"
    text = {"Content-Type": "text/plain"}
    problem(gateway.call("POST", path, content=b"x", headers=text), 415)
    json_type = {"Content-Type": "application/json"}
    problem(gateway.call("POST", path, content=b" " * (10 * MIB + 1), headers=json_type), 413)
    problem(gateway.predict(case, record, **{"X-Environment": "moon"}), 400)
    problem(gateway.call("POST", path, content=b"{", headers=json_type), 422)


def test_an_invalid_record_names_its_field(gateway, case, record):
    for name in record:
        wrong = {**record, name: {"not": "that"}}
        body = problem(gateway.predict(case, wrong), 422)
        assert name in {e["field"].split(".")[0] for e in body["errors"]}, body


def test_authentication_is_checked_first(gateway, case):
    headers = {"Content-Type": "text/plain", "X-Environment": "moon"}
    path = f"/models/{case.name}/predict"
    problem(gateway.call("POST", path, None, content=b"x", headers=headers), 401)
    problem(gateway.call("POST", path, "viewer", content=b"x", headers=headers), 403)


@pytest.mark.parametrize("path", ["/etc/passwd", "models/spam/x.parquet", "batch/../models/x"])
def test_batch_reads_permitted_paths_only(gateway, path):
    body = {"input_path": path, "output_path": "batch/contract-never-written.parquet"}
    answer = gateway.call("POST", "/batch/submit", json=body)
    assert answer.status_code in (400, 422), answer.text
    problem(answer, answer.status_code)


def test_a_file_goes_in_by_pieces_and_comes_out_by_ranges(gateway):
    data, path = b"0123456789" * 100, f"/batch/files/contract/{uuid4().hex}"
    sha256 = base64.b64encode(hashlib.sha256(data).digest()).decode()
    digest = {"Repr-Digest": f"sha-256=:{sha256}:"}

    def put(content, given):
        headers = {"Content-Range": f"bytes {given}/{len(data)}", **digest}
        return gateway.call("PUT", path, content=content, headers=headers)

    try:
        assert put(b"", "*").headers.get("range") is None
        first = put(data[:400], "0-399")
        assert (first.status_code, first.headers["range"]) == (308, "bytes=0-399"), first.text
        problem(put(data[500:], "500-999"), 409, "upload-offset")
        problem(gateway.call("GET", path), 404)
        assert put(data[400:], "400-999").status_code == 201
        assert put(b"", "*").status_code == 201
        problem(gateway.call("PUT", path, content=b"other"), 409, "file-taken")
        assert gateway.call("GET", path).content == data
        part = gateway.call("GET", path, headers={"Range": "bytes=100-109"})
        assert (part.status_code, part.content) == (206, data[100:110])
        problem(gateway.call("GET", path, headers={"Range": "bytes=1000-"}), 416)
    finally:
        gateway.call("DELETE", path)
    problem(gateway.call("GET", path), 404)


@pytest.mark.parametrize("path", ["%2e%2e/models/x", "_jobs/x/job.json", "a//b", "a%5cb"])
def test_files_outside_the_batch_container_are_refused(gateway, path):
    for method in ("PUT", "GET", "DELETE"):
        problem(gateway.call(method, f"/batch/files/{path}"), 422)
    for method in ("PUT", "GET", "DELETE"):
        problem(gateway.call(method, f"/batch/files/{path}", "viewer"), 403)


def test_model_info_covers_every_environment(gateway, served):
    for info in gateway.call("GET", "/model/info", "viewer").json().values():
        assert set(info) == {"staging", "production"}
    for info in served.values():
        assert info.keys() >= {"release_id", "version", "metrics", "lineage", "signature"}


def test_drift_is_a_report_or_no_report(gateway, served):
    answer = gateway.call("GET", "/metrics/drift", "viewer")
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) >= set(served)
    for environments in answer.json().values():
        assert set(environments) == {"staging", "production"}
        for report in environments.values():
            assert report["status"] == "no-report" or report.keys() >= {"score", "rows", "end"}


def test_the_documentation_lists_every_path(gateway):
    document = gateway.call("GET", "/openapi.json", None)
    assert document.status_code == 200
    assert {
        "/predict", "/predict/batch-sync", "/models/{use_case}/predict", "/batch/submit",
        "/batch/{job_id}", "/batch/files/{path}", "/model/info", "/metrics/drift", "/health",
        "/feedback", "/predictions", "/predictions/{prediction_id}", "/releases/{use_case}",
    } <= set(json.loads(document.text)["paths"])  # fmt: skip
