"""Changing what is served while it is being asked."""

import asyncio
from collections import Counter

import aiohttp
import numpy as np
import pytest
from kserve import InferenceGRPCClient, InferInput, InferRequest

from platform_core.open_inference import tensors_from_batch
from platform_core.storage import release_path

SWAPS = 8
CALLERS = 6


@pytest.fixture
def home(stage):
    return stage.home


@pytest.fixture
def iris(stage):
    return stage.iris


@pytest.fixture
def first(home, iris, server):
    """The first release of iris, deployed and loaded, before the test and after it."""
    home.point("iris", iris[0].id)
    assert server.load("iris").status_code == 200
    yield iris[0]
    home.point("iris", iris[0].id)
    assert server.load("iris").status_code == 200


class Traffic:
    """Callers that ask until they are told to stop, and remember who answered what."""

    def __init__(self, server, batch) -> None:
        self.server = server
        self.batch = batch
        self.stopped = False
        self.answers: list[tuple[str, list[float]]] = []

    async def rest(self, session: aiohttp.ClientSession) -> None:
        url = f"{self.server.url}/v2/models/iris/infer"
        body = {"inputs": tensors_from_batch(self.batch)}
        while not self.stopped:
            async with session.post(url, json=body) as response:
                assert response.status == 200, await response.text()
                answer = await response.json()
            values = answer["outputs"][0]["data"]
            self.answers.append((answer["parameters"]["release_id"], values))

    async def grpc(self, client: InferenceGRPCClient) -> None:
        while not self.stopped:
            inputs = [
                InferInput(t["name"], t["shape"], t["datatype"], t["data"])
                for t in tensors_from_batch(self.batch)
            ]
            answer = await client.infer(InferRequest("iris", inputs))
            release = answer.parameters["release_id"].string_param
            self.answers.append((release, answer.outputs[0].data))

    async def while_doing(self, action) -> None:
        async with (
            aiohttp.ClientSession() as session,
            InferenceGRPCClient(self.server.grpc, timeout=30) as client,
        ):
            callers = [asyncio.create_task(self.rest(session)) for _ in range(CALLERS)]
            callers.append(asyncio.create_task(self.grpc(client)))
            await action(session)
            self.stopped = True
            await asyncio.gather(*callers)


async def test_no_request_fails_and_each_answer_is_of_the_release_it_names(
    home, server, iris, first, records, offline
):
    batch = records("iris", 2)
    expected = {r.id: offline(r, batch).probabilities.ravel() for r in iris}
    assert np.abs(expected[iris[0].id] - expected[iris[1].id]).max() > 1e-3
    traffic = Traffic(server, batch)

    async def swap(session: aiohttp.ClientSession) -> None:
        for number in range(SWAPS):
            seen = len(traffic.answers)
            home.point("iris", iris[(number + 1) % 2].id)
            url = f"{server.url}/v2/repository/models/iris/load"
            async with session.post(url) as response:
                assert response.status == 200, await response.text()
            while len(traffic.answers) < seen + 2 * CALLERS:
                await asyncio.sleep(0)

    await traffic.while_doing(swap)

    for release_id, values in traffic.answers:
        np.testing.assert_allclose(values, expected[release_id], atol=1e-6)
    assert min(Counter(release for release, _ in traffic.answers).values()) >= CALLERS
    assert server.serves("iris") == iris[0].id


async def test_use_cases_do_not_disturb_one_another(server, first, records, outputs):
    before = outputs(server.infer("spam", records("spam", 2)).json())

    assert server.post("/v2/repository/models/iris/unload").status_code == 200

    assert outputs(server.infer("spam", records("spam", 2)).json()) == before


def corrupt(home, release):
    path = f"{release_path('iris', release.id)}/model/iris/1/model.onnx"
    home.store.write(path, home.store.read(path)[:-1])


def alter(home, release):
    path = f"{release_path('iris', release.id)}/release.json"
    home.store.write(path, home.store.read(path).replace(b"argmax", b"threshold"))


@pytest.mark.parametrize(
    ("damage", "reason"), [(corrupt, "does not hash"), (alter, "altered after it was built")]
)
def test_a_damaged_release_is_refused_and_the_old_one_answers(
    home, server, first, make_release, records, damage, reason
):
    before = server.infer("iris", records("iris", 1), id="same").content
    damaged = make_release(home.store, "iris", 2)
    damage(home, damaged)
    home.point("iris", damaged.id)

    answer = server.load("iris")

    assert answer.status_code == 409
    assert reason in answer.json()["error"]
    assert server.serves("iris") == first.id
    assert server.infer("iris", records("iris", 1), id="same").content == before


def test_a_release_that_is_not_there_is_not_found_and_the_old_one_answers(home, server, first):
    home.point("iris", "0" * 32)

    answer = server.load("iris")

    assert answer.status_code == 404
    assert "no release 0000" in answer.json()["error"]
    assert server.serves("iris") == first.id


def test_an_unreadable_pointer_is_refused_and_the_old_one_answers(home, server, first):
    home.pointer("iris").write_text("{")

    answer = server.load("iris")

    assert answer.status_code == 409
    assert "iris.json is unreadable" in answer.json()["error"]
    assert server.serves("iris") == first.id


def test_an_unloaded_model_is_gone_until_it_is_loaded(server, first, records):
    assert server.post("/v2/repository/models/iris/unload").json() == {
        "name": "iris",
        "unload": True,
    }

    assert server.get("/v2/models/iris").status_code == 404
    assert server.infer("iris", records("iris", 1)).status_code == 404
    assert server.post("/v2/repository/models/iris/unload").status_code == 404
    assert server.load("iris").json() == {"name": "iris", "load": True}
    assert server.infer("iris", records("iris", 1)).status_code == 200


def test_what_was_never_deployed_cannot_be_loaded(server):
    answer = server.load("churn")

    assert answer.status_code == 404
    assert "no release of 'churn' is deployed" in answer.json()["error"]
