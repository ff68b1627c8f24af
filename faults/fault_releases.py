"""Faulty releases, and deployments under load."""

import time

import onnx
from fault_drill import Drill, FaultOutcome, drill
from fault_http import Connection
from fault_proxy import NO_FAULT, Fault
from fault_testbed import Testbed
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
OPENS_SECONDS = 30


async def wrong_shape(testbed: Testbed) -> FaultOutcome:
    """Serve a release whose graph returns too few rows for more rows than its golden records."""
    good = testbed.releases[0]
    limit = use_case(USE_CASE).golden_records().num_rows
    model = _truncated_output(train(USE_CASE, 0), limit)
    bad = make_release(testbed.store, USE_CASE, 0, feature_view_version="v1", model=model)
    testbed.answers.expect_same(bad.id, good.id)
    rows = [number % len(testbed.answers.rows) for number in range(MANY)]
    async with drill(testbed, "release-wrong-shape") as run:
        await run.during(lambda: testbed.deploy(bad.id))
        run.broken()
        connection = Connection(testbed.port)
        responses = [await run.traffic.send(connection, STAGING, rows) for _ in range(10)]
        connection.close()
        await run.settle()
        await run.during(lambda: testbed.deploy(good.id))
        await run.recovered()
    refused = {response.status for response in responses} == {503}
    run.outcome.require(refused, "not all responses of the wrong shape were refused")
    run.outcome.require(run.outcome.refused == len(responses), "other requests were refused too")
    return run.outcome


async def slow(testbed: Testbed) -> FaultOutcome:
    """Let staging take 5 s per response: its circuit opens, production is unaffected."""
    async with drill(testbed, "release-slow") as run:
        run.broken()
        testbed.slow.inject(Fault(seconds=5))
        began, before = time.monotonic(), testbed.slow.calls

        def at_once() -> int:
            late = [s for s in run.traffic.sent if s.start > began and s.environment == STAGING]
            return sum(s.status == 503 and s.end - s.start < AT_ONCE_SECONDS for s in late)  # noqa: PLR2004

        def calls() -> int:
            return testbed.slow.calls - before

        # One call may carry the requests of several clients, so five failures take a while.
        what = "more requests are refused at once than calls are made"
        await run.until(lambda: at_once() > calls(), what, OPENS_SECONDS)
        refused, called = at_once(), calls()
        testbed.slow.inject(NO_FAULT)
        await run.recovered()
    run.outcome.require(run.refusals(PRODUCTION) == 0, "production was affected")
    run.outcome.notes.append(f"{refused} refused at once, {called} calls to the slow service")
    return run.outcome


async def truncated(testbed: Testbed) -> FaultOutcome:
    """Deploy a release with a truncated graph: it is refused, the old one keeps serving."""
    release = make_release(testbed.store, USE_CASE, TRUNCATED_SEED, feature_view_version="v1")
    path = f"{release_path(USE_CASE, release.id)}/model/{USE_CASE}/1/model.onnx"
    testbed.store.write(path, testbed.store.read(path)[:-100])

    def refused() -> bool:
        try:
            testbed.deploy(release.id)
        except ReleaseRefused:
            return True
        return False

    async with drill(testbed, "release-truncated") as run:
        run.broken()
        run.outcome.require(await run.during(refused), "the truncated release was accepted")
        await run.recovered()
    run.outcome.require(run.outcome.refused == 0, "requests were refused")
    return run.outcome


async def deployment(testbed: Testbed) -> FaultOutcome:
    """Deploy releases in turn: no request fails, and no response mixes two releases."""
    first, second = (release.id for release in testbed.releases)
    async with drill(testbed, "deployment-under-load") as run:
        run.broken()
        for number in range(QUICK_SWAPS if testbed.quick else SWAPS):
            release = first if number % 2 else second
            environment = list(Environment)[number // 2 % 2]
            await run.during(lambda r=release, p=environment: testbed.deploy(r, p))
            await run.settle()
        await run.recovered()
    _require_both(run, {first, second})
    run.outcome.require(run.outcome.refused == 0, "requests were refused")
    return run.outcome


def _require_both(run: Drill, releases: set[str]) -> None:
    answered = {release for sent in run.traffic.good for _, release in sent.predictions}
    run.outcome.require(answered == releases, f"responses of {answered}, expected {releases}")


def _truncated_output(model: bytes, rows: int) -> bytes:
    """Return the graph with its probabilities truncated after `rows` rows."""
    graph = onnx.load_from_string(model)
    for node in graph.graph.node:
        node.output[:] = ["all_rows" if o == PROBABILITIES else o for o in node.output]
        node.input[:] = ["all_rows" if i == PROBABILITIES else i for i in node.input]
    for name, value in (("cut_starts", 0), ("cut_ends", rows), ("cut_axes", 0)):
        tensor = helper.make_tensor(name, TensorProto.INT64, [1], [value])
        graph.graph.initializer.append(numpy_helper.from_array(numpy_helper.to_array(tensor), name))
    names = ["all_rows", "cut_starts", "cut_ends", "cut_axes"]
    graph.graph.node.append(helper.make_node("Slice", names, [PROBABILITIES], "cut"))
    return graph.SerializeToString()
