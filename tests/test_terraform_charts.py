"""Values of third-party charts: merged with the defaults of the chart, without contradictions."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest
from chart_values import contradictions, merge
from manifests import parse
from platform_charts import HelmRelease, Installation, installations, template
from server_rules import not_admitted, quantity, refused

needs_terraform = pytest.mark.skipif(
    shutil.which("terraform") is None, reason="terraform is not installed"
)
needs_helm = pytest.mark.skipif(shutil.which("helm") is None, reason="helm is not installed")
# The template of the upstream chart, reduced to what makes the budget.
BUDGET = """
{{- if .Values.prometheus.podDisruptionBudget.enabled }}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: prometheus
spec:
  {{- toYaml (omit .Values.prometheus.podDisruptionBudget "enabled") | nindent 2 }}
{{- end }}
"""


@pytest.fixture(scope="module")
def computed() -> list[Installation]:
    """Every Helm release of dev and prod, with the values that Terraform computes."""
    return installations()


def monitoring(computed: list[Installation], environment: str = "prod") -> HelmRelease:
    (found,) = (
        release
        for installation in computed
        for release in installation.releases
        if (release.environment, release.name) == (environment, "kube-prometheus-stack")
    )
    return found


def changed(release: HelmRelease, budget: dict[str, Any]) -> HelmRelease:
    """Return the release with another budget of Prometheus; keys that it lacks are not set."""
    *others, last = release.values
    prometheus = {**last["prometheus"], "podDisruptionBudget": budget}
    return dataclasses.replace(release, values=(*others, {**last, "prometheus": prometheus}))


@needs_terraform
def test_every_helm_release_has_values_without_contradictions(computed: list[Installation]):
    assert [len(one.releases) for one in computed] == [15, 15]
    problems = [p for one in computed for r in one.releases for p in contradictions(r)]
    assert problems == []


@needs_terraform
def test_a_budget_that_keeps_the_default_of_the_chart_is_refused(computed: list[Installation]):
    release = changed(monitoring(computed), {"enabled": True, "maxUnavailable": 1})
    (problem,) = contradictions(release)
    assert problem.startswith("prod kube-prometheus-stack, values prometheus.podDisruptionBudget")
    assert "minAvailable 1 and maxUnavailable 1 are both set" in problem


@needs_terraform
def test_a_chart_of_another_version_needs_its_defaults_read_again(computed: list[Installation]):
    release = dataclasses.replace(monitoring(computed), version="99.0.0")
    assert "has the defaults of 88.1.3, but 99.0.0 is installed" in "\n".join(
        contradictions(release)
    )


@needs_terraform
@needs_helm
@pytest.mark.parametrize(
    ("budget", "problems"),
    [
        ({"enabled": True, "maxUnavailable": 1}, 1),
        ({"enabled": True, "minAvailable": None, "maxUnavailable": 1}, 0),
        (None, 0),
    ],
    ids=["default kept", "default removed", "as installed"],
)
def test_helm_renders_the_budget_that_the_values_promise(
    computed: list[Installation], tmp_path: Path, budget: dict[str, Any] | None, problems: int
):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "budget.yaml").write_text(BUDGET)
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: test\nversion: 1.0.0\n")
    defaults = "prometheus: {podDisruptionBudget: {enabled: false, minAvailable: 1}}\n"
    (tmp_path / "values.yaml").write_text(defaults)
    release = monitoring(computed) if budget is None else changed(monitoring(computed), budget)
    (rendered,) = objects = parse(template(release, tmp_path))
    assert rendered["spec"]["maxUnavailable"] == 1
    found = refused([{**o, "metadata": {**o["metadata"], "namespace": "x"}} for o in objects])
    assert len(found) == problems
    assert all("minAvailable and maxUnavailable cannot both be set" in line for line in found)


def test_null_removes_a_default_as_in_helm():
    below = {"a": {"b": 1, "c": {"d": 2}}, "list": [1, 2]}
    above = {"a": {"b": None, "c": {"e": 3}}, "list": [3]}
    assert merge(below, above) == {"a": {"c": {"d": 2, "e": 3}}, "list": [3]}


@pytest.mark.parametrize(
    ("text", "number"),
    [("250m", "0.25"), ("2", "2"), (2, "2"), ("1Gi", "1073741824"), ("1.5k", "1500")],
)
def test_a_quantity_is_read_as_kubernetes_reads_it(text: str | int, number: str):
    assert str(quantity(text).normalize()) == str(quantity(number).normalize())


def deployment(**pod: Any) -> dict[str, Any]:
    container = {
        "name": "program",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    return {
        "kind": "Deployment",
        "metadata": {"name": "program", "namespace": "serving"},
        "spec": {
            "selector": {"matchLabels": {"app": "program"}},
            "template": {
                "metadata": {"labels": {"app": "program"}},
                "spec": {"containers": [{**container, **pod.pop("container", {})}], **pod},
            },
        },
    }


REFUSED: list[tuple[dict[str, Any], str]] = [
    (deployment(container={"volumeMounts": [{"name": "a", "mountPath": "/a"}]}), "no volume a"),
    (deployment(volumes=[{"name": "a", "emptyDir": {}, "secret": {}}]), "more than one type"),
    (deployment(), ""),
    (
        deployment(container={"env": [{"name": "A", "value": "1", "valueFrom": {"x": 1}}]}),
        "A has both value and valueFrom",
    ),
    (
        deployment(container={"readinessProbe": {"exec": {"command": ["a"]}, "grpc": {"port": 1}}}),
        "readinessProbe has exec and grpc",
    ),
    (
        deployment(
            container={"resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}}
        ),
        "requests 2Gi of memory, and its limit is 1Gi",
    ),
]


@pytest.mark.parametrize(("manifest", "reason"), REFUSED, ids=[r or "empty" for _, r in REFUSED])
def test_what_a_server_refuses_is_found_in_rendered_objects(manifest: dict[str, Any], reason: str):
    found = refused([manifest])
    assert (reason in "\n".join(found)) if reason else found == []


def test_an_object_that_is_there_twice_is_found():
    assert "2 times" in "\n".join(refused([deployment(), deployment()]))


@pytest.mark.parametrize(
    ("pod", "level", "reason"),
    [
        ({}, "restricted", ""),
        ({"container": {"securityContext": {}}}, "restricted", "may run as root"),
        ({"container": {"securityContext": {}}}, "baseline", ""),
        ({"hostNetwork": True}, "baseline", "hostNetwork is set"),
        ({"hostNetwork": True}, "privileged", ""),
        (
            {"container": {"resources": {"requests": {"memory": "1Gi"}}}},
            "privileged",
            "requests 1Gi of memory, and its limit is 512Mi by default",
        ),
        (
            {"container": {"resources": {"limits": {"memory": "16Gi"}}}},
            "privileged",
            "is above 8Gi",
        ),
    ],
)
def test_what_a_namespace_refuses_is_found_in_its_pods(
    pod: dict[str, Any], level: str, reason: str
):
    sizes = {"container_cpu": "4", "container_memory": "8Gi", "default_memory": "512Mi"}
    demands = {"serving": {**sizes, "pod_security": level}}
    settings = dict(pod)
    container = settings.pop("container", {})
    merged = {**deployment()["spec"]["template"]["spec"]["containers"][0], **container}
    found = "\n".join(not_admitted([deployment(container=merged, **settings)], "x", demands))
    assert (reason in found) if reason else found == ""
