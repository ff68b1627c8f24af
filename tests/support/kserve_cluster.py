"""A cluster for tests of the KServe deployer: templates, KServe's controller, pods that answer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml
from kubernetes.client import ApiClient, ApiException, CoreV1Api, CustomObjectsApi
from kubernetes_api.controller import KServeController
from urllib3.exceptions import HTTPError

from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import model_name
from platform_core.ports.blob_store import BlobStore
from platform_core.settings import ServingSettings
from releases.deployers.kserve import KServeDeployer
from releases.deployers.kserve.api import InferenceServiceApi
from releases.deployers.v2 import V2Services
from scoring import Scorer, load_release
from use_cases import use_case

Object = dict[str, Any]
GROUP, VERSION, PLURAL = "serving.kserve.io", "v1beta1", "inferenceservices"
NAMESPACE = "serving"
MODES = {Environment.STAGING: "Knative", Environment.PRODUCTION: "Standard"}
DEPLOY = Path(__file__).parents[2] / "model-serving" / "inference-service" / "deploy"


def deployer_rules() -> dict[str, set[str]]:
    """Return the verbs of the role `release-deployer` in the manifests, by resource."""
    role = next(yaml.safe_load_all((DEPLOY / "base" / "release-deployer.yaml").read_text()))
    return {name: set(rule["verbs"]) for rule in role["rules"] for name in rule["resources"]}


def template(
    environment: Environment, namespace: str = NAMESPACE, model_format: str = "mlplatform-release"
) -> Object:
    """Return a small template of the releases of `iris`."""
    name = f"iris-{environment}-template"
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "InferenceService",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"mlplatform/environment": str(environment), "mlplatform/use-case": "iris"},
            "annotations": {
                "serving.kserve.io/deploymentMode": MODES[environment],
                "serving.kserve.io/stop": "true",
            },
        },
        "spec": {
            "predictor": {
                "annotations": {"mlplatform/image-tag": "1.4.0"},
                "labels": {"app.kubernetes.io/name": "inference-service"},
                "model": {
                    "runtime": "onnx-runtime",
                    "modelFormat": {"name": model_format},
                    "env": [{"name": "INFERENCE_SERVICE", "value": name}],
                    "storageUri": "/mnt/model-repository",
                },
            }
        },
    }


class Pods:
    """What the pods of all InferenceServices answer, by V2; the first part of a path is the name of
    an InferenceService. They load and verify the releases of `store`.
    """

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self.scorers: dict[str, Scorer] = {}
        self.loads: list[str] = []
        self.reachable: Callable[[str], bool] = lambda _: True

    def load(self, name: str, pointer: Object | None) -> None:
        """Load what a pointer names, `None` ends the pods."""
        if pointer is None:
            self.scorers.pop(name, None)
            return
        self.loads.append(name)
        release = load_release(self._store, pointer["use_case"], pointer["release_id"])
        self.scorers[name] = Scorer(release, use_case(pointer["use_case"]))

    def __call__(self, _method: str, path: str, *_: object) -> tuple[int, dict[str, str], object]:
        """Answer a request."""
        name, _, rest = path.removeprefix("/").partition("/v2/models/")
        model, _, action = rest.partition("/")
        scorer = self.scorers.get(name)
        if scorer is None or not self.reachable(name):
            return HTTPStatus.SERVICE_UNAVAILABLE, {}, {"error": f"{name} has no pods"}
        if model not in ("iris", model_name("iris", scorer.release_id)):
            return HTTPStatus.NOT_FOUND, {}, {"error": f"there is no model {model}"}
        if action == "ready":
            return HTTPStatus.OK, {}, {"ready": True}
        return HTTPStatus.OK, {}, {"name": model, "versions": [scorer.release_id]}


class Cluster:
    """One namespace: a client with the deployer's role, KServe's controller and the pods."""

    def __init__(
        self,
        client: ApiClient,
        controller_client: ApiClient,
        pods: Pods,
        url: str,
        namespace: str = NAMESPACE,
    ) -> None:
        self.client, self.namespace, self.pods = client, namespace, pods
        self.objects = CustomObjectsApi(controller_client)
        self.controller = KServeController(controller_client, namespace, pods.load)
        self._services = CoreV1Api(controller_client)
        pods.reachable = self._has_address
        urls = {f"inference_url_{e}": f"{url}/{{use_case}}-{e}-{{release}}" for e in Environment}
        self.settings = ServingSettings(**urls)

    def deployer(
        self,
        seconds: float = 20,
        image_of: Callable[[str, str], str | None] = lambda *_: None,
    ) -> KServeDeployer:
        """Return a deployer for this namespace."""
        api = InferenceServiceApi(self.client, self.namespace)
        services = V2Services(self.settings, "look at the pods")
        return KServeDeployer(api, services, seconds, image_of)

    def live(self, name: str) -> Object:
        """Return an InferenceService."""
        found: Object = self.objects.get_namespaced_custom_object(
            GROUP, VERSION, self.namespace, PLURAL, name
        )
        return found

    def create_templates(self) -> None:
        """Apply the templates of both environments."""
        for environment in Environment:
            value = template(environment, self.namespace)
            self.objects.create_namespaced_custom_object(
                GROUP, VERSION, self.namespace, PLURAL, value
            )

    @contextmanager
    def running(self) -> Iterator["Cluster"]:
        """Run KServe's controller."""
        self.controller.start()
        try:
            yield self
        finally:
            self.controller.stop()

    def _has_address(self, name: str) -> bool:
        """Return whether the Service of a release exists; Knative's comes from KServe."""
        if "-production-" not in name:
            return True
        try:
            self._services.read_namespaced_service(name, self.namespace)
        except ApiException:
            return False
        except HTTPError:  # requests to pods do not need the API server
            return True
        return True
