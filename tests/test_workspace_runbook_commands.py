"""Every kubectl command of every runbook runs against an API server with the platform's objects.

Commands of make and mlplatform are in test_workspace_commands.py. Those of Azure, PostgreSQL and
Terraform need their services.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kfp.cli.run
import pytest
from kubectl_server import KubectlServer, kubectl_server
from manifests import REGISTRY, ROOT, TAG, overlays_of, parse, render

RUNBOOKS = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
MEANING = {
    "<node>": "node-1", "<pod>": "api-gateway-0", "<claim>": "spool-api-gateway-0",
    "<head>": "ray-head", "<name>": "drift-detector-1", "<the latest>": "drift-detector-1",
    "<namespace>": "serving", "<use case>": "spam", "<id>": "0f", "<run>": "first",
}  # fmt: skip
"""What a reader would put in place of a word in angle brackets."""
BY_PLACE = {
    "deploy/<name>": "deploy/spam-production-0123abcd-predictor",
    "externalsecret <name>": "externalsecret api-keys",
    "-n ray exec <pod>": "-n ray exec ray-head",
    "-n kubeflow logs job/<the latest>": "-n kubeflow logs job/drill-1",
}
SESSIONS = {" exec ": "/exec?", " port-forward ": "/portforward"}
ASK_FOR_HELP = """
import json, sys
from cli.main import main
for words in json.loads(sys.argv[1]):
    if main([*words, "--help"]):
        sys.exit(f"mlplatform does not accept {' '.join(words)}")
"""
needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is missing")
texts = pytest.mark.parametrize("file", RUNBOOKS, ids=lambda path: path.stem)


def blocks(file: Path) -> Iterator[str]:
    """Yield the indented blocks of a runbook, and what is in backquotes, as shell commands."""
    text = re.sub(r"\\\n\s+", "", file.read_text())
    yield from re.findall(r"(?:^(?: {4}| {7}).+\n?)+", text, re.MULTILINE)
    yield from re.findall(r"`([^`\n]+)`", text)


def commands(file: Path) -> list[str]:
    """Return the commands of kubectl, with their loops and functions."""
    found: list[str] = []
    for block in blocks(file):
        if "change()" in block or "for namespace" in block:
            found.append(block)
        else:
            lines = (line.strip() for line in block.splitlines())
            found += [line for line in lines if line.startswith("kubectl ")]
    return [_filled(command) for command in found]


def _filled(command: str) -> str:
    for word, value in (BY_PLACE | MEANING).items():
        command = command.replace(word, value)
    alone = "\n" not in command.strip()
    command = re.sub(r"\s#.*$", "", command, flags=re.MULTILINE)
    return command.partition(" | ")[0].removesuffix(" &") if alone else command


@pytest.fixture(scope="module")
def production() -> list[dict[str, Any]]:
    """The objects of production."""
    values = {TAG: "1.0.0", REGISTRY: "registry.example"}
    return [o for overlay in overlays_of("production") for o in parse(render(overlay, values))]


@pytest.fixture
def cluster(
    production: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[KubectlServer]:
    """A cluster on which production is deployed and running."""
    with kubectl_server() as server:
        for name in (
            "default",
            "serving",
            "ray",
            "kubeflow",
            "mlflow",
            "monitoring",
            "istio-system",
        ):
            server.add({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for manifest in production:
            server.add(manifest)
        for manifest in _of_others():
            server.add(manifest)
        for (plural, _, _), manifest in list(server.objects.items()):
            if plural in ("deployments", "statefulsets"):
                _run(server, manifest)
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path)))
        monkeypatch.setenv("HOME", str(tmp_path))
        yield server


def _of_others() -> Iterator[dict[str, Any]]:
    """Yield what KServe, KubeRay and third-party charts create, reduced to what kubectl reads."""
    deployments = {
        "mysql": "kubeflow", "ml-pipeline": "kubeflow", "mlflow": "mlflow",
        "kube-prometheus-stack-grafana": "monitoring", "prometheus": "monitoring",
        "spam-production-0123abcd-predictor": "serving", "ingress": "istio-system",
    }  # fmt: skip
    for name, namespace in deployments.items():
        template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": []}}
        spec = {"selector": {"matchLabels": {"app": name}}, "replicas": 1, "template": template}
        labels = {"mlplatform/environment": "production"}
        yield _object("apps/v1", "Deployment", namespace, name, spec, labels)
    services = {
        ("kubeflow", "ml-pipeline"): ("ml-pipeline", 8888),
        ("monitoring", "kube-prometheus-stack-prometheus"): ("prometheus", 9090),
        ("istio-system", "istio-ingressgateway"): ("ingress", 443),
    }
    for (namespace, name), (app, port) in services.items():
        spec = {"selector": {"app": app}, "ports": [{"port": port, "targetPort": port}]}
        yield _object("v1", "Service", namespace, name, spec)
    head = {"app.kubernetes.io/name": "ray", "ray.io/node-type": "head"}
    yield _controlled(_object("v1", "Pod", "ray", "ray-head", _pod("autoscaler"), head))
    for namespace, name in (("monitoring", "drift-detector-1"), ("kubeflow", "drill-1")):
        yield _object("batch/v1", "Job", namespace, name, {"template": {"spec": {}}})
    yield _object("v1", "PersistentVolumeClaim", "serving", "spool-api-gateway-0", {})
    yield _object("v1", "Node", "", "node-1", {}, {"agentpool": "cpu"})
    yield _object("external-secrets.io/v1", "ClusterSecretStore", "", "key-vault", {})


def _object(
    version: str, kind: str, namespace: str, name: str, spec: object, labels: object = None
) -> dict[str, Any]:
    metadata = {"name": name, "labels": labels or {}, "generation": 1}
    metadata |= {"namespace": namespace} if namespace else {}
    status = {"phase": "Running"} if kind == "Pod" else {}
    return {
        "apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec, "status": status,
    }  # fmt: skip


def _controlled(pod: dict[str, Any]) -> dict[str, Any]:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "any", "uid": "1"}
    pod["metadata"]["ownerReferences"] = [{**owner, "controller": True}]
    return pod


def _pod(container: str) -> dict[str, Any]:
    ports = [{"containerPort": 8888}, {"containerPort": 9090}]
    return {"containers": [{"name": container, "ports": ports}], "nodeName": "node-1"}


def _run(server: KubectlServer, manifest: dict[str, Any]) -> None:
    """Add the status of a workload that has been rolled out, and its first pod."""
    spec, metadata = manifest["spec"], manifest["metadata"]
    spec.setdefault("replicas", 1)
    metadata["generation"] = 1
    # As the server defaults it; kubectl asks before it waits.
    spec.setdefault("updateStrategy", {"type": "RollingUpdate"})
    counts = dict.fromkeys(
        ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), spec["replicas"]
    )
    revisions = {"currentRevision": "a", "updateRevision": "a", "observedGeneration": 1}
    manifest["status"] = {**counts, **revisions}
    containers = [c["name"] for c in spec["template"]["spec"]["containers"]] or ["kserve-container"]
    labels = spec["template"]["metadata"]["labels"]
    pod = _object(
        "v1", "Pod", metadata["namespace"], f"{metadata['name']}-0", _pod(containers[0]), labels
    )
    server.add(_controlled(pod))


@needs_kubectl
@texts
def test_every_command_of_kubectl_runs(file: Path, cluster: KubectlServer):
    for command in commands(file):
        cluster.requests.clear()
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        session = next((path for word, path in SESSIONS.items() if word in command), None)
        if session:
            assert any(session in line for line in cluster.requests), (command, done.stderr)
        else:
            assert done.returncode == 0, (command, done.stderr, cluster.requests)


def test_the_commands_of_the_runbooks_are_found():
    found = {file.stem: len(commands(file)) for file in RUNBOOKS}
    assert sum(found.values()) > 40
    tasks = ("first-deployment", "upgrade", "rollback", "key-rotation", "node-pool-drain")
    assert min(found[name] for name in tasks) > 1


@needs_kubectl
def test_the_first_command_of_the_rollback_starts_a_job(cluster: KubectlServer):
    (block,) = (c for c in commands(ROOT / "docs/runbooks/rollback.md") if "change()" in c)
    function = block.partition("    }\n")[0] + "    }\n"
    for arguments in ("release list", "rollback --use-case spam --environment production"):
        name = arguments.split()[0]
        script = f'{function}\nchange {name} "{arguments}"'
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "the last line of the log" in done.stdout
        job = cluster.objects["jobs", "serving", name]
        (container,) = job["spec"]["template"]["spec"]["containers"]
        assert {"name": "RELEASES_ARGUMENTS", "value": arguments} in container["env"]


@needs_kubectl
def test_a_missed_window_is_measured_by_a_job(cluster: KubectlServer):
    text = (ROOT / "docs" / "runbooks" / "drift-report-missing.md").read_text()
    (script,) = re.findall(r"(?:^ {8}.+\n)+", text, re.MULTILINE)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (container,) = cluster.objects["jobs", "monitoring", "drift-1"]["spec"]["template"]["spec"][
        "containers"
    ]
    assert container["command"][:2] == ["sh", "-c"]
    assert "mlplatform $kind run --from 2026-01-05T11:00Z" in container["command"][2]


def test_the_arguments_of_change_are_commands_of_mlplatform():
    text = "\n".join(file.read_text() for file in RUNBOOKS)
    lines = re.findall(r'change [a-z0-9-]+ "([^"]+)"', text)
    assert len(lines) > 20
    words = [re.sub(r"<[^>]*>", "x", line).split("#")[0].split() for line in sorted(set(lines))]
    # One process for all of them: its start takes longer than the parsing.
    done = subprocess.run(
        [sys.executable, "-c", ASK_FOR_HELP, json.dumps(words)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_options_of_kubeflow_are_known():
    (line,) = (
        match
        for file in RUNBOOKS
        for block in blocks(file)
        for match in re.findall(r"\.venv/bin/kfp --endpoint \S+ (.*)", block)
    )
    known = kfp.cli.run.create.params
    options = {name for parameter in known for name in (*parameter.opts, *parameter.secondary_opts)}
    words = line.split()
    assert words[:2] == ["run", "create"]
    assert {word for word in words if word.startswith("--")} <= options
