"""The validations of `terraform/base-infra` and their messages, without providers."""

import shutil
import subprocess
from pathlib import Path

import pytest

BASE = Path(__file__).parent.parent / "terraform" / "base-infra"
RULES = ["locals.ranges.tf", "main.rules.tf"]
pytestmark = pytest.mark.skipif(
    shutil.which("terraform") is None, reason="terraform is not installed"
)


def network(changed: str) -> str:
    """Return the network of production with one changed line, which overrides the original."""
    ranges = {
        "address_space": '"10.50.0.0/18"',
        "subnets": '{ nodes = "10.50.0.0/21", private_endpoints = "10.50.8.0/26" }',
        "pod_cidr": '"10.160.0.0/13"',
        "service_cidr": '"10.52.0.0/20"',
    }
    name, _, value = changed.partition("=")
    lines = ranges | {name: value}
    return f"network={{ {', '.join(f'{key} = {lines[key]}' for key in lines)} }}"


def pools(cpu: int = 3, most: int = 20) -> str:
    size = 'vm_size = "Standard_D8ds_v5"'
    sizes = (
        f"{name} = {{ {size}, min_nodes = {least}, max_nodes = {most} }}"
        for name, least in {"system": 3, "cpu": cpu, "ray": 1}.items()
    )
    return f"node_pools={{ {', '.join(sizes)} }}"


REFUSED = [
    ("environment=qa", 'environment is "qa"; it must be dev or prod'),
    ("name=machine-learning-platform", "Azure allows 24 characters"),
    ("location=West Europe", "a region's short name such as westeurope"),
    (pools(cpu=0), "in prod min_nodes must be at least 3 for system, 2 for cpu"),
    (pools(most=900), "may grow to 3600 nodes, but network.subnets.nodes"),
    (network('pod_cidr="10.48.0.0/13"'), "10.50.0.0/18 overlaps pod_cidr 10.48.0.0/13"),
    (network('service_cidr="172.30.0.0/20"'), "AKS reserved 172.30.0.0/15 overlaps"),
    (network('address_space="10.51.0.0/18"'), "outside are nodes 10.50.0.0/21, private_endpoints"),
    (network('pod_cidr="lots"'), "must be IPv4 in CIDR notation"),
    (network('authorized_ip_ranges=["198.51.100.0/24"]'), "must be empty in prod"),
    ("dns_zone_id=mlplatform.example", "the resource id of an Azure DNS zone"),
    ("log_retention_days=30", "at least 90 in prod"),
    ('api_keys=[{ name = "a", role = "admin", sha256 = "secret" }]', "never the key itself"),
]


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root module with the variables and their validations, without Azure resources."""
    root = tmp_path_factory.mktemp("rules")
    for file in [*BASE.glob("variables*.tf"), *(BASE / name for name in RULES)]:
        shutil.copy(file, root)
    _terraform(root, "init", "-backend=false").check_returncode()
    return root


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_environments_pass_every_validation(rules: Path, environment: str):
    planned = _plan(rules, environment)
    assert planned.returncode == 0, planned.stderr


@pytest.mark.parametrize(("variable", "words"), REFUSED)
def test_a_violation_of_base_infra_is_refused_with_its_message(
    rules: Path, variable: str, words: str
):
    planned = _plan(rules, "prod", f"-var={variable}")
    assert planned.returncode == 1
    assert words in " ".join(planned.stderr.split())


def _plan(root: Path, environment: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    file = BASE / "environments" / f"{environment}.tfvars"
    return _terraform(root, "plan", f"-var-file={file}", *arguments)


def _terraform(root: Path, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = ["terraform", f"-chdir={root}", command, "-input=false", "-no-color", *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=False)
