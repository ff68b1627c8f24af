"""The alerts and dashboards of the platform, as tests read them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from manifests import ROOT, parse

DEPLOY = ROOT / "monitoring" / "deploy" / "base"
VARIABLES = {
    "$__rate_interval": "10m",
    "$use_case": ".*",
    "$environment": ".*",
    "$core_price": "0.04",
    "$memory_price": "0.005",
}
"""What Grafana puts into queries."""


class Query(NamedTuple):
    """A PromQL expression, what uses it, and the labels that are shown of its result."""

    where: str
    expression: str
    shown: frozenset[str]


def alert_rules() -> list[dict[str, Any]]:
    files = sorted((DEPLOY / "rules").glob("*.yaml"))
    groups = [g for f in files for o in parse(f.read_text()) for g in o["spec"]["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def dashboards() -> list[Path]:
    return sorted((DEPLOY / "dashboards").glob("*.json"))


def panels(dashboard: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(dashboard.read_text())["panels"]
    return found


def alert_query(rule: dict[str, Any]) -> Query:
    texts = " ".join(rule["annotations"].values())
    shown = frozenset(re.findall(r"\$labels\.(\w+)", texts))
    return Query(rule["alert"], rule["expr"], shown)


def dashboard_queries(dashboard: Path) -> Iterator[Query]:
    """Yield the queries of the panels and the annotations, with values for Grafana's variables."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield _query(f"{dashboard.stem}: {panel['title']}", target, target["legendFormat"])
    for mark in json.loads(dashboard.read_text())["annotations"]["list"]:
        text = mark["titleFormat"] + mark["textFormat"]
        yield _query(f"{dashboard.stem}: {mark['name']}", mark, text)


def _query(where: str, target: dict[str, Any], text: str) -> Query:
    expression: str = target["expr"]
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return Query(where, expression, frozenset(re.findall(r"\{\{(\w+)\}\}", text)))
