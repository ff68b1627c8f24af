"""`make validate` with an API server: what it refuses is reported last and by its source."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from kubectl_server import KubectlServer, kubectl_server
from validate import summarised
from validate_server import by_server
from validate_tools import FAILED, NOT_CHECKED, OK, CheckResult

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is missing")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubectlServer]:
    """A cluster with the namespaces `serving` and `default` and without KServe."""
    with kubectl_server() as running:
        for name in ("default", "serving"):
            running.add({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        running.absent.add("serving.kserve.io/v1beta1")
        monkeypatch.setenv("KUBECONFIG", str(running.kubeconfig(tmp_path)))
        monkeypatch.setenv("HOME", str(tmp_path))
        yield running


def written(folder: Path, name: str, kind: str = "ConfigMap", namespace: str = "serving") -> Path:
    version = "serving.kserve.io/v1beta1" if kind == "InferenceService" else "v1"
    metadata = {"name": name, "namespace": namespace}
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump({"apiVersion": version, "kind": kind, "metadata": metadata}))
    return file


def test_what_the_server_accepts_passes(server: KubectlServer, tmp_path: Path):
    files = {"overlay": written(tmp_path, "settings")}
    (result,) = by_server(files, "test")
    assert (result.state, list(result.details)) == (OK, [])
    applied = [line for line in server.requests if line.startswith("PATCH")]
    assert len(applied) == 1
    assert "dryRun=All" in applied[0] and "fieldValidation=Strict" in applied[0]
    assert ("configmaps", "serving", "settings") not in server.objects


def test_a_refusal_names_the_source_and_no_success(server: KubectlServer, tmp_path: Path):
    server.refuses["budget"] = "minAvailable and maxUnavailable cannot be both set"
    files = {"fine": written(tmp_path, "settings"), "charts": written(tmp_path, "budget")}
    (result,) = by_server(files, "test")
    assert result.state == FAILED
    (problem,) = result.details
    assert problem.startswith("charts: ") and "cannot be both set" in problem


def test_objects_of_a_missing_namespace_are_tried_in_default(server: KubectlServer, tmp_path: Path):
    result, note = by_server({"chart": written(tmp_path, "a", namespace="chart")}, "test")
    assert result.state == OK
    assert note.state == NOT_CHECKED and "has no namespace chart" in note.summary
    assert any("/namespaces/default/configmaps/a" in line for line in server.requests)


def test_a_kind_that_the_server_lacks_is_not_a_failure(server: KubectlServer, tmp_path: Path):
    result, note = by_server({"isvc": written(tmp_path, "spam", "InferenceService")}, "test")
    assert (result.state, list(result.details)) == (OK, [])
    assert "does not serve serving.kserve.io/v1beta1 InferenceService" in note.summary


def test_a_server_that_does_not_answer_fails(server: KubectlServer, tmp_path: Path):
    (result,) = by_server({"a": written(tmp_path, "a")}, "absent")
    assert (result.state, result.summary) == (FAILED, "absent does not answer")


def test_the_problems_come_last(capsys: pytest.CaptureFixture[str]):
    results = [
        CheckResult(FAILED, "schemas", "API server", ["overlay: a is wrong", "overlay: b too"]),
        CheckResult(OK, "alerts", "7 files"),
        CheckResult(NOT_CHECKED, "helm", "missing"),
    ]
    assert summarised(results) == 1
    assert capsys.readouterr().out.splitlines() == [
        "",
        "schemas:",
        "    overlay: a is wrong",
        "    overlay: b too",
        "",
        "1 of 3 checks failed, 1 could not be made",
        "failed: schemas (2 problems)",
    ]
