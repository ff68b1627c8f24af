"""What an API server with KServe refuses and adds: the same rules for the fake and a real one.

If KUBECONFIG names a server, the rules are checked there as well; those of a webhook or a
controller only if the server has KServe's controller.
"""

import json
import os
import uuid
from pathlib import Path

import pytest
import yaml
from dotenv import dotenv_values
from kubernetes.client import AdmissionregistrationV1Api, ApiException, CoreV1Api
from kubernetes_api.controller import KServeController
from kubernetes_api.server import ApiServer

from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingRole
from platform_core.settings import ServingSettings
from platform_core.testing.processes import wait_until
from releases.deployers.kserve.connect import api_client
from releases.deployers.kserve.desired import (
    OWNER,
    ReleaseSpec,
    inference_service,
    service_name,
)

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "model-serving" / "inference-service" / "deploy"
CLUSTER = ROOT / "config" / "cluster.env"
SERVING = "/apis/serving.kserve.io"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
WEBHOOK = "inferenceservice.serving.kserve.io"


class Server:
    """Creates objects in a namespace of its own; `controller` may write their status."""

    def __init__(self, client, namespace, controller, has_kserve=True):
        self.client, self.namespace, self.has_kserve = client, namespace, has_kserve
        self.controller = controller

    def call(self, method, path, body=None, content="application/json", client=None):
        return (client or self.client).call_api(
            path,
            method,
            path_params={"namespace": self.namespace},
            header_params={"Content-Type": content, "Accept": "application/json"},
            body=body,
            response_type="object",
            auth_settings=["BearerToken"],
            _return_http_data_only=True,
        )

    def create(self, version, kind, name, **content):
        prefix = "/api/v1" if version == "v1" else f"/apis/{version}"
        value = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **content}
        value["metadata"] |= content.pop("metadata", {}) | {"name": name}
        path = f"{prefix}/namespaces/{{namespace}}/{kind.lower()}s"
        return self.call("POST", path, value)

    def accepts(self, kind, name, **content):
        """Return whether an object of the core API would be created, by a dry run."""
        value = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **content}
        path = f"/api/v1/namespaces/{{namespace}}/{kind.lower()}s?dryRun=All"
        try:
            self.call("POST", path, value)
        except ApiException:
            return False
        return True

    def refusal(self, *arguments, **content):
        """Return the code and the message of a refused creation."""
        with pytest.raises(ApiException) as caught:
            self.create(*arguments, **content)
        return caught.value.status, json.loads(caught.value.body)["message"]


def pod(memory="64Mi", **security):
    resources = {kind: {"cpu": "10m", "memory": memory} for kind in ("requests", "limits")}
    container = {"name": "main", "image": "example.org/a:1", "resources": resources}
    return {"spec": {"containers": [container | {"securityContext": security}]}}


SAFE = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
MODEL = {"model": {"modelFormat": {"name": "mlplatform-release"}, "storageUri": "/mnt/a"}}
STANDARD = {"annotations": {"serving.kserve.io/deploymentMode": "Standard"}}


class ApiServerRules:
    """Rules of the API server and of KServe's webhooks; override `server`."""

    def service(self, server, predictor, **more):
        if not server.has_kserve:
            pytest.skip("the server has no KServe webhooks")
        spec = {"predictor": predictor, **more}
        arguments = ("serving.kserve.io/v1beta1", "InferenceService", "rules")
        return server.refusal(*arguments, metadata=STANDARD, spec=spec)

    def test_a_canary_without_a_model_is_refused_by_the_webhook(self, server):
        canary = {"trafficPercent": 10, "predictor": {"name": "next", "annotations": {"a": "b"}}}
        code, message = self.service(server, MODEL, canary=[canary])
        assert code == 403
        assert 'admission webhook "' in message
        assert 'denied the request: canary "next" predictor: Exactly one of' in message

    def test_a_predictor_needs_one_implementation(self, server):
        code, message = self.service(server, {"minReplicas": 1})
        assert (code, "Exactly one of" in message) == (403, True)

    def test_a_model_needs_a_format(self, server):
        code, message = self.service(server, {"model": {"storageUri": "/mnt/a"}})
        assert (code, "modelFormat" in message) == (422, True)

    def test_a_runtime_has_one_priority_for_a_format(self, server):
        if not server.has_kserve:
            pytest.skip("the server has no KServe webhooks")
        formats = [{"name": "a", "autoSelect": True, "priority": n} for n in (1, 2)]
        container = {"name": "kserve-container", "image": "example.org/a:1"}
        spec = {"supportedModelFormats": formats, "containers": [container]}
        kind = ("serving.kserve.io/v1alpha1", "ServingRuntime")
        first = [formats[0]]
        server.create(*kind, "first", spec=spec | {"supportedModelFormats": first})
        code, message = server.refusal(*kind, "rules", spec=spec)
        assert (code, "different priorities" in message) == (403, True)

    def test_a_disruption_budget_has_one_limit(self, server):
        spec = {"minAvailable": 1, "maxUnavailable": 1, "selector": {"matchLabels": {"a": "b"}}}
        code, message = server.refusal("policy/v1", "PodDisruptionBudget", "rules", spec=spec)
        assert (code, "cannot be both set" in message) == (422, True)

    def test_no_more_replicas_are_available_than_ready(self, server):
        labels = {"app": "rules"}
        spec = {"selector": {"matchLabels": labels}, "replicas": 1}
        spec["template"] = {"metadata": {"labels": labels}, **pod(**SAFE)}
        server.create("apps/v1", "Deployment", "rules", spec=spec)
        path = "/apis/apps/v1/namespaces/{namespace}/deployments/rules/status"
        status = {"replicas": 1, "availableReplicas": 1}
        with pytest.raises(ApiException, match="cannot be greater than readyReplicas") as caught:
            merge = "application/merge-patch+json"
            server.call("PATCH", path, {"status": status}, merge, server.controller)
        assert caught.value.status == 422

    def test_pod_security_names_what_is_missing(self, server):
        code, message = server.refusal("v1", "Pod", "unsafe", **pod())
        assert code == 403
        assert 'violates PodSecurity "restricted' in message
        assert "allowPrivilegeEscalation != false" in message
        server.create("v1", "Pod", "safe", **pod(**SAFE))

    def test_a_quota_limits_the_pods_of_a_namespace(self, server):
        hard = {"limits.memory": "128Mi"}
        server.create("v1", "ResourceQuota", "memory", spec={"hard": hard})
        large = pod("256Mi", **SAFE)
        # A real server's admission sees a new quota a moment later.
        assert wait_until(lambda: not server.accepts("Pod", "large", **large), 10)
        code, message = server.refusal("v1", "Pod", "large", **large)
        assert (code, "exceeded quota: memory" in message) == (403, True)
        server.create("v1", "Pod", "small", **pod(**SAFE))


class TestFakeApiServer(ApiServerRules):
    @pytest.fixture
    def server(self, tmp_path):
        api = ApiServer(pod_security={"rules": "restricted"})
        api.start()
        client = api_client(api.kubeconfig(tmp_path, "developer"))
        yield Server(client, "rules", api_client(api.kubeconfig(tmp_path, "controller")))
        api.stop()


@pytest.mark.skipif(not os.environ.get("KUBECONFIG"), reason="KUBECONFIG names no server")
class TestRealApiServer(ApiServerRules):
    @pytest.fixture
    def server(self):
        client = api_client(Path(os.environ["KUBECONFIG"]))
        name = f"mlplatform-rules-{uuid.uuid4().hex[:8]}"
        CoreV1Api(client).create_namespace({"metadata": {"name": name, "labels": RESTRICTED}})
        hooks = AdmissionregistrationV1Api(client).list_validating_webhook_configuration()
        try:
            has_kserve = WEBHOOK in {hook.metadata.name for hook in hooks.items}
            yield Server(client, name, client, has_kserve)
        finally:
            CoreV1Api(client).delete_namespace(name)


def started(api_server, tmp_path, service):
    """Return the pods that KServe's controller makes for an InferenceService."""
    api_server.store.create("serving", service, "kubectl")
    client = api_client(api_server.kubeconfig(tmp_path, "controller"))
    controller = KServeController(client, "serving", lambda *_: None)
    controller.start()
    controller.stop()
    return api_server.stores["pods"].list("serving")["items"]


@pytest.fixture
def api_server():
    server = ApiServer(pod_security={"serving": "restricted"})
    server.start()
    yield server
    server.stop()


RELEASE = ReleaseSpec("iris", "0123abcd" * 4, '{"release_id": "a"}')


def manifest():
    """Return the template of `iris` in production as the manifests have it."""
    text = (DEPLOY / "environments" / "production" / "inference-service.yaml").read_text()
    template = yaml.safe_load(text.replace("USE_CASE", "iris"))
    template["metadata"]["name"] = f"iris-{template['metadata']['name']}"
    return template


@pytest.fixture
def runtime(api_server):
    runtime = yaml.safe_load((DEPLOY / "base" / "onnx-runtime.yaml").read_text())
    api_server.stores["servingruntimes"].create("serving", runtime, "kubectl")


def test_the_template_itself_runs_nothing(api_server, tmp_path, runtime):
    assert started(api_server, tmp_path, manifest()) == []


def test_our_pods_get_no_agent_and_pass_pod_security(api_server, tmp_path, runtime):
    service = inference_service(manifest(), Environment.PRODUCTION, RELEASE)
    pods = started(api_server, tmp_path, service)
    assert len(pods) == service["spec"]["predictor"]["minReplicas"]
    for pod in pods:
        assert [c["name"] for c in pod["spec"]["containers"]] == ["kserve-container"]
        assert [c["name"] for c in pod["spec"]["initContainers"]] == ["storage-initializer"]
    assert api_server.stores["configmaps"].objects == {}


def test_the_pods_of_a_release_spread_among_themselves():
    service = inference_service(manifest(), Environment.PRODUCTION, RELEASE)
    constraints = service["spec"]["predictor"]["topologySpreadConstraints"]
    selectors = [c["labelSelector"]["matchLabels"] for c in constraints]
    assert selectors == [{OWNER: "iris-production-0123abcd"}] * 2


def test_a_service_without_a_storage_uri_gets_the_agent_of_multi_model_servers(
    api_server, tmp_path, runtime
):
    service = inference_service(manifest(), Environment.PRODUCTION, RELEASE)
    del service["spec"]["predictor"]["model"]["storageUri"]
    api_server.pod_security.clear()  # the agent does not pass
    for pod in started(api_server, tmp_path, service):
        assert [c["name"] for c in pod["spec"]["containers"]] == ["kserve-container", "agent"]
    name = f"modelconfig-{service['metadata']['name']}-0"
    assert api_server.stores["configmaps"].get("serving", name)


def test_the_settings_reach_the_address_of_a_release():
    """In Standard mode the deployer makes it, in Knative mode KServe does."""
    settings = dotenv_values(CLUSTER)
    serving = ServingSettings(**{key.lower(): settings[key] for key in settings if "_URL_" in key})
    for environment in Environment:
        name = service_name("email_categories", environment, RELEASE.release_id)
        for role in ServingRole:
            url = serving.release_url(environment, "email_categories", RELEASE.release_id, role)
            assert url == f"http://{name}.serving.svc.cluster.local"
