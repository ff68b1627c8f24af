"""The contract of V2 over gRPC, with KServe's own client."""

import grpc
import numpy as np
import pytest
from kserve import InferenceGRPCClient, InferInput, InferRequest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from platform_core.open_inference import tensors_from_batch
from use_cases import number_block, use_case


@pytest.fixture
async def client(server):
    async with InferenceGRPCClient(server.grpc, timeout=30) as client:
        yield client


@pytest.fixture
async def stub(server):
    async with grpc.aio.insecure_channel(server.grpc) as channel:
        yield GRPCInferenceServiceStub(channel)


def request_for(name, batch, raw, **parameters):
    inputs = []
    for tensor in tensors_from_batch(batch):
        infer_input = InferInput(tensor["name"], tensor["shape"], tensor["datatype"])
        if raw:
            kind = np.object_ if tensor["datatype"] == "BYTES" else np.float32
            infer_input.set_data_from_numpy(np.array(tensor["data"], kind))
        else:
            infer_input.data = tensor["data"]
        inputs.append(infer_input)
    return InferRequest(name, inputs, request_id="g", parameters=parameters or None)


@pytest.mark.parametrize("name", ["iris", "spam"])
@pytest.mark.parametrize("raw", [True, False])
async def test_answers_are_those_of_the_release(client, records, offline, stage, name, raw):
    release = {"iris": stage.iris[0], "spam": stage.spam}[name]
    batch = records(name, 4)
    expected = offline(release, batch)

    answer = await client.infer(request_for(name, batch, raw, return_features=True))

    probabilities = answer.get_output_by_name("probabilities").as_numpy()
    np.testing.assert_allclose(probabilities, expected.probabilities, atol=1e-6)
    predictions = answer.get_output_by_name("prediction").as_numpy().ravel().tolist()
    assert [p.decode() for p in predictions] == expected.predictions.to_pylist()
    assert answer.parameters["release_id"].string_param == release.id
    assert answer.parameters["degraded"].bool_param is False
    assert answer.model_version == ("3" if name == "spam" else release.id)
    (features,) = answer.outputs[2:]
    assert features.name == "features"
    np.testing.assert_allclose(features.as_numpy(), number_block(expected.features), atol=1e-6)


async def test_metadata_and_readiness(client, stub, stage):
    metadata = await stub.ModelMetadata(messages.ModelMetadataRequest(name="spam"))

    assert list(metadata.versions) == [stage.spam.id]
    assert [t.name for t in metadata.inputs] == use_case("spam").record_schema.names
    assert [list(t.shape) for t in metadata.outputs] == [[-1, 2], [-1]]
    assert await client.is_server_ready()
    assert await client.is_model_ready("spam")


async def test_models_are_loaded_and_unloaded(stub, client):
    loaded = await stub.RepositoryModelLoad(messages.RepositoryModelLoadRequest(model_name="iris"))
    assert loaded.isLoaded
    gone = await stub.RepositoryModelUnload(
        messages.RepositoryModelUnloadRequest(model_name="iris")
    )
    assert gone.isUnloaded
    with pytest.raises(grpc.RpcError) as refused:
        await client.is_model_ready("iris")
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    await stub.RepositoryModelLoad(messages.RepositoryModelLoadRequest(model_name="iris"))
    assert await client.is_model_ready("iris")


@pytest.mark.parametrize("shape", [[3], [4, 2]])
async def test_raw_bytes_that_do_not_fill_the_shape_are_refused(stub, records, shape):
    request = request_for("iris", records("iris", 4), raw=True).to_grpc()
    request.inputs[2].ClearField("shape")
    request.inputs[2].shape.extend(shape)

    with pytest.raises(grpc.RpcError) as refused:
        await stub.ModelInfer(request)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "petal_length" in refused.value.details()


async def test_text_that_is_not_utf8_is_refused(client, records):
    request = request_for("spam", records("spam", 1), raw=False)
    request.inputs[2].data = [b"\xff\xfe"]

    with pytest.raises(grpc.RpcError) as refused:
        await client.infer(request)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "'body' cannot be read" in refused.value.details()


async def test_a_missing_tensor_and_nan_are_refused(client, records):
    batch = records("iris", 1)
    nan = request_for("iris", batch, raw=False)
    nan.inputs[0].data = [float("nan")]
    short = request_for("iris", batch.select(batch.schema.names[1:]), raw=False)

    for request, reason in ((nan, "not finite"), (short, "'sepal_length' is missing")):
        with pytest.raises(grpc.RpcError) as refused:
            await client.infer(request)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert reason in refused.value.details()


async def test_an_unknown_model_is_not_found(client, records):
    with pytest.raises(grpc.RpcError) as refused:
        await client.infer(request_for("churn", records("iris", 1), raw=False))

    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_only_the_requested_outputs_are_returned(stub, records):
    request = request_for("iris", records("iris", 2), raw=False).to_grpc()
    request.outputs.add(name="prediction")

    answer = await stub.ModelInfer(request)

    assert [output.name for output in answer.outputs] == ["prediction"]


async def test_an_unknown_output_is_refused(stub, records):
    request = request_for("iris", records("iris", 2), raw=False).to_grpc()
    request.outputs.add(name="eggs")

    with pytest.raises(grpc.RpcError) as refused:
        await stub.ModelInfer(request)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "eggs" in refused.value.details()
