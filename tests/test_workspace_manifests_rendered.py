"""The rendered overlays, and what is refused before anything is applied."""

import copy
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from manifest_rules import broken, pods
from manifests import (
    REGISTRY,
    ROOT,
    TAG,
    Refused,
    checked_tag,
    installation_values,
    installations,
    names,
    on_azure,
    overlays,
    overlays_of,
    parse,
    read_env,
    render,
)

from platform_core.contracts.environments import Environment
from releases.deployers.kserve.desired import ReleaseSpec, inference_service

Manifest = dict[str, Any]
CLUSTER = read_env(ROOT / "config" / "cluster.env")
needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is missing")


@pytest.fixture(scope="module")
def rendered() -> dict[str, list[Manifest]]:
    """The objects of every overlay by its name."""
    values = {TAG: "1.2.3", REGISTRY: "registry.example"}
    return {overlay.name: parse(render(overlay, values)) for overlay in overlays()}


def render_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "render.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


CONSOLE = "Deployment/monitoring/console"


@needs_kubectl
def test_every_overlay_follows_the_rules(rendered: dict[str, list[Manifest]]):
    of = {overlay.name: overlay.installation for overlay in overlays()}
    assert [
        problem
        for name, found in rendered.items()
        for problem in broken(found, of[name] == "production", on_azure(of[name]))
    ] == []


@needs_kubectl
def test_programs_get_the_settings_of_the_cluster_file(rendered: dict[str, list[Manifest]]):
    found = [
        (overlay.installation, o["data"])
        for overlay in overlays()
        for o in rendered[overlay.name]
        if o["kind"] == "ConfigMap" and o["metadata"]["name"].startswith("platform-settings-")
    ]
    assert {installation for installation, _ in found} == set(installations())
    for installation, data in found:
        replaced = read_env(ROOT / "config" / installation / "settings.env")
        assert set(data) == set(CLUSTER)
        assert {k for k, v in data.items() if v != CLUSTER[k]} <= set(replaced)


@needs_kubectl
def test_without_azure_every_pod_but_the_consoles_gets_the_keys_of_the_object_store(
    rendered: dict[str, list[Manifest]],
):
    without = [o for o in overlays() if not on_azure(o.installation)]
    assert {overlay.installation for overlay in without} == {"onprem"}
    containers = [
        (names(manifest), container)
        for overlay in without
        for manifest in rendered[overlay.name]
        for pod in pods(manifest)
        if manifest["kind"] != "InferenceService"  # its containers are those of the runtime
        for container in pod.containers
    ]
    kinds = {name.partition("/")[0] for name, _ in containers}
    assert kinds == {"CronJob", "Deployment", "RayCluster", "ServingRuntime", "StatefulSet"}
    for name, container in containers:
        # Later sources win: keys of the Secret replace the empty ones of the settings.
        # The console is a client of the gateway and must not reach the store.
        keys = {"secretRef": {"name": "object-store"}}
        assert (container["envFrom"][-1] == keys) is (name != CONSOLE), name


@needs_kubectl
def test_what_needs_azure_is_refused_without_it(rendered: dict[str, list[Manifest]]):
    found = rendered["model-serving/api-gateway/deploy/overlays/production"]
    problems = "\n".join(broken(found, production=False, azure=False))
    for reason in ("comes from a vault", "azure.workload is of Azure", "managed-csi is of Azure"):
        assert reason in problems


@needs_kubectl
def test_with_entra_id_only_the_sign_in_reaches_the_console(rendered: dict[str, list[Manifest]]):
    found = rendered["monitoring/console/deploy/overlays/production-entra-id"]
    of = {(o["kind"], o["metadata"]["name"]): o["spec"] for o in found if "spec" in o}
    routes = of["VirtualService", "console"]["http"]
    hosts = {to["destination"]["host"] for route in routes for to in route["route"]}
    assert hosts == {"console-sign-in"}
    (caller,) = (r["from"][0]["source"] for r in of["AuthorizationPolicy", "console"]["rules"])
    account = "cluster.local/ns/monitoring/sa/console-sign-in"
    assert caller == {"principals": [account], "requestPrincipals": ["*"]}
    (peers,) = (rule["from"] for rule in of["NetworkPolicy", "console"]["ingress"])
    pods_in = [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "console-sign-in"}}}]
    assert peers == pods_in
    # Terraform lets Istio's ingress reach the pods with this label.
    open_to_ingress = {
        name
        for (kind, name), spec in of.items()
        if kind == "Deployment"
        and spec["template"]["metadata"]["labels"].get("mlplatform/from-ingress") == "true"
    }
    flows = (ROOT / "terraform" / "ml-platform" / "locals.flows.tf").read_text()
    assert '"mlplatform/from-ingress" = "true"' in flows
    assert open_to_ingress == {"console-sign-in"}


@needs_kubectl
def test_the_console_accepts_tokens_of_its_app_registration(
    rendered: dict[str, list[Manifest]],
):
    found = rendered["monitoring/console/deploy/overlays/production-entra-id"]
    values = installation_values("production")
    (rule,) = (o["spec"]["jwtRules"] for o in found if o["kind"] == "RequestAuthentication")
    tenant = f"https://login.microsoftonline.com/{values['TENANT_ID']}"
    assert rule[0] == {
        "issuer": f"{tenant}/v2.0",
        "jwksUri": f"{tenant}/discovery/v2.0/keys",
        "audiences": [values["CONSOLE_SIGN_IN_CLIENT_ID"]],
        "forwardOriginalToken": False,
    }
    (proxy,) = (o for o in found if names(o) == "Deployment/monitoring/console-sign-in")
    (container,) = proxy["spec"]["template"]["spec"]["containers"]
    assert container["env"] == [{"name": "CONSOLE_URL", "value": values["CONSOLE_URL"]}]


@needs_kubectl
def test_hashed_names_are_consistent(rendered: dict[str, list[Manifest]]):
    for name, found in rendered.items():
        maps = {o["metadata"]["name"] for o in found if o["kind"] == "ConfigMap"}
        text = str([o for o in found if o["kind"] != "ConfigMap"])
        asked = {word.strip("'}],") for word in text.split() if "platform-settings" in word}
        assert asked <= maps, name


@needs_kubectl
@pytest.mark.parametrize("use_case", ["spam", "iris"])
def test_every_use_case_has_both_environments(rendered: dict[str, list[Manifest]], use_case: str):
    found = rendered["model-serving/inference-service/deploy/overlays/production"]
    services = {o["metadata"]["name"]: o for o in found if o["kind"] == "InferenceService"}
    staging, production = (services[f"{use_case}-{e}-template"] for e in ("staging", "production"))
    assert staging["spec"]["predictor"]["minReplicas"] == 0
    assert production["spec"]["predictor"]["minReplicas"] >= 2
    for service in (staging, production):
        model = service["spec"]["predictor"]["model"]
        assert model["readinessProbe"]["httpGet"]["path"] == f"/v2/models/{use_case}/ready"
        assert "mlplatform/release" not in service["spec"]["predictor"]["annotations"]
        # Without both, KServe adds its agent for multi-model servers (docs/adr/0033).
        (initializer,) = service["spec"]["predictor"]["initContainers"]
        assert (model["storageUri"][0], initializer["name"]) == ("/", "storage-initializer")


@needs_kubectl
@pytest.mark.parametrize("overlay", ["production", "production-separate", "production-triton"])
@pytest.mark.parametrize("environment", ["staging", "production"])
def test_a_release_is_a_copy_of_the_template(
    rendered: dict[str, list[Manifest]], overlay: str, environment: str
):
    """Where the template's name is, the release's is: pods of other releases are not selected."""
    found = rendered[f"model-serving/inference-service/deploy/overlays/{overlay}"]
    (template,) = (o for o in found if o["metadata"]["name"] == f"spam-{environment}-template")
    release = ReleaseSpec("spam", "0123abcd" * 4, '{"release_uri": "https://store/a"}')
    service = inference_service(template, Environment(environment), release)
    assert template["metadata"]["name"] not in str(service)
    assert set(template["spec"]) == set(service["spec"])
    name = f"spam-{environment}-0123abcd"
    for part in service["spec"].values():
        for constraint in part.get("topologySpreadConstraints", []):
            owner = constraint["labelSelector"]["matchLabels"]["serving.kserve.io/inferenceservice"]
            assert owner == name
        labels = {key: part["labels"][f"mlplatform/{key}"] for key in ("use-case", "environment")}
        assert labels == {"use-case": "spam", "environment": environment}
    model = service["spec"]["predictor"]["model"]
    triton = overlay == "production-triton"
    assert model["storageUri"] == ("https://store/a/model" if triton else "/mnt/model-repository")
    for container in service["spec"].get("transformer", {}).get("containers", []):
        variables = {v["name"]: v.get("value") for v in container["env"]}
        url = variables["PREDICTOR_URL"].replace("$(INFERENCE_SERVICE)", name)
        assert variables["INFERENCE_SERVICE"] == name
        assert url == f"http://{name}-predictor.serving.svc.cluster.local"


@needs_kubectl
@pytest.mark.parametrize("use_case", ["spam", "iris"])
def test_the_disruption_budget_covers_every_release(
    rendered: dict[str, list[Manifest]], use_case: str
):
    found = rendered["model-serving/inference-service/deploy/overlays/production-separate"]
    (budget,) = (
        o["spec"]["selector"]["matchLabels"]
        for o in found
        if (o["kind"], o["metadata"]["name"]) == ("PodDisruptionBudget", f"{use_case}-production")
    )
    (template,) = (o for o in found if o["metadata"]["name"] == f"{use_case}-production-template")
    for part in ("predictor", "transformer"):
        assert budget.items() <= template["spec"][part]["labels"].items()


@needs_kubectl
def test_settings_and_service_accounts_are_in_the_namespace_of_their_pods(
    rendered: dict[str, list[Manifest]],
):
    for name, found in rendered.items():
        accounts = {
            (o["metadata"]["namespace"], o["metadata"]["name"])
            for o in found
            if o["kind"] == "ServiceAccount"
        }
        for manifest in found:
            if manifest["kind"] in {"StatefulSet", "Deployment"}:
                spec = manifest["spec"]["template"]["spec"]
                place = manifest["metadata"]["namespace"], spec["serviceAccountName"]
                assert place in accounts, name


@needs_kubectl
def test_without_terraform_every_service_account_is_in_the_manifests(
    rendered: dict[str, list[Manifest]],
):
    found = [o for overlay in overlays_of("onprem") for o in rendered[overlay.name]]
    accounts = {
        (o["metadata"]["namespace"], o["metadata"]["name"])
        for o in found
        if o["kind"] == "ServiceAccount"
    }
    needed = {
        (o["metadata"]["namespace"], pod.spec["serviceAccountName"])
        for o in found
        for pod in pods(o)
        if "serviceAccountName" in pod.spec
    }
    assert len(needed) > 5
    assert needed - accounts == set()


def edited(manifest: Manifest, path: str, value: Any) -> Manifest:
    changed = copy.deepcopy(manifest)
    *way, last = [int(p) if p.isdigit() else p for p in path.split("/")]
    node = changed
    for step in way:
        node = node[step]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return changed


POD, CONTAINER = "spec/template/spec", "spec/template/spec/containers/0"
BAD = [
    (f"{CONTAINER}/securityContext/readOnlyRootFilesystem", False, "root file system"),
    (f"{CONTAINER}/securityContext/allowPrivilegeEscalation", True, "privileges"),
    (f"{CONTAINER}/securityContext/capabilities", {"add": ["NET_ADMIN"]}, "capabilities"),
    (f"{CONTAINER}/securityContext/runAsNonRoot", False, "root"),
    (f"{POD}/securityContext/runAsUser", 0, "root"),
    (f"{POD}/securityContext/seccompProfile", {"type": "Unconfined"}, "seccomp"),
    (f"{POD}/hostNetwork", True, "hostNetwork"),
    (f"{POD}/volumes/0", {"name": "host", "hostPath": {"path": "/"}}, "volume host"),
    (f"{POD}/serviceAccountName", None, "service account"),
    (f"{POD}/automountServiceAccountToken", None, "Kubernetes token"),
    (f"{POD}/enableServiceLinks", None, "variables for every Service"),
    (f"{CONTAINER}/resources/limits", None, "limits"),
    (f"{CONTAINER}/resources/requests/memory", None, "requests"),
    (f"{CONTAINER}/livenessProbe", None, "livenessProbe"),
    (f"{CONTAINER}/image", "registry.example/mlplatform/api-gateway", "does not name a build"),
    (
        f"{CONTAINER}/image",
        "registry.example/mlplatform/api-gateway:latest",
        "does not name a build",
    ),
    (f"{CONTAINER}/image", "IMAGE_REGISTRY/mlplatform/api-gateway:1", "placeholder"),
    ("spec/replicas", 0, "replicas is 0"),
    ("spec/replicas", 1, "replicas is below 2"),
]


@needs_kubectl
@pytest.mark.parametrize(("path", "value", "reason"), BAD, ids=[f"{b[0]}={b[1]}" for b in BAD])
def test_a_gateway_that_violates_a_rule_is_refused(
    rendered: dict[str, list[Manifest]], path: str, value: Any, reason: str
):
    found = rendered["model-serving/api-gateway/deploy/overlays/production"]
    (gateway,) = (o for o in found if o["kind"] == "StatefulSet")
    assert broken([gateway], production=True) == []
    assert reason in "\n".join(broken([edited(gateway, path, value)], production=True))


@needs_kubectl
@pytest.mark.parametrize("fewest", [0, 1])
def test_production_is_never_scaled_to_zero(rendered: dict[str, list[Manifest]], fewest: int):
    found = rendered["model-serving/inference-service/deploy/overlays/production"]
    (service,) = (o for o in found if o["metadata"]["name"] == "spam-production-template")
    few = edited(service, "spec/predictor/minReplicas", fewest)
    assert f"minReplicas is {fewest}; production needs 2" in "\n".join(broken([few], True))
    assert broken([few], production=False) == []


def test_a_secret_is_refused():
    secret = {"kind": "Secret", "metadata": {"name": "keys", "namespace": "serving"}}
    assert "ExternalSecret" in "\n".join(broken([secret], production=False))


@pytest.mark.parametrize("tag", ["", "latest", "main", "IMAGE_TAG", "a b", "-x", "a" * 129, "ä"])
def test_a_moving_tag_is_refused(tag: str):
    with pytest.raises(Refused, match="IMAGE_TAG"):
        checked_tag(tag)


@pytest.mark.parametrize("tag", ["1.4.0", "a", "9f0c2d1", "v1.0_rc-2", "a" * 128])
def test_a_build_tag_is_accepted(tag: str):
    assert checked_tag(tag) == tag


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["production"], "IMAGE_TAG is missing"),
        (["production", "--image-tag", "latest"], "does not name one build"),
        (
            ["prod", "--image-tag", "1.0.0"],
            "there is no installation 'prod'; config/installations has: dev, onprem, production",
        ),
        (["../dev", "--image-tag", "1.0.0"], "there is no installation '../dev'"),
        (["production", "--image-tag", "1.0.0"], "installation.env still have examples for "),
    ],
)
def test_an_invalid_request_is_refused_without_output(arguments: list[str], reason: str):
    done = render_command(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert reason in done.stderr.splitlines()[-1]


@needs_kubectl
def test_a_single_component_is_printed_with_its_build():
    done = render_command("dev", "--image-tag", "1.4.0", "--examples", "--component", "training")
    assert done.returncode == 0, done.stderr
    kinds = [o["kind"] for o in parse(done.stdout)]
    assert "Deployment" in kinds
    assert "StatefulSet" not in kinds
    assert "mlplatform/training:1.4.0" in done.stdout


def test_validation_names_what_was_not_checked(tmp_path: Path):
    environment = {**os.environ, "PATH": str(tmp_path)}
    command = [sys.executable, str(ROOT / "scripts" / "validate.py")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("NOT CHECKED")]
    assert any("kubectl is missing" in line for line in lines), done.stdout + done.stderr
    assert any("terraform" in line for line in lines)
