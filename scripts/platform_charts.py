"""The Helm releases of terraform/ml-platform, with the values that Terraform computes for them."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from manifests import ROOT, Refused

PLATFORM = ROOT / "terraform" / "ml-platform"
STORE = ROOT / ".tools" / "charts"
KUBERNETES = "1.33"
SECONDS = 60
_BLOCK = re.compile(r'^(\w+)(?: "(\w+)")*[^\n]*\{\n.*?^\}$', re.MULTILINE | re.DOTALL)
_NAMESPACE = re.compile(r'kubernetes_namespace_v1\.main\[("[^"]+")\]\.metadata\[0\]\.name')
_ATTRIBUTES = ("name", "namespace", "repository", "chart", "version", "values")
# What pods of a namespace must satisfy at admission.
_LIMITS = """
output "admission" {
  value = { for name, quota in var.quotas : name => merge(quota, local.namespaces[name]) }
}
"""


@dataclass(frozen=True)
class HelmRelease:
    """A Helm release of one environment; `version` is empty for a chart of the repository."""

    environment: str
    name: str
    namespace: str
    chart: str
    repository: str
    version: str
    values: tuple[dict[str, Any], ...]

    @property
    def label(self) -> str:
        """The environment and the release, for messages."""
        return f"{self.environment} {self.name}"


@dataclass(frozen=True)
class Installation:
    """The releases of an environment, and what each namespace demands of its pods."""

    releases: list[HelmRelease]
    admission: dict[str, dict[str, Any]]


def installations() -> list[Installation]:
    """Compute the values of every release in every environment; needs terraform, no provider.

    Raises:
        Refused: Terraform cannot evaluate them.
    """
    environments = sorted(file.stem for file in (PLATFORM / "environments").glob("*.tfvars"))
    with tempfile.TemporaryDirectory(prefix="charts-") as folder:
        root = Path(folder)
        shutil.copytree(PLATFORM / "charts", root / "charts")
        (root / "main.tf").write_text(_without_providers(PLATFORM))
        _terraform(root, "init", "-backend=false")
        return [_installation(root, environment) for environment in environments]


def _installation(root: Path, environment: str) -> Installation:
    variables = PLATFORM / "environments" / f"{environment}.tfvars"
    _terraform(root, "apply", "-auto-approve", f"-var-file={variables}")
    outputs = {
        name: output["value"]
        for name, output in json.loads(_terraform(root, "output", "-json")).items()
    }
    admission = outputs.pop("admission")
    releases = [
        HelmRelease(
            environment, **{**output, "values": tuple(map(yaml.safe_load, output["values"]))}
        )
        for output in outputs.values()
    ]
    return Installation(releases, admission)


def _without_providers(root: Path) -> str:
    """Return variables and locals of a root, and an output for each of its Helm releases."""
    text = "\n".join(file.read_text() for file in sorted(root.glob("*.tf")))
    kept = []
    for block in _BLOCK.finditer(_NAMESPACE.sub(r"\1", text)):
        if block[0].startswith(('variable "', "locals {")):
            kept.append(block[0])
        elif block[0].startswith('resource "helm_release"'):
            values = {name: _attribute(block[0], name) for name in _ATTRIBUTES}
            lines = "\n".join(f"    {name} = {value}" for name, value in values.items())
            kept.append(f'output "{block[2]}" {{\n  value = {{\n{lines}\n  }}\n}}')
    return "\n\n".join([*kept, _LIMITS])


def _attribute(block: str, name: str) -> str:
    found = re.search(rf"^  {name} +=(.*?)(?=^  \w|^\}})", block, re.MULTILINE | re.DOTALL)
    absent = "[]" if name == "values" else '""'
    return found[1].strip() if found else absent


def _terraform(root: Path, *arguments: str) -> str:
    command = ["terraform", f"-chdir={root}", *arguments, "-no-color"]
    environment = {**os.environ, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise Refused(f"the values of the charts cannot be computed: {done.stderr.strip()}")
    return done.stdout


def folder_of(release: HelmRelease) -> Path | None:
    """Return the folder of a chart, downloaded if need be; None if it cannot be had.

    A chart that was put into `.tools/charts/<chart>-<version>` is used as it is.
    """
    if not release.version:
        return (PLATFORM / release.chart).resolve()
    folder = STORE / f"{release.chart}-{release.version}"
    if not folder.exists():
        _pull(release, folder)
    return folder if folder.exists() else None


def _pull(release: HelmRelease, folder: Path) -> None:
    oci = release.repository.startswith("oci://")
    what = (
        [f"{release.repository}/{release.chart}"]
        if oci
        else [release.chart, "--repo", release.repository]
    )
    with tempfile.TemporaryDirectory(prefix="chart-") as place:
        command = [
            "helm",
            "pull",
            *what,
            "--version",
            release.version,
            "--untar",
            "--untardir",
            place,
        ]
        try:
            subprocess.run(command, capture_output=True, check=True, timeout=SECONDS)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(str(Path(place) / release.chart), folder)


def template(release: HelmRelease, folder: Path) -> str:
    """Return the objects of a release, rendered by Helm.

    Raises:
        Refused: Helm refuses the values.
    """
    with tempfile.TemporaryDirectory(prefix="values-") as place:
        files = list(_written(release, Path(place)))
        command = ["helm", "template", release.name, str(folder), "--namespace", release.namespace]
        command += ["--kube-version", KUBERNETES, "--api-versions", "monitoring.coreos.com/v1"]
        done = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Refused(f"{release.label}: {done.stderr.strip()}")
    return done.stdout


def _written(release: HelmRelease, folder: Path) -> Iterator[str]:
    for number, values in enumerate(release.values):
        file = folder / f"{number}.yaml"
        file.write_text(yaml.safe_dump(values))
        yield f"--values={file}"
