"""Runbooks refer to existing targets, scripts, outputs, objects, dashboards and loops."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from manifests import ROOT
from monitoring_files import alert_rules, dashboards, panels

RUNBOOKS = ROOT / "docs" / "runbooks"
TASKS = (
    "first-deployment",
    "upgrade",
    "rollback",
    "key-rotation",
    "restore-from-backup",
    "node-pool-drain",
)
TERRAFORM = ROOT / "terraform"
NAMESPACES = set(
    re.findall(
        r"^    ([a-z-]+) +=", (TERRAFORM / "ml-platform/locals.namespaces.tf").read_text(), re.M
    )
)
OUTPUTS = set(
    re.findall(r'^output "(\w+)"', (TERRAFORM / "base-infra/outputs.tf").read_text(), re.M)
)
OF_OTHERS = {
    "deployment/mysql",
    "deployment/kube-prometheus-stack-grafana",
    "service/istio-ingressgateway",
    "service/kube-prometheus-stack-prometheus",
    "service/ml-pipeline",
}
"""Objects of third-party charts and kustomizations."""
DASHBOARD = re.compile(r"dashboard \*([^*]+)\*((?:(?!dashboard \*).)*)")
"""A dashboard, and the text up to the next one."""
ON_THE_EMBEDDED_STACK = re.compile(
    r"`(make (?:abort|canary|promote|releases|rollback|run-pipeline|shadow|trigger-job)"
    r"|mlplatform (?:abort|canary|change|drift|promote|quality|release|rollback|shadow))\b"
)
"""Commands that act on the embedded stack unless a configuration is given."""

texts = pytest.mark.parametrize("file", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)


def targets() -> set[str]:
    makefiles = [ROOT / "Makefile", *ROOT.glob("*/Makefile")]
    return {t for f in makefiles for t in re.findall(r"^([a-z-]+):", f.read_text(), re.M)}


def objects() -> set[str]:
    """Return every `kind/name` in our manifests, in lower case as in kubectl."""
    places = ("*/deploy/**/*.yaml", "*/*/deploy/**/*.yaml", "terraform/**/templates/*.yaml")
    found = re.compile(r"^kind: (\w+)\nmetadata:\n  name: ([a-z-]+)$", re.M)
    files = {file for place in places for file in ROOT.glob(place)}
    return {f"{k.lower()}/{name}" for f in files for k, name in found.findall(f.read_text())}


def code(file: Path) -> Iterator[str]:
    """Yield the commands of a runbook: indented lines, and text in backquotes."""
    text = file.read_text()
    yield from re.findall(r"^(?: {4}| {7})(.+)$", text, re.M)
    yield from re.findall(r"`([^`\n]+)`", text)


def test_every_task_has_a_runbook_that_the_index_links():
    index = (RUNBOOKS / "README.md").read_text()
    assert [
        t for t in TASKS if f"({t}.md)" not in index or not (RUNBOOKS / f"{t}.md").exists()
    ] == []


@texts
def test_a_runbook_uses_existing_targets_and_files(file: Path):
    lines = list(code(file))
    asked = {t for line in lines for t in re.findall(r"\bmake ([a-z-]+)", line)}
    paths = {
        p
        for line in lines
        for p in re.findall(r"(?:terraform|scripts|config|\.venv)/[\w./-]+", line)
    }
    written = ("environments/", "dist/")
    assert asked - targets() == set()
    assert {
        p for p in paths if not (ROOT / p).exists() and not any(w in p for w in written)
    } == set()


@texts
def test_a_runbook_uses_existing_outputs_and_objects(file: Path):
    lines = list(code(file))
    outputs = {o for line in lines for o in re.findall(r"output -raw (\w+)", line)}
    namespaces = {n for line in lines for n in re.findall(r" -n ([a-z-]+)\b", line)}
    kinds = r"(?<![\w/-])(deployment|deploy|statefulset|cronjob|service)/([a-z-]+)(?![\w</-])"
    named = {
        f"{'deployment' if kind == 'deploy' else kind}/{name}"
        for line in lines
        for kind, name in re.findall(kinds, line)
    }
    assert outputs - OUTPUTS == set()
    assert namespaces - NAMESPACES == set()
    assert named - objects() - OF_OTHERS == set()


def items(file: Path) -> Iterator[str]:
    """Yield each item of the lists of a runbook as one line, without its code."""
    text = re.sub(r"\n {2,}(?! )", " ", file.read_text())
    yield from (re.sub(r"`[^`]*`", "", item) for item in re.findall(r"^(?:\d\.|-) .*$", text, re.M))


def test_the_dashboards_and_panels_of_the_runbooks_exist():
    titles = {
        json.loads(file.read_text())["title"].removeprefix("ML platform: "): {
            panel["title"] for panel in panels(file)
        }
        for file in dashboards()
    }
    named = [
        (file.stem, *found)
        for file in RUNBOOKS.glob("*.md")
        for item in items(file)
        for found in DASHBOARD.findall(item)
    ]
    assert len(named) > 8
    assert [one for one in named if one[1] not in titles] == []
    shown = [(stem, name, p) for stem, name, text in named for p in re.findall('"([^"]+)"', text)]
    assert len(shown) > 8
    assert [one for one in shown if one[2] not in titles[one[1]]] == []


def test_the_runbook_of_a_stopped_loop_lists_every_loop():
    program = ROOT / "monitoring" / "release_controller" / "src" / "release_controller"
    loops = re.findall(r'Loop\("(\w+)"', (program / "bootstrap.py").read_text())
    rows = re.findall(
        r"^\| `(\w+)` \|", (RUNBOOKS / "controller-loop-stopped.md").read_text(), re.M
    )
    assert len(loops) > 5
    assert sorted(rows) == sorted(loops)


def test_the_runbooks_of_alerts_use_no_command_of_the_embedded_stack():
    names = {rule["annotations"]["runbook_url"].rpartition("/")[2] for rule in alert_rules()}
    assert len(names) > 30
    found = {name: ON_THE_EMBEDDED_STACK.findall((RUNBOOKS / name).read_text()) for name in names}
    assert {name: commands for name, commands in found.items() if commands} == {}


@texts
def test_the_links_of_a_runbook_are_valid(file: Path):
    for target in re.findall(r"\]\(([^)#]*)#?[^)]*\)", file.read_text()):
        assert not target or (RUNBOOKS / target).resolve().exists(), target
