"""The table that is printed when a run has succeeded."""

from collections.abc import Mapping

from platform_core.contracts.release import Lineage
from platform_core.settings import (
    ConsoleAddressSettings,
    GatewayClientSettings,
    RaySettings,
    RegistrySettings,
)
from training.card.evaluation import HIGH, LOW
from training.pipeline.runner import Timings
from use_cases import UseCase

SHOWN = ("accuracy", "f1", "f1_macro", "roc_auc", "false_positive_rate", "mae", "rmse", "r2")


def summary(case: UseCase, lineage: Lineage, timings: Timings) -> str:
    """Return a table of the release, its metrics, the time each step took, and where to look."""
    rest = 1 - timings.fit_seconds / timings.total_seconds
    rows = [
        ("use case", case.name),
        ("release", lineage.release_id),
        ("candidate", f"{lineage.candidate} {lineage.parameters}"),
        ("dataset version", lineage.dataset_version),
        *((name, figure(lineage.metrics, name)) for name in SHOWN if name in lineage.metrics),
        ("gates", ", ".join(check.name for check in lineage.gates) + " passed"),
        ("seconds", f"{timings.total_seconds:.0f}, {rest:.0%} of them not fitting"),
        ("slowest steps", _slowest(timings)),
        ("staging", f"{GatewayClientSettings().gateway_url}/models/{case.name}/predict"),
        ("console", f"{ConsoleAddressSettings().console_url.rstrip('/')}/use-cases/{case.name}"),
        ("API", f"{GatewayClientSettings().gateway_url}/docs"),
        ("runs", RegistrySettings().mlflow_tracking_uri),
        ("Ray", RaySettings().ray_dashboard_url),
        ("next", f"make promote USE_CASE={case.name}"),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name:<{width}}  {value}" for name, value in rows)


def figure(metrics: Mapping[str, float], name: str) -> str:
    """Return a metric with its 95 % interval where there is one: `0.9908 [0.9870, 0.9930]`."""
    text = _short(metrics[name])
    low, high = metrics.get(f"{name}{LOW}"), metrics.get(f"{name}{HIGH}")
    return text if low is None or high is None else f"{text} [{_short(low)}, {_short(high)}]"


def _short(value: float) -> str:
    return f"{value:.4f}"


def _slowest(timings: Timings) -> str:
    ordered = sorted(timings.steps.items(), key=lambda item: -item[1])[:5]
    return ", ".join(f"{name} {seconds:.0f} s" for name, seconds in ordered)
