"""`kill -9` at each step of a change, and faults of verdicts and labels."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from fault_drill import Drill, FaultOutcome, drill
from fault_live import (
    STAGING,
    against,
    apply,
    controllers,
    disagreements,
    ended,
    labelled,
    recorded,
    request_change,
    seconds_since,
    true_label,
)
from fault_proxy import NO_FAULT, Fault
from fault_spool import HOUR_BACK, fake_clock
from fault_testbed import Server, Testbed
from fault_traffic import CLIENTS, USE_CASE

from platform_core.clock import SystemClock
from platform_core.contracts.ledger import Action, ChangeStatus
from platform_core.ledger import Ledger
from platform_core.testing.trials import HOLD, WITHDRAW

STEPS = ("taken", "requested", "verifying", "starting", "smoke test", "applied")
"""How the text of each step begins; `applied` is after the last one."""
QUICK_STEPS = ("starting", "applied")
CANARY_PERCENT = 50
WITHDRAWN_SECONDS, AGREE_SECONDS = 90, 60
HOLD_SECONDS = 4
Killed = Callable[[Testbed, Server], Server]
Faulty = Callable[[Testbed], Awaitable[FaultOutcome]]


def kills(
    name: str, action: Action, killed: Killed
) -> Callable[[Testbed], Awaitable[FaultOutcome]]:
    """Return a fault: a program is killed at each step of a change that begins a trial.

    `killed` chooses the program, of the testbed and the controller.
    """

    async def run_it(testbed: Testbed) -> FaultOutcome:
        steps = QUICK_STEPS if testbed.quick else STEPS
        with controllers(testbed, HOLD) as (controller,):
            extra = CLIENTS * len(steps) if name.startswith("kill-gateway") else 0
            async with drill(testbed, name, extra=extra, batches=False) as run:
                run.broken()
                for step in steps:
                    await _kill_at(run, killed(testbed, controller), step, action)
                await run.recovered()
        run.outcome.notes.append(f"{len(steps)} kills")
        return run.outcome

    return run_it


async def _kill_at(run: Drill, server: Server, step: str, action: Action) -> None:
    """Kill a server when a change has begun `step`, and see what becomes of the change."""
    testbed = run.testbed
    percent = CANARY_PERCENT if action is Action.CANARY else None
    change_id = await run.during(partial(request_change, testbed, action, percent))
    await run.until(lambda: _reached(testbed, change_id, step), f"the step {step}")
    await run.during(server.kill)
    await run.during(server.restart)
    status = await ended(run, change_id)
    run.outcome.require(status is ChangeStatus.APPLIED, f"{action} was {status} after {step}")
    await _agrees(run)
    await run.settle()
    await apply(run, Action.ABORT)
    await _agrees(run)


def _reached(testbed: Testbed, change_id: str, step: str) -> bool:
    change = recorded(testbed, change_id)
    begun = any(one.text.startswith(step) for one in change.steps)
    return begun or change.result is not None


async def _agrees(run: Drill) -> None:
    await run.until(
        lambda: not disagreements(run.testbed), "ledger and servers agree", AGREE_SECONDS
    )


async def two_policies(testbed: Testbed) -> FaultOutcome:
    """Let two controllers judge and withdraw the same bad canary: it is withdrawn once."""
    with controllers(testbed, WITHDRAW, number=2):
        async with drill(testbed, "two-policies", batches=False) as run:
            run.broken()
            await _bad_canary(run)
            await run.recovered()
    entries = Ledger(testbed.store, SystemClock()).entries(USE_CASE, STAGING)
    begun = max(e.sequence for e in entries if e.change.action is Action.CANARY)
    after = [e.change for e in entries if e.sequence > begun]
    aborts = [one.status for one in after if one.action is Action.ABORT]
    run.outcome.require(aborts == [ChangeStatus.APPLIED], f"the canary's end is {aborts}")
    run.outcome.require(run.outcome.refused == 0, "requests were refused")
    return run.outcome


async def slow_verdict(testbed: Testbed) -> FaultOutcome:
    """Slow the blob store down while a verdict is due: it comes late, and requests do not wait."""

    async def slow() -> None:
        await asyncio.sleep(HOLD_SECONDS)
        testbed.blobs.inject(Fault(seconds=2))
        await asyncio.sleep(2 * HOLD_SECONDS)
        testbed.blobs.inject(NO_FAULT)

    with controllers(testbed, WITHDRAW):
        async with drill(testbed, "blob-store-slow-verdict", batches=False) as run:
            run.broken()
            await _bad_canary(run, slow)
            await run.recovered()
    run.outcome.require(run.outcome.refused == 0, "requests were refused")
    return run.outcome


async def _bad_canary(run: Drill, disturb: Callable[[], Awaitable[None]] | None = None) -> None:
    """Begin a canary whose answers are all wrong, and wait until the policy has ended it."""
    testbed, begin = run.testbed, time.monotonic()
    async with labelled(run, against(testbed.releases[1].id)) as labels:
        await apply(run, Action.CANARY, CANARY_PERCENT)
        disturbing = asyncio.create_task(disturb()) if disturb else None
        state = partial(Ledger(testbed.store, SystemClock()).state, USE_CASE, STAGING)
        await run.until(
            lambda: state().canary is None, "the canary is withdrawn", WITHDRAWN_SECONDS
        )
        run.outcome.notes.append(f"withdrawn after {seconds_since(begin)}")
        if disturbing:
            await disturbing
    await _agrees(run)
    await run.during(testbed.flush)
    await run.during(partial(labels.check, run.outcome))


async def clock_back(testbed: Testbed) -> FaultOutcome:
    """Set the gateway's clock back an hour during a canary; then end it.

    The controller keeps its clock: libfaketime 0.9.10 makes `time.sleep` of Python 3.11 fail.
    """
    name = "clock-back-in-a-canary"
    fake = fake_clock(testbed, name)
    if isinstance(fake, FaultOutcome):
        return fake
    file, settings = fake
    with testbed.another_gateway(**settings), controllers(testbed, HOLD):
        async with drill(testbed, name, batches=False) as run, labelled(run, true_label) as labels:
            await apply(run, Action.CANARY, CANARY_PERCENT)
            run.broken()
            file.write_text(HOUR_BACK)
            await asyncio.sleep(HOLD_SECONDS)
            await run.recovered()
            await _agrees(run)
            await apply(run, Action.ABORT)
            await _agrees(run)
        await run.during(testbed.flush)
        await run.during(partial(labels.check, run.outcome))
    run.outcome.require(run.outcome.refused == 0, "requests were refused")
    return run.outcome


async def label_store_full(testbed: Testbed) -> FaultOutcome:
    """Fill the blob store while labels arrive: they wait on disk, none is refused or lost."""
    async with drill(testbed, "label-store-full") as run:
        async with labelled(run, true_label) as labels:
            run.broken()
            testbed.blobs.inject(Fault(status=507))
            try:
                await asyncio.sleep(HOLD_SECONDS)
                before = len(labels.stored)
                await run.until(lambda: len(labels.stored) > before, "labels are taken")
            finally:
                testbed.blobs.inject(NO_FAULT)
            await run.recovered()
        await run.during(testbed.flush)
        await run.during(partial(labels.check, run.outcome))
    run.outcome.require(labels.refused == 0, "labels were refused")
    run.outcome.require(run.outcome.refused == 0, "requests were refused")
    return run.outcome


async def index_deleted(testbed: Testbed) -> FaultOutcome:
    """Delete the record index under load: it is built again, and no label is lost."""
    async with drill(testbed, "index-deleted") as run:
        async with labelled(run, true_label) as labels:
            run.broken()
            for _ in range(3):
                with suppress(FileNotFoundError):  # not built again yet
                    (testbed.home / "records.db").unlink()
                before = len(labels.stored)
                await run.until(lambda n=before: len(labels.stored) > n, "labels are taken")
                await run.settle()
            await run.recovered()
        await run.during(testbed.flush)
        await run.during(partial(labels.check, run.outcome))
    run.outcome.require(run.outcome.refused == 0, "requests were refused")
    return run.outcome


FAULTS = {
    "kill-controller-in-a-change": kills(
        "kill-controller-in-a-change", Action.CANARY, lambda _, controller: controller
    ),
    "kill-gateway-in-a-change": kills(
        "kill-gateway-in-a-change", Action.CANARY, lambda testbed, _: testbed.servers["gateway"]
    ),
    "kill-canary-in-a-change": kills(
        "kill-canary-in-a-change", Action.CANARY, lambda testbed, _: testbed.servers["candidates"]
    ),
    "kill-shadow-in-a-change": kills(
        "kill-shadow-in-a-change", Action.SHADOW, lambda testbed, _: testbed.servers["candidates"]
    ),
    "two-policies": two_policies,
    "blob-store-slow-verdict": slow_verdict,
    "clock-back-in-a-canary": clock_back,
    "label-store-full": label_store_full,
    "index-deleted": index_deleted,
}
NOT_QUICK = {
    "two-policies",
    "index-deleted",
    "kill-gateway-in-a-change",
    "kill-canary-in-a-change",
    "kill-shadow-in-a-change",
    "blob-store-slow-verdict",
    "clock-back-in-a-canary",
}
