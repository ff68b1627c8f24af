"""What NVIDIA Triton needs beside the graph to serve a release without this code."""

from platform_core.open_inference import PROBABILITIES, tensor_specs
from use_cases import UseCase, model_schema

_TYPES = {"BYTES": "TYPE_STRING", "FP32": "TYPE_FP32", "INT64": "TYPE_INT64"}


def triton_config(use_case: UseCase) -> str:
    """Return `config.pbtxt`: one input [N, 1] per feature, the output probabilities [N, C]."""
    inputs = [
        _tensor("input", spec.name, _TYPES[spec.datatype], 1)
        for spec in tensor_specs(model_schema(use_case))
    ]
    output = _tensor("output", PROBABILITIES, "TYPE_FP32", len(use_case.classes))
    head = f'name: "{use_case.name}"\nplatform: "onnxruntime_onnx"\nmax_batch_size: 0\n'
    return head + "".join([*inputs, output])


def _tensor(kind: str, name: str, datatype: str, width: int) -> str:
    return f'{kind} [\n  {{ name: "{name}" data_type: {datatype} dims: [ -1, {width} ] }}\n]\n'
