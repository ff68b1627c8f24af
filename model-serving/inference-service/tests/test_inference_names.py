"""Several releases of a use case side by side: each under its own name, one as the stable one."""

import asyncio
import json
from contextlib import asynccontextmanager

import aiohttp
import grpc
import pytest
from kserve import InferenceGRPCClient, InferInput, InferRequest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from platform_core.contracts.serving_state import model_name
from platform_core.open_inference import tensors_from_batch
from use_cases import use_case

SWAPS = 6


@pytest.fixture
def iris(stage):
    return stage.iris


@pytest.fixture
def names(stage, server, iris):
    """Both releases under their own names, the first one also as the stable one."""
    names = [stage.home.pin("iris", release.id) for release in iris]
    stage.home.point("iris", iris[0].id)
    for name in (*names, "iris"):
        assert server.load(name).status_code == 200
    yield names
    stage.home.point("iris", iris[0].id)
    assert server.load("iris").status_code == 200
    for name in names:
        stage.home.pointer(name).unlink(missing_ok=True)
        server.unload(name)


class Rest:
    """The V2 calls over REST; an answer is a model name, a release and probabilities."""

    def __init__(self, server) -> None:
        self._server = server

    async def infer(self, name, batch):
        answer = self._server.infer(name, batch)
        if answer.status_code != 200:
            return answer.status_code
        document = answer.json()
        values = document["outputs"][0]["data"]
        return document["model_name"], document["parameters"]["release_id"], values

    async def metadata(self, name):
        document = self._server.get(f"/v2/models/{name}").json()
        return document["name"], document["versions"]

    async def is_ready(self, name):
        return self._server.get(f"/v2/models/{name}/ready").status_code == 200

    async def load(self, name):
        return self._server.load(name).json() == {"name": name, "load": True}

    async def unload(self, name):
        return self._server.unload(name).json() == {"name": name, "unload": True}


class Grpc:
    """The same calls over gRPC."""

    def __init__(self, client, stub) -> None:
        self._client = client
        self._stub = stub

    async def infer(self, name, batch):
        inputs = [
            InferInput(t["name"], t["shape"], t["datatype"], t["data"])
            for t in tensors_from_batch(batch)
        ]
        try:
            answer = await self._client.infer(InferRequest(name, inputs))
        except grpc.RpcError as error:
            return {grpc.StatusCode.NOT_FOUND: 404}[error.code()]
        release = answer.parameters["release_id"].string_param
        return answer.model_name, release, answer.outputs[0].data

    async def metadata(self, name):
        document = await self._stub.ModelMetadata(messages.ModelMetadataRequest(name=name))
        return document.name, list(document.versions)

    async def is_ready(self, name):
        try:
            return await self._client.is_model_ready(name)
        except grpc.RpcError:
            return False

    async def load(self, name):
        request = messages.RepositoryModelLoadRequest(model_name=name)
        return (await self._stub.RepositoryModelLoad(request)).isLoaded

    async def unload(self, name):
        request = messages.RepositoryModelUnloadRequest(model_name=name)
        return (await self._stub.RepositoryModelUnload(request)).isUnloaded


@asynccontextmanager
async def grpc_calls(server):
    async with (
        InferenceGRPCClient(server.grpc, timeout=30) as client,
        grpc.aio.insecure_channel(server.grpc) as channel,
    ):
        yield Grpc(client, GRPCInferenceServiceStub(channel))


@pytest.fixture(params=["rest", "grpc"])
async def calls(request, server):
    if request.param == "rest":
        yield Rest(server)
        return
    async with grpc_calls(server) as calls:
        yield calls


async def test_each_name_answers_with_its_release(calls, names, iris, offline):
    batch = use_case("iris").golden_records().slice(0, 3)
    for name, release in zip((*names, "iris"), (*iris, iris[0]), strict=True):
        answer = await calls.infer(name, batch)

        assert answer[:2] == (name, release.id)
        expected = offline(release, batch).probabilities.ravel()
        assert answer[2] == pytest.approx(expected.tolist(), abs=1e-6)
        assert await calls.metadata(name) == (name, [release.id])
        assert await calls.is_ready(name)


async def test_the_stable_name_moves_and_the_others_stay(calls, names, iris, stage):
    batch = use_case("iris").golden_records().slice(0, 1)
    stage.home.point("iris", iris[1].id)
    assert await calls.load("iris")

    answers = [await calls.infer(name, batch) for name in (*names, "iris")]

    assert [answer[1] for answer in answers] == [iris[0].id, iris[1].id, iris[1].id]


async def test_a_name_that_is_unloaded_is_gone_and_comes_back(calls, names, iris):
    batch = use_case("iris").golden_records().slice(0, 1)
    assert await calls.unload(names[1])

    assert await calls.infer(names[1], batch) == 404
    assert not await calls.is_ready(names[1])
    assert (await calls.infer("iris", batch))[1] == iris[0].id
    assert await calls.load(names[1])
    assert (await calls.infer(names[1], batch))[1] == iris[1].id


async def test_the_stable_release_answers_under_its_own_name_without_a_pointer_of_it(
    calls, names, iris, stage
):
    for name in names:
        stage.home.pointer(name).unlink()
        assert await calls.unload(name)
    batch = use_case("iris").golden_records().slice(0, 1)

    assert (await calls.infer(names[0], batch))[:2] == (names[0], iris[0].id)
    assert await calls.infer(names[1], batch) == 404


def test_metrics_are_counted_by_use_case(server, names):
    batch = use_case("iris").golden_records().slice(0, 1)
    server.infer(names[1], batch)

    metrics = server.get("/metrics").text

    assert 'request_predict_seconds_count{model_name="iris"}' in metrics
    assert names[1] not in metrics


async def test_promotion_of_a_loaded_release_under_load_mixes_and_fails_nothing(
    server, names, iris, stage
):
    body = json.dumps({"inputs": tensors_from_batch(use_case("iris").golden_records())})
    url, stopped, failures, answers = f"{server.url}/v2/models", False, [], set()

    async def ask(session, name):
        while not stopped:
            async with session.post(f"{url}/{name}/infer", data=body) as response:
                document = await response.json()
                if response.status != 200:
                    failures.append(document)
                else:
                    answers.add((name, document["parameters"]["release_id"]))

    async with aiohttp.ClientSession() as session:
        callers = [asyncio.create_task(ask(session, name)) for name in (*names, "iris", "iris")]
        for number in range(SWAPS):
            stage.home.point("iris", iris[(number + 1) % 2].id)
            load = f"{server.url}/v2/repository/models/iris/load"
            async with session.post(load) as response:
                assert response.status == 200
        stopped = True
        await asyncio.gather(*callers)

    assert failures == []
    pinned = {(name, release) for name, release in answers if name != "iris"}
    assert pinned == {(model_name("iris", r.id), r.id) for r in iris}
