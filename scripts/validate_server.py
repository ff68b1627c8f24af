"""Dry run of rendered objects on an API server, for `make validate` with VALIDATE_CONTEXT."""

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from manifests import Manifest, parse
from validate_tools import FAILED, NOT_CHECKED, CheckResult, ProgramResult, check_result, run

NAME = "API server"
INSTEAD = "default"
# Objects that another field manager has applied are not failures.
APPLY = (
    "apply", "--server-side", "--dry-run=server", "--validate=strict", "--field-manager=mlplatform",
    "--force-conflicts", "-f",
)  # fmt: skip
_NOISE = re.compile(r"^Warning: | serverside-applied \(server dry run\)$")
DEFINITIONS = {"CustomResourceDefinition", "Namespace"}


def by_server(files: Mapping[str, Path], context: str) -> Iterator[CheckResult]:
    """Let the API server of `context` judge the objects of each file.

    Objects of a namespace that the cluster lacks are tried in `default`; kinds that it lacks are
    reported as not checked.
    """
    kubectl = ["kubectl", "--context", context]
    listed = run([*kubectl, "get", "--raw", "/api/v1/namespaces"])
    if not listed.ok:
        yield CheckResult(FAILED, NAME, f"{context} does not answer", listed.lines)
        return
    names = {o["metadata"]["name"] for o in json.loads("\n".join(listed.lines))["items"]}
    versions = set(run([*kubectl, "api-versions"]).lines)
    problems: list[str] = []
    kinds: set[str] = set()
    moved: set[str] = set()
    with tempfile.TemporaryDirectory(prefix="dry-run-") as folder:
        for name, file in files.items():
            objects = [o for o in parse(file.read_text()) if o["kind"] not in DEFINITIONS]
            known = [o for o in objects if o["apiVersion"] in versions]
            kinds |= {f"{o['apiVersion']} {o['kind']}" for o in objects if o not in known}
            moved |= _move(known, names)
            again = Path(folder) / "objects.yaml"
            again.write_text(yaml.safe_dump_all(known))
            done = run([*kubectl, *APPLY, str(again)]) if known else ProgramResult(True)
            problems += [f"{name}: {line}" for line in done.lines if not _fine(line, done.ok)]
    yield check_result(NAME, f"{context}, {len(files)} overlays, charts and releases", problems)
    if moved:
        where = (
            f"{', '.join(sorted(moved))}: tried in {INSTEAD}, without their quota and Pod Security"
        )
        yield CheckResult(NOT_CHECKED, NAME, f"{context} has no namespace {where}")
    if kinds:
        yield CheckResult(NOT_CHECKED, NAME, f"{context} does not serve {', '.join(sorted(kinds))}")


def _fine(line: str, succeeded: bool) -> bool:
    return succeeded or _NOISE.search(line) is not None


def _move(objects: list[Manifest], present: set[str]) -> set[str]:
    """Move objects of absent namespaces to `default`; return those namespaces."""
    absent = set()
    for manifest in objects:
        namespace = manifest["metadata"].get("namespace")
        if namespace and namespace not in present:
            absent.add(namespace)
            manifest["metadata"]["namespace"] = INSTEAD
    return absent
