"""Blob store and online store that refuse, are slow or are unavailable."""

import asyncio
from collections.abc import Awaitable, Callable

from fault_drill import FaultOutcome, drill, undegraded
from fault_proxy import NO_FAULT, Fault
from fault_testbed import Testbed
from fault_traffic import ENVIRONMENTS

# The account name in the signature of a request; the additional letter makes it invalid.
SIGNATURE = (b"SharedKey devstoreaccount1:", b"SharedKey devstoreaccount1:x")
CALLS = 3
# Longer than a segment stays open, so that uploads occur during the fault.
HOLD_SECONDS = 4
BLOB_FAULTS = {
    "blob-store-500": Fault(status=500),
    "blob-store-503": Fault(status=503),
    "blob-store-429": Fault(status=429),
    "blob-store-slow": Fault(seconds=2),
    "blob-store-full": Fault(status=507),
    "blob-store-wrong-credentials": Fault(spoil=SIGNATURE),
}
ONLINE_FAULTS = {
    "redis-slow": Fault(seconds=2),
    "redis-silent": Fault(silent=True),
    "redis-gone": Fault(gone=True),
}


def blobs(name: str) -> Callable[[Testbed], Awaitable[FaultOutcome]]:
    """Return a drill with a faulty blob store: predictions continue, records wait on disk."""

    async def run_it(testbed: Testbed) -> FaultOutcome:
        async with drill(testbed, name) as run:
            run.broken()
            testbed.blobs.inject(BLOB_FAULTS[name])
            before = testbed.blobs.calls
            try:
                await asyncio.sleep(HOLD_SECONDS)
                await run.until(lambda: testbed.blobs.calls >= before + CALLS, "calls to the store")
                await run.settle()
            finally:
                testbed.blobs.inject(NO_FAULT)
            await run.recovered()
        run.outcome.require(run.outcome.refused == 0, "requests were refused")
        return run.outcome

    return run_it


def online(name: str) -> Callable[[Testbed], Awaitable[FaultOutcome]]:
    """Return a drill with a faulty online store: predictions continue, degraded."""

    async def run_it(testbed: Testbed) -> FaultOutcome:
        async with drill(testbed, name) as run:
            run.broken()
            testbed.online.inject(ONLINE_FAULTS[name])
            try:
                for environment in ENVIRONMENTS:
                    await run.until(
                        lambda e=environment: _degraded(run.traffic.good, e), "degraded"
                    )
                await run.settle()
            finally:
                testbed.online.inject(NO_FAULT)
            await undegraded(run)
        degraded = sum(sent.degraded for sent in run.traffic.good)
        run.outcome.notes.append(f"{degraded} degraded predictions")
        run.outcome.require(run.outcome.refused == 0, "requests were refused")
        return run.outcome

    return run_it


def _degraded(sent: list, environment: str) -> bool:
    return any(one.degraded and one.environment == environment for one in sent)
