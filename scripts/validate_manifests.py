"""Checks of rendered manifests in `make validate`: rules, schemas, alerts."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import yaml
from charts import Chart
from manifest_rules import broken
from manifests import Overlay, on_azure, parse
from server_rules import refused
from validate_server import by_server
from validate_tools import NOT_CHECKED, CheckResult, check_result, find, run

CRD_SCHEMAS = (
    "https://raw.githubusercontent.com/datreeio/CRDs-catalog/main/"
    "{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json"
)
KUBERNETES = "1.33"
CONTEXT = "VALIDATE_CONTEXT"
Rendered = Mapping[Overlay | Chart, Path]


def rules(rendered: Rendered) -> Iterator[CheckResult]:
    """Check Pod Security `restricted`, replicas, images, identities, secrets, contradictions."""
    problems: list[str] = []
    count = 0
    for source, file in rendered.items():
        objects = parse(file.read_text())
        count += len(objects)
        found = broken(objects, source.installation == "production", on_azure(source.installation))
        found += refused(objects)
        problems += [f"{source.name}: {problem}" for problem in found]
    yield check_result(
        "manifests", f"{len(rendered)} overlays and charts, {count} objects", problems
    )


def schemas(ours: Mapping[str, Path], releases: Mapping[str, Path]) -> Iterator[CheckResult]:
    """Check fields and types with the strictest available source of schemas.

    Both have files of objects, by the name of their overlay or chart, and of their Helm release.
    """
    context = os.environ.get(CONTEXT)
    if context:
        yield from by_server({**ours, **releases}, context)
    elif program := find("kubeconform"):
        files = [*ours.values(), *releases.values()]
        command = [program, "-strict", "-summary", "-schema-location", "default"]
        done = run([*command, "-schema-location", CRD_SCHEMAS, *map(str, files)])
        yield check_result("schemas", "kubeconform", [] if done.ok else done.lines)
    else:
        yield from _without_custom_resources(ours.values())


def _without_custom_resources(files: Iterable[Path]) -> Iterator[CheckResult]:
    how = f"install kubeconform, or set {CONTEXT} to a cluster of kubectl with the operators"
    program = find("kubernetes-validate")
    if program is None:
        missing = (
            f"no schemas: {how}; `make setup-checkers` installs those of Kubernetes' built-in kinds"
        )
        yield CheckResult(NOT_CHECKED, "schemas", missing)
        return
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "own.yaml"
        objects = [o for file in files for o in parse(file.read_text())]
        ours = [o for o in objects if _is_kubernetes_own(o["apiVersion"])]
        own.write_text(yaml.safe_dump_all(ours))
        done = run([program, "--strict", "--kubernetes-version", KUBERNETES, str(own)])
    summary = f"{len(ours)} objects of Kubernetes {KUBERNETES}"
    yield check_result("schemas", summary, [] if done.ok else done.lines)
    rest = len(objects) - len(ours)
    yield CheckResult(NOT_CHECKED, "schemas", f"{rest} custom resources without a schema: {how}")


def _is_kubernetes_own(api_version: str) -> bool:
    group = api_version.partition("/")[0]
    return "." not in group or group.endswith(".k8s.io")


def alerts(rendered: Rendered) -> Iterator[CheckResult]:
    """Check the expressions of every alert with promtool."""
    found = [o for file in rendered.values() for o in parse(file.read_text())]
    groups = {
        json.dumps(o["spec"]): o["metadata"]["name"] for o in found if o["kind"] == "PrometheusRule"
    }
    program = find("promtool")
    if program is None:
        missing = f"{len(groups)} files of rules: promtool is missing (Debian: prometheus)"
        yield CheckResult(NOT_CHECKED, "alerts", missing)
        return
    problems: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (spec, name) in enumerate(groups.items()):
            file = Path(folder) / f"{name}-{number}.yaml"
            file.write_text(spec)
            done = run([program, "check", "rules", str(file)])
            problems += [] if done.ok else done.lines
    yield check_result("alerts", f"promtool, {len(groups)} files of rules", problems)
