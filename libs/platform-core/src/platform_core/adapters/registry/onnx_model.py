"""An ONNX graph as an MLflow model: its signature, and whether it is still there."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow.onnx
import numpy as np
import onnx
from google.protobuf.message import DecodeError
from mlflow.models import Model, ModelSignature
from mlflow.types import Schema, TensorSpec

from platform_core.errors import InvalidInput


def load_onnx(file: Path) -> onnx.ModelProto:
    """Read an ONNX file.

    Raises:
        InvalidInput: the file does not exist or is not an ONNX model.
    """
    try:
        return onnx.load(file)
    except (OSError, DecodeError) as error:
        raise InvalidInput(f"{file} is not an ONNX model: {error}") from error


def save_onnx_model(
    model: onnx.ModelProto, target: Path, model_id: str, run_id: str | None
) -> None:
    """Write the MLflow model of `model` to the folder `target`.

    The environment is given, because MLflow would load and run the model to guess it.
    """
    mlflow.onnx.save_model(
        model,
        str(target),
        mlflow_model=Model(run_id=run_id, model_id=model_id),
        signature=signature(model),
        conda_env=_environment(),
        onnx_execution_providers=["CPUExecutionProvider"],
        save_as_external_data=False,
    )


def signature(model: onnx.ModelProto) -> ModelSignature:
    """Return one named tensor per input and output of the graph, -1 for the batch size."""
    return ModelSignature(
        inputs=Schema([_tensor(value) for value in model.graph.input]),
        outputs=Schema([_tensor(value) for value in model.graph.output]),
    )


def has_signature(mlmodel: Path, model: onnx.ModelProto) -> bool:
    """Return whether the stored file `mlmodel` carries the signature of `model`."""
    return bool(Model.load(str(mlmodel)).signature == signature(model))


def _tensor(value: onnx.ValueInfoProto) -> TensorSpec:
    tensor = value.type.tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    shape = [dim.dim_value or -1 for dim in tensor.shape.dim] or [-1]
    return TensorSpec(np.dtype(dtype), (-1, *shape[1:]), value.name)


def _environment() -> dict[str, Any]:
    """Return what a program that loads the model from MLflow must install."""
    packages = [f"{package}=={version(package)}" for package in ("mlflow", "onnx", "numpy")]
    return {
        "name": "release",
        "channels": ["conda-forge"],
        "dependencies": [
            f"python={platform.python_version()}",
            "pip",
            {"pip": [*packages, "onnxruntime"]},
        ],
    }
