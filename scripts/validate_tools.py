"""Checks by Terraform, Helm, zizmor and checkov in `make validate`."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from charts import charts
from manifests import ROOT

OK, FAILED, NOT_CHECKED = "ok", "FAILED", "NOT CHECKED"
SECONDS = 900
NO_REGISTRY = re.compile(
    r"Failed to query available provider packages|could not connect to registry"
    r"|Failed to install provider|Invalid provider registry host"
)
SKIPPED = {".terraform", ".venv", ".tools", "node_modules", ".platform"}


@dataclass(frozen=True)
class CheckResult:
    """One line of the report, and its details."""

    state: str
    name: str
    summary: str
    details: Sequence[str] = ()


@dataclass(frozen=True)
class ProgramResult:
    """Whether a program succeeded, and its output."""

    ok: bool
    lines: list[str] = field(default_factory=list)


def check_result(name: str, summary: str, problems: Sequence[str]) -> CheckResult:
    """Return a success without problems, otherwise a failure that lists them."""
    return CheckResult(FAILED if problems else OK, name, summary, problems)


def find(program: str) -> str | None:
    """Return the path of a program; `make validate` adds those of `make setup-checkers`."""
    return shutil.which(program)


def run(command: Sequence[str], folder: Path = ROOT, data: Path | None = None) -> ProgramResult:
    """Run a program and wait for it."""
    environment = {**os.environ, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
    environment |= {"TF_DATA_DIR": str(data)} if data else {}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return ProgramResult(False, [f"{command[0]} did not finish within {SECONDS} s"])
    return ProgramResult(done.returncode == 0, (done.stdout + done.stderr).strip().splitlines())


def terraform_roots() -> Iterator[CheckResult]:
    """Check the format of every root, and its validity and tests if providers are available."""
    roots = sorted({path.parent for path in (ROOT / "terraform").glob("*/*.tf")})
    program = find("terraform")
    if not roots or program is None:
        why = "there is no root" if not roots else f"{len(roots)} roots: terraform is missing"
        yield CheckResult(NOT_CHECKED, "terraform", why)
        return
    for root in roots:
        name = root.relative_to(ROOT).as_posix()
        done = run([program, "fmt", "-check", "-diff", "-recursive"], root)
        yield check_result(
            f"{name} fmt", "formatted" if done.ok else "not", [] if done.ok else done.lines
        )
        yield from _with_providers(program, root, name)


def _with_providers(program: str, root: Path, name: str) -> Iterator[CheckResult]:
    """Work on a copy, because `init` writes a lock file."""
    with tempfile.TemporaryDirectory(prefix="terraform-") as folder:
        copy = Path(folder) / "terraform" / root.name
        shutil.copytree(ROOT / "terraform", copy.parent, ignore=shutil.ignore_patterns(*SKIPPED))
        done = run([program, "init", "-backend=false", "-input=false", "-no-color"], copy)
        if not done.ok:
            unreachable = NO_REGISTRY.search("\n".join(done.lines)) is not None
            why = "no provider registry" if unreachable else "init failed"
            state = NOT_CHECKED if unreachable else FAILED
            details = () if unreachable else done.lines
            yield CheckResult(state, f"{name} validate, test", why, details)
            return
        for command in ("validate", "test"):
            done = run([program, command, "-no-color"], copy)
            summary = "; ".join(done.lines[-1:])
            yield check_result(f"{name} {command}", summary, [] if done.ok else done.lines)


def helm_charts() -> Iterator[CheckResult]:
    """Lint every chart of the repository with its values in `ci/`."""
    found = charts()
    program = find("helm")
    if program is None:
        missing = "helm is missing: `make setup-checkers` installs it on Linux"
        yield CheckResult(NOT_CHECKED, "helm", f"{len(found)} charts: {missing}")
        return
    for chart in found:
        done = run([program, "lint", "--strict", *chart.values, str(chart.folder)])
        yield check_result(f"helm {chart.name}", "linted", [] if done.ok else done.lines)


def workflows() -> Iterator[CheckResult]:
    """Check workflows for excessive permissions, unpinned actions and injection."""
    program = find("zizmor")
    if program is None:
        missing = "zizmor is missing: `make setup-checkers` installs it"
        yield CheckResult(NOT_CHECKED, "zizmor", missing)
        return
    done = run(
        [program, "--offline", "--min-severity=medium", "--color=never", str(ROOT / ".github")]
    )
    summary = done.lines[-1] if done.lines else "nothing found"
    yield check_result("zizmor", summary, [] if done.ok else done.lines)


def checkov(rendered: Path) -> Iterator[CheckResult]:
    """Check Terraform, rendered manifests, Dockerfiles and workflows for insecure settings."""
    places = {
        "kubernetes": rendered,
        "terraform": ROOT / "terraform",
        "dockerfile": ROOT,
        "github_actions": ROOT,
    }
    program = find("checkov")
    if program is None:
        missing = "checkov is missing: `make setup-checkers` installs it"
        yield CheckResult(NOT_CHECKED, "checkov", missing)
        return
    config = ["--config-file", str(ROOT / ".checkov.yaml"), "--skip-download"]
    skipped = [
        word for name in sorted(SKIPPED) for word in ("--skip-path", rf"/{re.escape(name)}/")
    ]
    for framework, folder in places.items():
        if not folder.exists() or not any(folder.iterdir()):
            continue
        command = [program, *config, "--framework", framework, "-d", str(folder), *skipped]
        done = run(command)
        counts = [line for line in done.lines if line.startswith("Passed checks")]
        summary = "; ".join(counts) or "nothing to check"
        yield check_result(f"checkov {framework}", summary, [] if done.ok else done.lines)
