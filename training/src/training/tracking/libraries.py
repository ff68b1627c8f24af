"""The versions a run was made with."""

import platform
from importlib.metadata import version

LIBRARIES = (
    "kfp",
    "mlflow",
    "numpy",
    "onnx",
    "onnxruntime",
    "optuna",
    "pyarrow",
    "ray",
    "scikit-learn",
    "skl2onnx",
)


def libraries() -> dict[str, str]:
    """Return the versions that a run was made with, Python included."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}
