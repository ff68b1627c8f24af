"""What NVIDIA Triton needs besides the graph to serve a release without this code."""

from platform_core.open_inference import NUMBERS, PREDICTION, PROBABILITIES
from use_cases import UseCase, model_schema


def triton_config(use_case: UseCase) -> str:
    """Return `config.pbtxt`: an input [N, 1] per text, `numbers` [N, K], and the output
    `probabilities` [N, C], or for regression `prediction` [N, 1].
    """
    schema = model_schema(use_case)
    inputs = [_tensor("input", name, "TYPE_STRING", 1) for name in schema.texts]
    if schema.numbers:
        inputs.append(_tensor("input", NUMBERS, "TYPE_FP32", len(schema.numbers)))
    if use_case.task == "regression":
        output = _tensor("output", PREDICTION, "TYPE_FP32", 1)
    else:
        output = _tensor("output", PROBABILITIES, "TYPE_FP32", len(use_case.classes))
    head = f'name: "{use_case.name}"\nplatform: "onnxruntime_onnx"\nmax_batch_size: 0\n'
    return head + "".join([*inputs, output])


def _tensor(kind: str, name: str, datatype: str, width: int) -> str:
    return f'{kind} [\n  {{ name: "{name}" data_type: {datatype} dims: [ -1, {width} ] }}\n]\n'
