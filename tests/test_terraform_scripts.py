"""The scripts of `terraform/` report errors before anything changes."""

import shutil
import subprocess
from pathlib import Path

import pytest

TERRAFORM = Path(__file__).parent.parent / "terraform"
SIGNED_OUT = "#!/bin/sh\nexit 1\n"
SIGNED_IN = """#!/bin/sh
echo "$*" >> "$(dirname "$0")/calls"
case "$1 $2" in
  "account show") echo 00000000-0000-0000-0000-000000000001 ;;
  "ad signed-in-user") echo 00000000-0000-0000-0000-000000000002 ;;
  "lock list") grep -q "lock create" "$(dirname "$0")/calls" && echo keep-state ;;
esac
exit 0
"""


@pytest.fixture
def terraform(tmp_path: Path) -> Path:
    """A copy of the scripts and environments, because one of them writes into its folder."""
    folder = tmp_path / "terraform"
    (folder / "base-infra").mkdir(parents=True)
    shutil.copy(TERRAFORM / "run.sh", folder)
    for name in ("bootstrap-state.sh", "terraform.tf"):
        shutil.copy(TERRAFORM / "base-infra" / name, folder / "base-infra")
    for file in (TERRAFORM / "base-infra" / "environments").glob("*.tfvars"):
        (folder / "base-infra" / "environments").mkdir(exist_ok=True)
        shutil.copy(file, folder / "base-infra" / "environments")
    return folder


def bootstrap(terraform: Path, az: str | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run bootstrap-state.sh with `az` as the Azure CLI, or without one if it is `None`."""
    programs = terraform / "bin"
    programs.mkdir(exist_ok=True)
    for name in ("bash", "cat", "cut", "dirname", "grep", "mv", "sed", "sh", "sha256sum"):
        if not (programs / name).exists():
            (programs / name).symlink_to(shutil.which(name) or name)
    if az is not None:
        (programs / "az").write_text(az)
        (programs / "az").chmod(0o755)
    return _run(terraform / "base-infra" / "bootstrap-state.sh", *arguments, path=programs)


def test_bootstrap_refuses_an_unknown_environment(terraform: Path):
    refused = bootstrap(terraform, SIGNED_IN, "qa")
    assert refused.returncode == 2
    assert (
        "there is no environment 'qa'; environments/ has dev.tfvars prod.tfvars" in refused.stderr
    )
    assert not (terraform / "bin" / "calls").exists()


def test_bootstrap_refuses_without_the_azure_cli(terraform: Path):
    refused = bootstrap(terraform, None, "dev")
    assert refused.returncode == 1
    assert "the Azure CLI, is not installed" in refused.stderr


def test_bootstrap_refuses_without_a_login(terraform: Path):
    refused = bootstrap(terraform, SIGNED_OUT, "dev")
    assert refused.returncode == 1
    assert "run 'az login'" in refused.stderr
    assert not list(terraform.rglob("*.backend.hcl"))


def test_bootstrap_is_idempotent(terraform: Path):
    backends = []
    for _ in range(2):
        done = bootstrap(terraform, SIGNED_IN, "prod")
        assert done.returncode == 0, done.stderr
        backends.append((terraform / "base-infra/environments/prod.backend.hcl").read_text())
    assert backends[0] == backends[1]
    assert 'resource_group_name  = "rg-mlplatform-prod-state"' in backends[0]
    calls = (terraform / "bin" / "calls").read_text()
    assert calls.count("lock create") == 1
    assert "--allow-shared-key-access false" in calls
    assert "--allow-blob-public-access false" in calls


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "usage: run.sh ROOT ENVIRONMENT COMMAND"),
        (("nothing", "dev", "plan"), "there is no root 'nothing'"),
        (("base-infra", "qa", "plan"), "there is no environment 'qa'; base-infra"),
        (("base-infra", "../x", "plan"), "there is no environment '../x'"),
        (("base-infra", "dev", "plan"), "run base-infra/bootstrap-state.sh dev first"),
    ],
)  # fmt: skip
def test_run_reports_errors_before_terraform_starts(
    terraform: Path, arguments: tuple[str, ...], reason: str
):
    refused = _run(terraform / "run.sh", *arguments)
    assert refused.returncode == 2
    assert reason in refused.stderr
    assert not list(terraform.rglob(".terraform"))


def _run(
    script: Path, *arguments: str, path: Path | None = None
) -> subprocess.CompletedProcess[str]:
    environment = None if path is None else {"PATH": str(path)}
    line = [shutil.which("bash") or "bash", str(script), *arguments]
    return subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
