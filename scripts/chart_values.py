"""Values of Helm charts merged with their defaults, and contradictions in them."""

from collections.abc import Iterator, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

import yaml
from manifests import walk
from platform_charts import PLATFORM, HelmRelease
from server_rules import quantity

RECORD = PLATFORM / "upstream-defaults.yaml"
Values = Mapping[str, Any]


def contradictions(release: HelmRelease) -> Iterator[str]:
    """Yield what contradicts in the values of a release over the recorded defaults of its chart."""
    recorded = yaml.safe_load(RECORD.read_text()).get(release.chart)
    if recorded and recorded["version"] != release.version:
        yield (
            f"{release.label}: {RECORD.name} has the defaults of {recorded['version']}, but "
            f"{release.version} is installed; read its values.yaml and update the entry"
        )
    merged = reduce(merge, release.values, recorded["values"] if recorded else {})
    for path, node in walk(merged):
        if isinstance(node, dict):
            for problem in _contradiction(node):
                yield f"{release.label}, values {'.'.join(map(str, path))}: {problem}"


def undocumented(release: HelmRelease, chart: Path) -> Iterator[str]:
    """Yield where the recorded defaults differ from those of the chart in `chart`."""
    recorded = yaml.safe_load(RECORD.read_text()).get(release.chart)
    if recorded:
        actual = yaml.safe_load((chart / "values.yaml").read_text())
        # Istio keeps its defaults under a key of its own.
        actual = merge(actual, actual.get("_internal_defaults_do_not_set", {}))
        for path, node in walk(recorded["values"]):
            if not isinstance(node, dict) and node != _at(actual, path):
                where = ".".join(map(str, path))
                yield f"{RECORD.name}: {release.chart} {where} is {_at(actual, path)}, not {node}"


def merge(below: Values, above: Values) -> dict[str, Any]:
    """Merge values as Helm does: mappings by key, null removes a key, anything else replaces."""
    merged = dict(below)
    for key, value in above.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            under = merged.get(key)
            merged[key] = merge(under if isinstance(under, Mapping) else {}, value)
        else:
            merged[key] = value
    return merged


def _at(values: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        values = values.get(key) if isinstance(values, dict) else None
    return values


def _contradiction(node: Values) -> Iterator[str]:
    if {"minAvailable", "maxUnavailable"} <= set(node):
        yield (
            f"minAvailable {node['minAvailable']} and maxUnavailable {node['maxUnavailable']} are "
            "both set; one may be the chart's default, which null removes"
        )
    for least, most in (("minReplicas", "maxReplicas"), ("autoscaleMin", "autoscaleMax")):
        if {least, most} <= set(node) and node[least] > node[most]:
            yield f"{least} {node[least]} is above {most} {node[most]}"
    requests, limits = node.get("requests"), node.get("limits")
    if isinstance(requests, Mapping) and isinstance(limits, Mapping):
        for name in sorted(set(requests) & set(limits)):
            if quantity(requests[name]) > quantity(limits[name]):
                yield f"requests {requests[name]} of {name}, and its limit is {limits[name]}"
