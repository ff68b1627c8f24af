"""Alerts and dashboards use existing metrics and labels, and every alert has a runbook."""

import json
import re
from typing import Any

import pytest
from manifests import ROOT, parse
from metrics_reference import exporters
from monitoring_files import (
    DEPLOY,
    Query,
    alert_query,
    alert_rules,
    dashboard_queries,
    dashboards,
    panels,
)
from promql import MetricUse, metric_uses

RUNBOOKS = ROOT / "docs" / "runbooks"
OF_OTHERS = {
    "up": "Prometheus",
    "kube_": "kube-state-metrics",
    "kubelet_": "the kubelet",
    "container_": "the kubelet",
    "externalsecret_": "External Secrets",
    "ray_": "Ray",
    "process_": "prometheus_client",
}
"""Prefixes of metrics that other programs export."""

SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
OF_TARGETS = {"job", "instance", "pod", "namespace"}
"""Labels that Prometheus adds."""
PAGES = r"(/|/runs|/predictions|/use-cases/[^/]+(/quality|/comparison)?)"
"""The pages of the console."""


@pytest.fixture(scope="module")
def exported() -> dict[str, set[str]]:
    """The labels of all samples that the programs can export, by name."""
    return {
        f"{family.name}{suffix}": {*labels, *({"le"} if suffix == "_bucket" else ())}
        for exporter in exporters()
        for family, labels in exporter.families
        for suffix in SUFFIXES.get(family.type, ())
    }


def unknown(query: Query, exported: dict[str, set[str]]) -> list[MetricUse]:
    """Return what a query uses and no program exports: metrics, or labels of them."""
    uses = metric_uses(query.expression, query.shown)
    ours = [use for use in uses if not use.metric.startswith(tuple(OF_OTHERS))]
    known = {name: labels | OF_TARGETS for name, labels in exported.items()}
    missing = [MetricUse(n, labels - known.get(n, set())) for n, labels in ours]
    return [use for use in missing if use.labels or use.metric not in known]


@pytest.mark.parametrize(
    ("expression", "uses"),
    [
        (
            'sum by (le, pod) (rate(a_total{x=~"b|c"}[5m])) / c > 0.1',
            {"a_total": {"le", "pod", "x"}, "c": set()},
        ),
        ("max(b) and on (pod) time() - d < 3", {"b": {"pod"}, "d": {"pod"}}),
        ('min_over_time(max by (a) (e{f="g"})[24h:15m]) == 1', {"e": {"a", "f"}}),
        ("histogram_quantile(0.5, sum by (le) (a_bucket))", {"a_bucket": {"le"}}),
        ('max by (new) (label_replace(a, "new", "$1", "old", ".*"))', {"a": {"old"}}),
        ("time() - max by (a) (b)", {"b": {"a"}}),
    ],
)
def test_metrics_and_labels_are_found_in_expressions(expression: str, uses: dict[str, set[str]]):
    inner = expression.replace("max(b)", "max by (pod) (b)")
    assert dict(metric_uses(inner)) == uses


@pytest.mark.parametrize(
    ("expression", "missing"),
    [
        ("sum(gateway_request_total)", [("gateway_request_total", set())]),
        ('sum(gateway_requests_total{rout="x"})', [("gateway_requests_total", {"rout"})]),
        ("sum by (user) (gateway_requests_total)", [("gateway_requests_total", {"user"})]),
        ("sum by (route) (gateway_requests_total)", []),
    ],
)
def test_an_unknown_metric_or_label_is_detected(
    expression: str, missing: list[Any], exported: dict[str, set[str]]
):
    assert unknown(Query("test", expression, frozenset()), exported) == missing


def test_a_label_that_is_shown_must_be_in_the_result():
    with pytest.raises(AssertionError, match="drops environment"):
        metric_uses("sum by (use_case) (a)", frozenset({"environment"}))


@pytest.mark.parametrize("rule", alert_rules(), ids=lambda rule: rule["alert"])
def test_an_alert_uses_existing_metrics(rule: dict[str, Any], exported: dict[str, set[str]]):
    assert unknown(alert_query(rule), exported) == []


@pytest.mark.parametrize("rule", alert_rules(), ids=lambda rule: rule["alert"])
def test_an_alert_has_a_runbook_and_a_summary(rule: dict[str, Any]):
    annotations = rule["annotations"]
    link, _, file = annotations["runbook_url"].partition("/")
    assert link == "RUNBOOKS_URL"
    assert (RUNBOOKS / file).read_text().startswith(f"# {rule['alert']}\n")
    assert (
        f"[{rule['alert']}]({file}) | {rule['labels']['severity']} |"
        in (RUNBOOKS / "README.md").read_text()
    )
    assert annotations["summary"]
    assert annotations["description"].endswith(".")
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}


@pytest.mark.parametrize("rule", alert_rules(), ids=lambda rule: rule["alert"])
def test_an_alert_links_to_the_page_of_the_console(rule: dict[str, Any]):
    link = rule["annotations"]["console_url"].removeprefix("CONSOLE_URL")
    assert re.fullmatch(PAGES, link)
    if "$labels.use_case" in rule["annotations"]["description"]:
        assert link.startswith("/use-cases/{{ $labels.use_case }}") or link == "/runs"


def test_alerts_have_unique_names():
    names = [rule["alert"] for rule in alert_rules()]
    assert len(names) > 0
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("dashboard", dashboards(), ids=lambda path: path.stem)
def test_a_dashboard_uses_existing_metrics(dashboard: Any, exported: dict[str, set[str]]):
    asked = list(dashboard_queries(dashboard))
    assert len(asked) > 0
    assert {one.where: found for one in asked if (found := unknown(one, exported))} == {}
    assert [one for one in asked if "$" in one.expression] == []


def test_every_metric_of_the_gateway_and_the_controller_is_in_a_dashboard_or_an_alert():
    ours = [query for path in dashboards() for query in dashboard_queries(path)]
    ours += [alert_query(rule) for rule in alert_rules()]
    used = {use.metric for query in ours for use in metric_uses(query.expression)}
    unused = {
        family.name
        for exporter in exporters()
        for family, _ in exporter.families
        if family.name.startswith(("gateway_", "release_controller_", "training_"))
        and not used & {f"{family.name}{suffix}" for suffix in SUFFIXES[family.type]}
    }
    assert unused == set()


def test_dashboards_are_deployed_with_unique_ids():
    (kustomization,) = parse((DEPLOY / "kustomization.yaml").read_text())
    assert kustomization["generatorOptions"]["labels"] == {"grafana_dashboard": "1"}
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
            for panel in panels(path)
            for place in [panel["gridPos"]]
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        ]
        assert len(cells) == len(set(cells)), path.name
        assert max(x for x, _ in cells) < 24
