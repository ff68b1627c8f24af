"""V2 requests and responses over REST: JSON, or JSON followed by binary tensors."""

import struct
from typing import Any

import orjson
from kserve import InferInput, InferRequest, InferResponse
from kserve.constants.constants import INFERENCE_CONTENT_LENGTH_HEADER
from kserve.protocol.infer_type import RequestedOutput
from kserve.protocol.rest.v2_datamodels import Parameters
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from platform_core.errors import InvalidInput

JSON = "application/json"
BINARY = "application/octet-stream"
MAX_REASONS = 3


class _Input(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[Any]
    parameters: Parameters | None = None


class _Output(BaseModel):
    name: str
    parameters: Parameters | None = None


class _Body(BaseModel):
    """A V2 request. KServe's model tries a dozen list types for each tensor's data."""

    id: str | None = None
    parameters: Parameters | None = None
    inputs: list[_Input]
    outputs: list[_Output] | None = None


def decode_request(body: bytes, json_length: bytes | None, model_name: str) -> InferRequest:
    """Return the V2 request in `body`.

    `json_length` is the length of the JSON part when binary tensors follow it.

    Raises:
        InvalidInput: the body is not a V2 request.
    """
    try:
        if json_length is not None:
            return InferRequest.from_bytes(body, int(json_length), model_name)
        return _from_json(_Body.model_validate_json(body), model_name)
    except ValidationError as error:
        raise InvalidInput(f"the body is not a V2 inference request: {_reasons(error)}") from error
    except (AttributeError, KeyError, TypeError, ValueError, struct.error) as error:
        # What KServe's decoder raises for malformed JSON and for binary tensors that do not fit.
        raise InvalidInput(f"the body is not a V2 inference request: {error!r}") from error


def encode_response(response: InferResponse) -> Response:
    """Return a V2 response as JSON, or with binary tensors if the request asked for them."""
    if response._use_binary_outputs or response._requested_outputs:
        body, json_length = response.to_rest()
        if json_length is not None:
            headers = {INFERENCE_CONTENT_LENGTH_HEADER: str(json_length)}
            return Response(body, headers=headers, media_type=BINARY)
        return Response(orjson.dumps(body), media_type=JSON)
    body = {
        "id": response.id,
        "model_name": response.model_name,
        "model_version": response.model_version,
        "parameters": response.parameters,
        "outputs": [
            {"name": o.name, "shape": o.shape, "datatype": o.datatype, "data": o.data}
            for o in response.outputs
        ],
    }
    return Response(orjson.dumps(body), media_type=JSON)


def _from_json(body: _Body, model_name: str) -> InferRequest:
    inputs = [
        InferInput(i.name, i.shape, i.datatype, data=i.data, parameters=i.parameters)
        for i in body.inputs
    ]
    outputs = [RequestedOutput(o.name, o.parameters) for o in body.outputs or ()]
    return InferRequest(
        model_name, inputs, body.id, parameters=body.parameters, request_outputs=outputs or None
    )


def _reasons(error: ValidationError) -> str:
    found = error.errors(include_url=False)[:MAX_REASONS]
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in found)
