"""The model registries against their contract; MLflow with real ONNX graphs."""

from pathlib import Path

import mlflow
import numpy as np
import onnx
import pytest
import yaml
from mlflow import MlflowClient
from onnx import TensorProto, helper

from platform_core.adapters import connect
from platform_core.adapters.registry.memory import MemoryRegistry
from platform_core.adapters.registry.mlflow import MlflowRegistry
from platform_core.adapters.registry.onnx_model import has_signature, save_onnx_model
from platform_core.errors import NotFound, UpstreamUnavailable
from platform_core.settings import RegistrySettings
from platform_core.testing.contracts import ModelRegistryContract
from platform_core.testing.processes import free_port

INPUTS = {"length": TensorProto.FLOAT, "text": TensorProto.STRING}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A graph that answers [x, 1 - x], and takes a text it does not look at."""
    inputs = [helper.make_tensor_value_info(n, kind, ["N", 1]) for n, kind in INPUTS.items()]
    output = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 2])
    one = helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
    nodes = [
        helper.make_node("Sub", ["one", "length"], ["rest"]),
        helper.make_node("Concat", ["length", "rest"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(nodes, "graph", inputs, [output], [one])
    path = tmp_path / "model.onnx"
    opsets = [helper.make_opsetid("", 18)]
    onnx.save_model(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


class TestMemoryRegistry(ModelRegistryContract):
    @pytest.fixture
    def registry(self) -> MemoryRegistry:
        return MemoryRegistry()

    @pytest.fixture
    def model(self, model: Path) -> Path:
        return model


class TestMlflowRegistry(ModelRegistryContract):
    @pytest.fixture
    def registry(self, mlflow_server: str) -> MlflowRegistry:
        registry = connect.model_registry(RegistrySettings(mlflow_tracking_uri=mlflow_server))
        assert isinstance(registry, MlflowRegistry)
        return registry

    @pytest.fixture
    def model(self, model: Path) -> Path:
        return model

    def test_logs_into_the_run_with_the_signature(
        self, registry: MlflowRegistry, mlflow_server: str, use_case: str, model: Path
    ) -> None:
        client = MlflowClient(mlflow_server)
        run = client.create_run(client.create_experiment(f"{use_case}-training")).info
        version = registry.register(use_case, "a1", "https://a.test/1", model, run.run_id, {})
        assert version.run_id == run.run_id
        outputs = client.get_run(run.run_id).outputs.model_outputs
        stored = client.get_model_version(use_case, version.version)
        assert stored.source == f"models:/{outputs[0].model_id}"
        assert client.get_logged_model(outputs[0].model_id).source_run_id == run.run_id

    def test_the_registered_model_answers(
        self, registry: MlflowRegistry, mlflow_server: str, use_case: str, model: Path
    ) -> None:
        pytest.importorskip("onnxruntime")
        self.register(registry, use_case, "a1", model)
        registry.set_alias(use_case, "staging", "1")
        mlflow.set_tracking_uri(mlflow_server)
        loaded = mlflow.pyfunc.load_model(f"models:/{use_case}@staging")
        schema = loaded.metadata.get_input_schema()
        assert [(spec.name, spec.shape) for spec in schema] == [(n, (-1, 1)) for n in INPUTS]
        lengths = np.array([[0.25], [1.0]], np.float32)
        answer = loaded.predict({"length": lengths, "text": np.array([["a"], ["b"]], object)})
        np.testing.assert_allclose(
            answer["probabilities"], np.hstack([lengths, 1 - lengths]), rtol=1e-6
        )

    def test_unknown_run(self, registry: MlflowRegistry, use_case: str, model: Path) -> None:
        with pytest.raises(NotFound, match="a1"):
            registry.register(use_case, "a1", "https://a.test/1", model, "0" * 32, {})


def test_a_lost_signature_is_noticed(model: Path, tmp_path: Path) -> None:
    proto = onnx.load(model)
    save_onnx_model(proto, tmp_path / "saved", "m-1", None)
    mlmodel = tmp_path / "saved" / "MLmodel"
    assert has_signature(mlmodel, proto)
    stored = yaml.safe_load(mlmodel.read_text())
    mlmodel.write_text(yaml.safe_dump({k: v for k, v in stored.items() if k != "signature"}))
    assert not has_signature(mlmodel, proto)


def test_no_server(model: Path) -> None:
    registry = MlflowRegistry(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(UpstreamUnavailable, match="MLFLOW_TRACKING_URI"):
        registry.versions("spam")
