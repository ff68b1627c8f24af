"""Alerts and dashboards use existing metrics, and every alert has a runbook."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kserve.metrics  # noqa: F401  (registers the model server's metrics)
import pytest
from manifests import ROOT, parse
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from api_gateway.operations.metrics import GatewayMetrics

DEPLOY = ROOT / "monitoring" / "deploy" / "base"
RUNBOOKS = ROOT / "docs" / "runbooks"
OF_OTHERS = {
    "up": "Prometheus",
    "kube_": "kube-state-metrics",
    "kubelet_": "the kubelet",
    "container_": "the kubelet",
    "externalsecret_": "External Secrets",
    "ray_": "Ray",
}
"""Prefixes of metrics that other programs export."""

WORDS = {"and", "or", "unless", "on", "by", "without", "ignoring", "bool", "offset"}
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}


def rules() -> list[dict[str, Any]]:
    files = sorted((DEPLOY / "rules").glob("*.yaml"))
    groups = [g for f in files for o in parse(f.read_text()) for g in o["spec"]["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def dashboards() -> list[Path]:
    return sorted((DEPLOY / "dashboards").glob("*.json"))


def expressions(dashboard: Path) -> Iterator[str]:
    for panel in json.loads(dashboard.read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def metric_names(expression: str) -> set[str]:
    """Return the metrics in a PromQL expression."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    bare = re.sub(r"\{[^}]*\}", " ", bare)
    bare = re.sub(r"\b(by|on|without|ignoring)\s*\([^)]*\)", " ", bare)
    bare = re.sub(r"\[[^\]]*\]", " ", bare)
    called = re.sub(r"[a-z_0-9]+\s*\(", " ( ", bare)
    return set(re.findall(r"\b[a-z_:][a-z0-9_:]+", called)) - WORDS


@pytest.fixture(scope="module")
def exported() -> set[str]:
    """All sample names that the gateway and the model server can export."""
    metrics = GatewayMetrics()
    metrics.watch(lambda: (0, 0), list, list, lambda: None, dict)
    families = [*text_string_to_metric_families(metrics.render().decode()), *_model_server()]
    return {f"{f.name}{suffix}" for f in families for suffix in SUFFIXES.get(f.type, ())}


def _model_server() -> Iterator[Any]:
    registry: CollectorRegistry = REGISTRY
    yield from (f for f in registry.collect() if f.name.startswith("request_"))


def unknown(expression: str, exported: set[str]) -> set[str]:
    asked = metric_names(expression)
    return {n for n in asked - exported if not n.startswith(tuple(OF_OTHERS))}


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum by (le, pod) (rate(a_total{x=~"b|c"}[5m])) / c > 0.1', {"a_total"}),
        ("max(b_seconds) and on (pod) time() - d_time < 3", {"b_seconds", "d_time"}),
        ('absent(up{job="x"}) or min_over_time(max by (a) (e_f)[24h:15m]) == 1', {"up", "e_f"}),
    ],
)
def test_metrics_are_found_in_expressions(expression: str, names: set[str]):
    assert metric_names(expression) - {"c"} == names


def test_an_unknown_metric_is_detected(exported: set[str]):
    assert unknown("sum(gateway_request_total)", exported) == {"gateway_request_total"}
    assert unknown("sum(gateway_requests_total)", exported) == set()


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_uses_existing_metrics(rule: dict[str, Any], exported: set[str]):
    assert unknown(rule["expr"], exported) == set()


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_has_a_runbook_and_a_summary(rule: dict[str, Any]):
    annotations = rule["annotations"]
    link, _, file = annotations["runbook_url"].partition("/")
    assert link == "RUNBOOKS_URL"
    assert (RUNBOOKS / file).read_text().startswith(f"# {rule['alert']}\n")
    assert f"[{rule['alert']}]({file})" in (RUNBOOKS / "README.md").read_text()
    assert annotations["summary"]
    assert annotations["description"].endswith(".")
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}


def test_alerts_have_unique_names():
    names = [rule["alert"] for rule in rules()]
    assert len(names) > 0
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("dashboard", dashboards(), ids=lambda path: path.stem)
def test_a_dashboard_uses_existing_metrics(dashboard: Path, exported: set[str]):
    asked = list(expressions(dashboard))
    assert len(asked) > 0
    assert {name for e in asked for name in unknown(e, exported)} == set()


def test_dashboards_are_deployed_with_unique_ids():
    (kustomization,) = parse((DEPLOY / "kustomization.yaml").read_text())
    deployed = [file for g in kustomization["configMapGenerator"] for file in g["files"]]
    assert sorted(deployed) == [f"dashboards/{path.name}" for path in dashboards()]
    contents = [json.loads(path.read_text()) for path in dashboards()]
    for key in ("uid", "title"):
        assert len({content[key] for content in contents}) == len(contents) > 0
    rules_deployed = [r for r in kustomization["resources"] if r.startswith("rules/")]
    assert len(rules_deployed) == len(list((DEPLOY / "rules").glob("*.yaml")))


def test_panels_do_not_overlap():
    for path in dashboards():
        cells = [
            (x, y)
            for panel in json.loads(path.read_text())["panels"]
            for place in [panel["gridPos"]]
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        ]
        assert len(cells) == len(set(cells)), path.name
        assert max(x for x, _ in cells) < 24
