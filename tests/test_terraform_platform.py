"""`terraform/ml-platform` without its providers: validations, script and charts."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from charts import Chart, charts, template
from manifest_rules import broken
from manifests import parse

ROOT = Path(__file__).parent.parent
PLATFORM = ROOT / "terraform" / "ml-platform"
CHARTS = [chart.folder for chart in charts()]
SCRIPT = PLATFORM / "modules" / "kustomization" / "kustomization.sh"
needs_terraform = pytest.mark.skipif(
    shutil.which("terraform") is None, reason="terraform is not installed"
)
needs_helm = pytest.mark.skipif(shutil.which("helm") is None, reason="helm is not installed")

REFUSED = [
    ("environment=qa", 'environment is "qa"; it must be dev or prod'),
    ("environment=dev", "must not go into the other's cluster"),
    (
        "replicas={control_plane=2,mlflow=0,ingress={min=3,max=9},activator={min=2,max=4}}",
        "0 pods cannot answer",
    ),
    (
        "replicas={control_plane=1,mlflow=2,ingress={min=3,max=9},activator={min=2,max=4}}",
        "at least 2 everywhere in prod",
    ),
    (
        'monitoring={replicas=1,retention_days=30,storage="8Gi",cpu="1",memory="1Gi"}',
        "at least 2 in prod",
    ),
    ('quotas={ray={cpu="1",memory="1Gi",pods=1}}', "given for each namespace and no other"),
    ("ingress={internal=false}", "the permitted clients if the load balancer is public"),
    ('ingress={source_ranges=["0.0.0.0/0"]}', "must not include every address"),
    ('groups={viewers=["team"]}', "object ids of Entra groups"),
    ('extra_secrets={mlflow=["postgres-admin-password"]}', "no program of the cluster"),
    ('ingress={acme={email="a@b.example"}}', "set dns_zone_id in base-infra"),
    ("login=password", "must be azurecli, workloadidentity, msi or spn"),
]


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root module with the variables and their validations, without resources."""
    root = tmp_path_factory.mktemp("rules")
    for file in [*PLATFORM.glob("variables*.tf"), PLATFORM / "locals.namespaces.tf"]:
        shutil.copy(file, root)
    _terraform(root, "init", "-backend=false").check_returncode()
    return root


@needs_terraform
@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_environments_of_the_platform_pass_every_validation(rules: Path, environment: str):
    planned = _plan(rules, environment)
    assert planned.returncode == 0, planned.stderr


@needs_terraform
@pytest.mark.parametrize(("variable", "words"), REFUSED)
def test_a_violation_is_refused_with_its_message(rules: Path, variable: str, words: str):
    planned = _plan(rules, "prod", f"-var={variable}")
    assert planned.returncode == 1
    assert words in " ".join(planned.stderr.replace("│", " ").split())


def test_a_kustomization_names_missing_values():
    refused = subprocess.run(
        [SCRIPT, "apply"],
        env={"PATH": os.environ["PATH"], "NAME": "knative", "NAMESPACE": "knative-serving"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert "knative: KUSTOMIZATION is not set" in refused.stderr


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_a_chart_refuses_unknown_values(chart: Path):
    schema = json.loads((chart / "values.schema.json").read_text())
    assert _open_objects(schema) == []
    values = yaml.safe_load((chart / "values.yaml").read_text())
    assert set(values) <= set(schema["properties"])
    assert set(schema["required"]) <= set(values)


@needs_helm
@pytest.mark.parametrize("chart", charts(), ids=lambda chart: chart.folder.name)
def test_the_objects_of_a_chart_follow_the_rules(chart: Chart):
    objects = parse(template(chart))
    assert len(objects) > 0
    assert broken(objects, production=True) == []


@pytest.mark.parametrize("root", ["base-infra", "ml-platform"])
def test_the_readme_names_every_input_and_output(root: str):
    files = (ROOT / "terraform" / root).glob("*.tf")
    named = {
        n for f in files for n in re.findall(r'^(?:variable|output) "(\w+)"', f.read_text(), re.M)
    }
    readme = (ROOT / "terraform" / root / "README.md").read_text()
    assert {name for name in named if f"`{name}`" not in readme} == set()


def _open_objects(node: Any) -> list[Any]:
    """Return the objects of a schema that accept any key."""
    if isinstance(node, list):
        return [found for item in node for found in _open_objects(item)]
    if not isinstance(node, dict):
        return []
    is_open = "properties" in node and node.get("additionalProperties") is not False
    return [node] * is_open + [found for value in node.values() for found in _open_objects(value)]


def _plan(root: Path, environment: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    file = PLATFORM / "environments" / f"{environment}.tfvars"
    return _terraform(root, "plan", f"-var-file={file}", *arguments)


def _terraform(root: Path, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = ["terraform", f"-chdir={root}", command, "-input=false", "-no-color", *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=False)
