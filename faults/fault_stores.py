"""Blob store and online store that refuse, dawdle or are not there."""

import asyncio
from collections.abc import Awaitable, Callable

from fault_drill import Outcome, drill, undegraded
from fault_proxy import NONE, Fault
from fault_stand import Stand
from fault_traffic import PLACES

# What Azure adds to a request to say who asks; one letter more, and it is somebody else.
SIGNATURE = (b"SharedKey devstoreaccount1:", b"SharedKey devstoreaccount1:x")
CALLS = 3
# Longer than a segment stays open, so that uploads meet the fault.
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


def blobs(name: str) -> Callable[[Stand], Awaitable[Outcome]]:
    """Return a drill in which the blob store has a fault: answers go on, records wait on disk."""

    async def run_it(stand: Stand) -> Outcome:
        async with drill(stand, name) as run:
            run.broken()
            stand.blobs.misbehave(BLOB_FAULTS[name])
            before = stand.blobs.calls
            try:
                await asyncio.sleep(HOLD_SECONDS)
                await run.until(lambda: stand.blobs.calls >= before + CALLS, "calls to the store")
                await run.settle()
            finally:
                stand.blobs.misbehave(NONE)
            await run.recovered()
        run.outcome.require(run.outcome.refused == 0, "requests were refused")
        return run.outcome

    return run_it


def online(name: str) -> Callable[[Stand], Awaitable[Outcome]]:
    """Return a drill in which the online store has a fault: answers go on, degraded."""

    async def run_it(stand: Stand) -> Outcome:
        async with drill(stand, name) as run:
            run.broken()
            stand.online.misbehave(ONLINE_FAULTS[name])
            try:
                for place in PLACES:
                    await run.until(lambda p=place: _degraded(run.traffic.good, p), "degraded")
                await run.settle()
            finally:
                stand.online.misbehave(NONE)
            await undegraded(run)
        degraded = sum(sent.degraded for sent in run.traffic.good)
        run.outcome.notes.append(f"{degraded} answers degraded")
        run.outcome.require(run.outcome.refused == 0, "requests were refused")
        return run.outcome

    return run_it


def _degraded(sent: list, place: str) -> bool:
    return any(one.degraded and one.environment == place for one in sent)
