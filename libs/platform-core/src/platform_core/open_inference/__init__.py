"""The Open Inference Protocol (V2): tensors, and in `client` an asynchronous REST client."""

from platform_core.open_inference.tensors import (
    ARROW_TYPES,
    DATATYPES,
    FEATURES,
    INTERVAL,
    NUMBERS,
    PREDICTION,
    PROBABILITIES,
    RETURN_FEATURES,
    Tensor,
    TensorReader,
    batch_from_tensors,
    number_block,
    tensor_specs,
    tensors_from_batch,
)

__all__ = [
    "ARROW_TYPES",
    "DATATYPES",
    "FEATURES",
    "INTERVAL",
    "NUMBERS",
    "PREDICTION",
    "PROBABILITIES",
    "RETURN_FEATURES",
    "Tensor",
    "TensorReader",
    "batch_from_tensors",
    "number_block",
    "tensor_specs",
    "tensors_from_batch",
]
