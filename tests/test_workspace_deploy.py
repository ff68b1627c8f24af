"""`make deploy-all` reports everything that is missing before anything changes."""

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from manifests import ROOT, read_env

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is missing")
OUTPUTS = (ROOT / "terraform" / "base-infra" / "outputs.tf").read_text()
BY_HAND = {
    "API_HOST",
    "RUNBOOKS_URL",
    "CONSOLE_URL",
    "CONSOLE_SIGN_IN_CLIENT_ID",
    "ENTRA_AUDIENCE",
}
NAMESPACES = ("istio-system", "kubeflow", "monitoring", "ray", "serving")


class _Api(BaseHTTPRequestHandler):
    """A Kubernetes API that lists namespaces and records requests."""

    namespaces: dict[str, dict[str, str]]
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        items = [{"metadata": {"name": n, "labels": of}} for n, of in self.namespaces.items()]
        found = self.path == "/api/v1/namespaces"
        body = json.dumps({"kind": "NamespaceList", "items": items}).encode()
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(body if found else b"{}")

    def do_PATCH(self) -> None:
        self.asked.append(f"PATCH {self.path}")
        self.send_response(500)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Keep the test output clean."""


@pytest.fixture
def api(tmp_path: Path) -> Iterator[type[_Api]]:
    """A cluster, which is the current context of `tmp_path/kubeconfig`."""
    handler = type("Api", (_Api,), {"namespaces": {}, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    cluster = {"server": f"http://127.0.0.1:{server.server_port}"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": {}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A copy of the manifests, with the values of an installation."""
    folder = tmp_path / "checkout"
    for name in ("config", "scripts"):
        shutil.copytree(ROOT / name, folder / name)
    for deploy in [*ROOT.glob("*/deploy"), *ROOT.glob("*/*/deploy")]:
        shutil.copytree(deploy, folder / deploy.relative_to(ROOT))
    for file in folder.glob("config/**/*.env"):
        text = file.read_text().replace("example", "acme")
        file.write_text(text.replace("00000000-0000-0000-0000-000000000000", "1" * 8))
    return folder


def deploy(kubeconfig: Path, *arguments: str, folder: Path = ROOT) -> tuple[int, list[str]]:
    python = ROOT / ".venv" / "bin" / "python"
    done = subprocess.run(
        [str(python), str(folder / "scripts" / "deploy.py"), *arguments],
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize("folder", [ROOT, ROOT / "model-serving"], ids=lambda path: path.name)
def test_make_reports_everything_that_is_missing(tmp_path: Path, folder: Path):
    done = subprocess.run(
        ["make", "-C", str(folder), "deploy-all", "INSTALLATION=production"],
        env={**os.environ, "KUBECONFIG": str(tmp_path / "none")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2  # make's exit code for a failed recipe
    first, tag, examples, cluster = done.stderr.splitlines()[:4]
    assert first == "nothing was changed:"
    assert "IMAGE_TAG is missing" in tag
    assert "still have examples for IMAGE_REGISTRY" in examples
    assert "there is no cluster: kubectl has no current context" in cluster


def test_an_unknown_context_and_installation_are_named(tmp_path: Path):
    code, lines = deploy(tmp_path / "none", "qa", "--image-tag", "1.0.0", "--context", "moon")
    assert code == 1
    assert (
        "there is no installation 'qa'; config/installations has: dev, onprem, production" in lines
    )
    assert "kubectl has no context 'moon'" in lines[-1]


@pytest.mark.parametrize(
    ("namespaces", "reason"),
    [
        ({}, "has no namespace istio-system, kubeflow, monitoring, ray, serving"),
        ({key: {} for key in NAMESPACES}, "the API server of test refuses:"),
        (
            {key: {"mlplatform/environment": "dev"} for key in NAMESPACES},
            "context test is the cluster of dev",
        ),
    ],
    ids=["no namespaces", "unknown objects", "another installation"],
)
def test_nothing_is_applied_to_an_unsuitable_cluster(
    api: type[_Api],
    installed: Path,
    tmp_path: Path,
    namespaces: dict[str, dict[str, str]],
    reason: str,
):
    api.namespaces = namespaces
    arguments = ("production", "--image-tag", "1.0.0")
    code, lines = deploy(tmp_path / "kubeconfig", *arguments, folder=installed)
    assert (code, lines[0]) == (1, "nothing was changed:")
    assert any(reason in line for line in lines), lines
    assert "/api/v1/namespaces" in api.asked
    assert [path for path in api.asked if path.startswith("PATCH")] == []


@pytest.mark.parametrize(
    ("output", "file"),
    [
        ("installation_env", "installations/production/installation.env"),
        ("settings_env", "production/settings.env"),
    ],
)
def test_terraform_prints_the_settings_of_an_installation(output: str, file: str):
    block = OUTPUTS.partition(f'output "{output}"')[2].partition("\n}\n")[0]
    printed = set(re.findall(r"^ +([A-Z_]+) +=", block, flags=re.MULTILINE))
    of_the_build = {"TRAINING_IMAGE", "SERVING_IMAGE"}
    settings = set(read_env(ROOT / "config" / file))
    assert printed | BY_HAND | of_the_build >= settings >= printed
