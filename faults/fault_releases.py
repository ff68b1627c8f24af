"""Releases that misbehave, and a good one that comes while everybody asks."""

import asyncio
import time

import onnx
from fault_drill import Drill, Outcome, drill
from fault_http import Caller
from fault_proxy import NONE, Fault
from fault_stand import Stand
from fault_traffic import USE_CASE
from onnx import TensorProto, helper, numpy_helper

from platform_core.contracts.environments import Environment
from platform_core.errors import ReleaseRefused
from platform_core.open_inference import PROBABILITIES
from platform_core.storage import release_path
from scoring.testing import make_release, train
from use_cases import use_case

STAGING, PRODUCTION = Environment.STAGING, Environment.PRODUCTION
MANY = 100
SWAPS, QUICK_SWAPS = 10, 4
TRUNCATED_SEED = 2
AT_ONCE_SECONDS = 0.1
OPEN_SECONDS = 8


async def wrong_shape(stand: Stand) -> Outcome:
    """Serve a release whose graph answers more rows than its golden records with too few."""
    good = stand.releases[0]
    limit = use_case(USE_CASE).golden_records().num_rows
    model = _forgetful(train(USE_CASE, 0), limit)
    bad = make_release(stand.store, USE_CASE, 0, feature_view_version="v1", model=model)
    stand.answers.learn_as(bad.id, good.id)
    rows = [number % len(stand.answers.rows) for number in range(MANY)]
    async with drill(stand, "release-wrong-shape") as run:
        await run.during(lambda: stand.deploy(bad.id))
        run.broken()
        caller = Caller(stand.port)
        replies = [await run.traffic.ask(caller, STAGING, rows) for _ in range(10)]
        caller.close()
        await run.settle()
        await run.during(lambda: stand.deploy(good.id))
        await run.recovered()
    refused = {reply.status for reply in replies} == {503}
    run.outcome.require(refused, "answers of the wrong shape were not all refused")
    run.outcome.require(run.outcome.refused == len(replies), "other requests were refused too")
    return run.outcome


async def slow(stand: Stand) -> Outcome:
    """Let staging take 5 s an answer: its circuit opens, production does not notice."""
    async with drill(stand, "release-slow") as run:
        run.broken()
        stand.slow.misbehave(Fault(seconds=5))
        began, calls = time.monotonic(), stand.slow.calls
        await asyncio.sleep(OPEN_SECONDS)
        calls = stand.slow.calls - calls
        stand.slow.misbehave(NONE)
        await run.recovered()
    late = [s for s in run.traffic.sent if s.start > began and s.environment == STAGING]
    at_once = sum(s.status == 503 and s.end - s.start < AT_ONCE_SECONDS for s in late)  # noqa: PLR2004
    run.outcome.require(at_once > calls, "callers were left to wait for a service that is known")
    run.outcome.require(run.refusals(PRODUCTION) == 0, "production was disturbed")
    run.outcome.notes.append(f"{at_once} refused at once, {calls} calls reached the slow service")
    return run.outcome


async def truncated(stand: Stand) -> Outcome:
    """Deploy a release whose graph was cut off: it is refused, the old one answers on."""
    release = make_release(stand.store, USE_CASE, TRUNCATED_SEED, feature_view_version="v1")
    path = f"{release_path(USE_CASE, release.id)}/model/{USE_CASE}/1/model.onnx"
    stand.store.write(path, stand.store.read(path)[:-100])

    def refused() -> bool:
        try:
            stand.deploy(release.id)
        except ReleaseRefused:
            return True
        return False

    async with drill(stand, "release-truncated") as run:
        run.broken()
        run.outcome.require(await run.during(refused), "it was taken")
        await run.recovered()
    run.outcome.require(run.outcome.refused == 0, "requests were refused")
    return run.outcome


async def deployment(stand: Stand) -> Outcome:
    """Deploy one release after the other: no request fails, each answer is of one release."""
    first, second = (release.id for release in stand.releases)
    async with drill(stand, "deployment-under-load") as run:
        run.broken()
        for number in range(QUICK_SWAPS if stand.quick else SWAPS):
            release = first if number % 2 else second
            place = list(Environment)[number // 2 % 2]
            await run.during(lambda r=release, p=place: stand.deploy(r, p))
            await run.settle()
        await run.recovered()
    _require_both(run, {first, second})
    run.outcome.require(run.outcome.refused == 0, "requests were refused")
    return run.outcome


def _require_both(run: Drill, releases: set[str]) -> None:
    answered = {release for sent in run.traffic.good for _, release in sent.predictions}
    run.outcome.require(answered == releases, f"answers of {answered}, deployed were {releases}")


def _forgetful(model: bytes, rows: int) -> bytes:
    """Return the graph with its probabilities cut after `rows` rows."""
    graph = onnx.load_from_string(model)
    for node in graph.graph.node:
        node.output[:] = ["all_of_them" if o == PROBABILITIES else o for o in node.output]
        node.input[:] = ["all_of_them" if i == PROBABILITIES else i for i in node.input]
    for name, value in (("cut_starts", 0), ("cut_ends", rows), ("cut_axes", 0)):
        tensor = helper.make_tensor(name, TensorProto.INT64, [1], [value])
        graph.graph.initializer.append(numpy_helper.from_array(numpy_helper.to_array(tensor), name))
    names = ["all_of_them", "cut_starts", "cut_ends", "cut_axes"]
    graph.graph.node.append(helper.make_node("Slice", names, [PROBABILITIES], "cut"))
    return graph.SerializeToString()
