"""The manifests are safe and complete, checked without rendering."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from manifest_rules import (
    equipped,
    identified,
    labelled_for_azure,
    no_secrets,
    pods,
    restricted,
)
from manifests import COMPONENTS, ROOT, installations, names, overlays, parse, read_env, walk

CLUSTER = read_env(ROOT / "config" / "cluster.env")
ACCESS = ROOT / "terraform" / "base-infra" / "access.yaml"
OF_THE_CONTAINER = {
    "HOME",  # a folder that can be written
    "INFERENCE_SERVICE",  # a part of PREDICTOR_URL
    "RELEASES_ARGUMENTS",  # of the command line
}
"""Variables in manifests that are not settings."""
OPTIONAL_SECRETS = {"drift-webhook-url"}
"""Optional secrets that an installation adds to the vault."""


@cache
def files() -> list[Path]:
    found = (p for pattern in ("*/deploy", "*/*/deploy") for p in ROOT.glob(pattern))
    return sorted(file for folder in found for file in folder.rglob("*.yaml"))


@cache
def documents(file: Path) -> list[Any]:
    return parse(file.read_text())


@cache
def objects() -> list[Any]:
    """Every complete object; patches of overlays are checked when rendered."""
    whole = [f for f in files() if "overlays" not in f.parts and "component" not in f.parts]
    return [d for f in whole for d in documents(f) if isinstance(d, dict) and "metadata" in d]


def deployed(kind: str, name: str) -> dict[str, Any]:
    (found,) = (o for o in objects() if o["kind"] == kind and o["metadata"]["name"] == name)
    return found


def container(manifest: dict[str, Any]) -> dict[str, Any]:
    (found,) = (c for pod in pods(manifest) for c in pod.containers)
    return found


def mounts(of: dict[str, Any]) -> set[str]:
    return {mount["mountPath"] for mount in of["volumeMounts"]}


GATEWAY = deployed("StatefulSet", "api-gateway")
RUNTIME = deployed("ServingRuntime", "onnx-runtime")


@pytest.mark.parametrize("manifest", [o for o in objects() if pods(o)], ids=names)
def test_every_pod_follows_the_rules(manifest: dict[str, Any]):
    of_pods = (restricted, equipped, identified, labelled_for_azure)
    assert [p for pod in pods(manifest) for rule in of_pods for p in rule(pod)] == []


def test_every_program_has_pods():
    kinds = {o["kind"] for o in objects() if pods(o)}
    expected = {"StatefulSet", "Deployment", "CronJob", "RayCluster"}
    assert kinds == expected | {"ServingRuntime", "InferenceService"}


def test_services_are_started_without_arguments():
    """A service refuses arguments and reads its settings from the environment."""
    entries = {p.parent.name: p.read_text() for p in ROOT.glob("*/**/src/*/__main__.py")}
    services = {name for name, text in entries.items() if "refuse_arguments(" in text}
    commands = [c.get("command", []) for m in objects() for pod in pods(m) for c in pod.containers]
    started = [c for c in commands if c[:2] == ["python", "-m"] and c[2] in services]
    assert {command[2] for command in started} >= {"training", "release_controller"}
    assert [command for command in started if len(command) > 3] == []


def test_no_secret_is_in_the_repository():
    assert [p for o in objects() for p in no_secrets(o)] == []


def test_every_component_has_an_overlay_for_every_installation():
    found = {overlay.name for overlay in overlays()}
    wanted = {f"{c}/deploy/overlays/{e}" for c in COMPONENTS for e in installations()}
    assert installations() == ["dev", "onprem", "production"]
    assert wanted - found == set()


def test_every_variable_of_a_container_is_a_setting():
    given = {
        variable["name"]
        for file in files()
        for document in documents(file)
        for path, node in walk(document)
        if path and path[-1] == "env" and isinstance(node, list)
        for variable in node
    }
    assert given - set(CLUSTER) - OF_THE_CONTAINER == set()


@pytest.mark.parametrize("installation", installations())
def test_an_installation_replaces_settings_that_exist(installation: str):
    assert set(read_env(ROOT / "config" / installation / "settings.env")) <= set(CLUSTER)


def test_the_settings_are_the_cluster_file():
    (generator,) = documents(ROOT / "config" / "kustomization.yaml")[0]["configMapGenerator"]
    assert generator == {"name": "platform-settings", "envs": ["cluster.env"]}
    assert [
        f for f in files() if re.search(r"kind: ConfigMap\n(?:.*\n)*?data:", f.read_text())
    ] == []


def test_installations_have_the_same_keys():
    folder = ROOT / "config" / "installations"
    keys = {e: list(read_env(folder / e / "installation.env")) for e in installations()}
    assert keys["dev"] == keys["production"]
    wired = {
        part: {
            r["source"]["fieldPath"].removeprefix("data.")
            for r in documents(folder / part / "kustomization.yaml")[0]["replacements"]
        }
        for part in ("wiring", "azure")
    }
    assert wired["wiring"] | {"IMAGE_REGISTRY"} == set(keys["onprem"])
    assert wired["azure"] | set(keys["onprem"]) == set(keys["dev"])


def test_paths_in_the_settings_are_volumes():
    assert {CLUSTER["SPOOL_FOLDER"]} <= mounts(container(GATEWAY))
    for key in ("API_KEYS_FILE", "RAY_AUTH_TOKEN_PATH"):
        assert str(Path(CLUSTER[key]).parent) in mounts(container(GATEWAY))
    assert CLUSTER["PLATFORM_HOME"] in mounts(container(RUNTIME))
    for environment in ("staging", "production"):
        model = deployed("InferenceService", f"{environment}-template")["spec"]["predictor"][
            "model"
        ]
        assert mounts(model) == {CLUSTER["MODEL_REPOSITORY"]}


def test_policies_are_in_the_config_map_of_the_programs_that_read_them():
    folder = ROOT / "config" / "policies"
    (kustomization,) = parse((folder / "kustomization.yaml").read_text())
    (generator,) = kustomization["configMapGenerator"]
    assert sorted(generator["files"]) == sorted(path.name for path in folder.glob("*.toml"))
    for kind, name in (("Deployment", "release-controller"), ("CronJob", "drift-detector")):
        manifest = deployed(kind, name)
        assert CLUSTER["POLICY_FOLDER"] in mounts(container(manifest))
        (pod,) = pods(manifest)
        (volume,) = (one for one in pod.spec["volumes"] if one["name"] == "policies")
        assert volume["configMap"] == {"name": generator["name"]}


def test_ports_in_the_settings_are_those_of_the_pods():
    assert container(GATEWAY)["ports"][0]["containerPort"] == int(CLUSTER["GATEWAY_PORT"])
    assert container(RUNTIME)["ports"][0]["containerPort"] == int(CLUSTER["INFERENCE_HTTP_PORT"])
    assert CLUSTER["INFERENCE_HTTP_PORT"] == CLUSTER["TRANSFORMER_HTTP_PORT"]


def test_host_names_in_the_settings_are_services():
    gateway = deployed("Service", "api-gateway")["spec"]["ports"]
    assert CLUSTER["GATEWAY_URL"] == "http://api-gateway.serving.svc.cluster.local"
    assert [port["port"] for port in gateway] == [80]
    ray = deployed("RayCluster", "ray")["metadata"]["name"]
    assert CLUSTER["RAY_ADDRESS"] == f"{ray}-head-svc.ray.svc.cluster.local:6379"
    # The Service of a release has the name of its InferenceService and is in its namespace.
    for environment in ("staging", "production"):
        template = deployed("InferenceService", f"{environment}-template")["metadata"]
        url = f"http://{{use_case}}-{environment}-{{release}}.{template['namespace']}.svc.cluster.local"
        assert CLUSTER[f"INFERENCE_URL_{environment.upper()}"] == url
        assert template["annotations"]["serving.kserve.io/stop"] == "true"
    assert CLUSTER["DEPLOYER_URL"] == f"kserve://{template['namespace']}"


def test_the_gateway_has_time_to_drain_and_upload():
    spec = GATEWAY["spec"]["template"]["spec"]
    pause = container(GATEWAY)["lifecycle"]["preStop"]["sleep"]["seconds"]
    needed = pause + 2 * float(CLUSTER["SHUTDOWN_SECONDS"])
    assert spec["terminationGracePeriodSeconds"] >= max(60, needed)


def test_each_pod_has_its_own_persistent_spool():
    (claim,) = GATEWAY["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]
    assert set(GATEWAY["spec"]["persistentVolumeClaimRetentionPolicy"].values()) == {"Retain"}


def test_the_drift_job_runs_hourly_and_never_twice():
    spec = deployed("CronJob", "drift-detector")["spec"]
    assert re.fullmatch(r"\d+ \* \* \* \*", spec["schedule"])
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] < 60 * 60


def test_the_drill_runs_weekly_and_never_twice():
    spec = deployed("CronJob", "drill")["spec"]
    assert re.fullmatch(r"\d+ \d+ \* \* 1", spec["schedule"])
    assert (spec["suspend"], spec["concurrencyPolicy"]) == (False, "Forbid")
    assert spec["jobTemplate"]["spec"]["backoffLimit"] == 0


def test_every_overlay_sets_the_tag_of_its_images():
    ours = {
        re.sub(r":.*", "", node)
        for file in files()
        for document in documents(file)
        for path, node in walk(document)
        if path and path[-1] == "image" and node.startswith("mlplatform/")
    }
    programs = {"api-gateway", "inference-service", "feature-transformer", "ray"}
    programs |= {"drift-detector", "release-controller", "training", "console"}
    assert ours == {f"mlplatform/{p}" for p in programs}
    for overlay in overlays():
        kustomization = documents(overlay.folder / "kustomization.yaml")[0]
        for image in kustomization.get("images", []):
            assert image["name"] in ours
            assert image["newName"] == f"IMAGE_REGISTRY/{image['name']}"
            assert image["newTag"] == "IMAGE_TAG"


def test_identities_and_secrets_are_those_of_terraform():
    if not ACCESS.is_file():
        pytest.skip("terraform/base-infra has no access.yaml")
    components = yaml.safe_load(ACCESS.read_text())["components"].values()
    known = {account for c in components for account in c["service_accounts"]}
    accounts = [o for o in objects() if o["kind"] == "ServiceAccount"]
    assert {o["metadata"]["name"] for o in accounts} <= {a.partition("/")[2] for a in known}
    secrets = {secret for c in components for secret in c.get("secrets", ())}
    asked = {
        data["remoteRef"]["key"]
        for o in objects()
        if o["kind"] == "ExternalSecret"
        for data in o["spec"]["data"]
    }
    assert asked - OPTIONAL_SECRETS <= secrets
