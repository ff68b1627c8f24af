"""Dry run of rendered objects on an API server, for `make validate` with VALIDATE_CONTEXT."""

import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from manifests import Manifest, parse
from validate_tools import FAILED, NOT_CHECKED, CheckResult, check_result, run

NAME = "API server"
INSTEAD = "default"
# Objects that another field manager has applied are no reason to fail.
APPLY = (
    "apply", "--server-side", "--dry-run=server", "--validate=strict", "--field-manager=mlplatform",
    "--force-conflicts", "-f",
)  # fmt: skip
_NO_KIND = re.compile(r'no matches for kind "(\w+)" in version "([^"]+)"')
_NOISE = re.compile(r"^(Warning: |ensure CRDs are installed first|\S+ serverside-applied)")


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
    present = {o["metadata"]["name"] for o in json.loads("\n".join(listed.lines))["items"]}
    problems: list[str] = []
    kinds: Counter[str] = Counter()
    moved: set[str] = set()
    with tempfile.TemporaryDirectory(prefix="dry-run-") as folder:
        for name, file in files.items():
            objects = _in_namespaces(parse(file.read_text()), present, moved)
            again = Path(folder) / "objects.yaml"
            again.write_text(yaml.safe_dump_all(objects))
            done = run([*kubectl, *APPLY, str(again)])
            for line in [] if done.ok else done.lines:
                if absent := _NO_KIND.search(line):
                    kinds[f"{absent[1]} ({absent[2]})"] += 1
                elif not _NOISE.search(line):
                    problems.append(f"{name}: {line.replace(str(again), file.name)}")
    yield check_result(NAME, f"{context}, {len(files)} overlays, charts and releases", problems)
    if moved:
        where = (
            f"{', '.join(sorted(moved))}: tried in {INSTEAD}, without their quota and Pod Security"
        )
        yield CheckResult(NOT_CHECKED, NAME, f"{context} has no namespace {where}")
    if kinds:
        yield CheckResult(NOT_CHECKED, NAME, f"{context} has no kind {', '.join(sorted(kinds))}")


def _in_namespaces(
    objects: list[Manifest], present: set[str], moved: set[str]
) -> list[dict[str, Any]]:
    """Return the objects without definitions; those of an absent namespace go to `default`."""
    kept = [o for o in objects if o["kind"] not in {"CustomResourceDefinition", "Namespace"}]
    for manifest in kept:
        namespace = manifest["metadata"].get("namespace")
        if namespace and namespace not in present:
            moved.add(namespace)
            manifest["metadata"]["namespace"] = INSTEAD
    return kept
