"""Runs faults: `run.py [--quick] [fault …]`; default: all of them, in this order.

Exit 0 = all passed, 1 = a fault failed, 2 = usage error.
"""

import argparse
import asyncio
import logging
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

import fault_batch
import fault_changes
import fault_connections
import fault_console
import fault_fuzz
import fault_kills
import fault_monitor
import fault_overload
import fault_releases
import fault_spool
import fault_stores
import pytest
from fault_drill import FaultOutcome
from fault_report import header, row, say
from fault_testbed import Testbed

from platform_core.testing.machine import silence_telemetry

LIMIT_SECONDS = 300
"""Time-out of one fault."""
BUDGET_SECONDS, QUICK_BUDGET_SECONDS = 1200, 480
"""Time-out of all faults; those that have not run by then fail."""
FAILED = 1
Faulty = Callable[[Testbed], Awaitable[FaultOutcome]]
FAULTS: dict[str, Faulty] = {
    "kill-gateway": fault_kills.gateway,
    "kill-inference-service": fault_kills.inference_service,
    "kill-transformer": fault_kills.transformer,
    "kill-predictor": fault_kills.predictor,
    "kill-redis": fault_kills.redis,
    "kill-azurite": fault_kills.azurite,
    "kill-mlflow": fault_kills.mlflow,
    **{name: fault_stores.blobs(name) for name in fault_stores.BLOB_FAULTS},
    **{name: fault_stores.online(name) for name in fault_stores.ONLINE_FAULTS},
    "disk-full": fault_spool.disk_full,
    "torn-record": fault_spool.torn_record,
    "two-gateways-one-spool": fault_spool.second_gateway,
    "clock-back-an-hour": fault_spool.clock_back,
    "release-wrong-shape": fault_releases.wrong_shape,
    "release-slow": fault_releases.slow,
    "release-truncated": fault_releases.truncated,
    **fault_changes.FAULTS,
    fault_monitor.NAME: fault_monitor.monitor,
    fault_console.NAME: fault_console.sources,
    "overload": fault_overload.overload,
    "fairness-between-keys": fault_overload.fairness,
    "idle-and-slow-connections": fault_connections.connections,
    "deployment-under-load": fault_releases.deployment,
    "openapi-fuzz": fault_fuzz.fuzz,
    "kill-ray-head": fault_batch.ray_head,
    "kill-ray-worker": fault_batch.ray_worker,
}
# Faults that take long or resemble another one.
NOT_QUICK = fault_changes.NOT_QUICK | {
    fault_monitor.NAME,
    fault_console.NAME,
    "kill-predictor",
    "kill-mlflow",
    "blob-store-500",
    "blob-store-429",
    "blob-store-full",
    "redis-silent",
    "clock-back-an-hour",
    "release-truncated",
    "kill-ray-head",
    "kill-ray-worker",
}


def main() -> int:
    """Run the requested faults."""
    options = _options()
    logging.basicConfig(level=logging.ERROR)
    silence_telemetry()
    # SIGTERM must leave the context that stops the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(FAILED))
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as home, ExitStack() as stack:
        testbed = Testbed(Path(home), options.quick)
        testbed.build(stack)
        say(f"the servers are ready after {time.monotonic() - begin:.0f} s\n\n{header()}")
        names = options.faults or [n for n in FAULTS if not options.quick or n not in NOT_QUICK]
        budget = QUICK_BUDGET_SECONDS if options.quick else BUDGET_SECONDS
        outcomes = [_run_one(name, testbed, begin + budget) for name in names]
    bad = [outcome.name for outcome in outcomes if outcome.failures]
    say(f"\n{time.monotonic() - begin:.0f} s; {_verdict(bad, len(outcomes))}")
    return FAILED if bad else 0


def _run_one(name: str, testbed: Testbed, end: float) -> FaultOutcome:
    async def bounded() -> FaultOutcome:
        async with asyncio.timeout(min(LIMIT_SECONDS, max(0.0, end - time.monotonic()))):
            return await FAULTS[name](testbed)

    try:
        outcome = asyncio.run(bounded())
    except (Exception, pytest.fail.Exception) as error:  # continue with the other faults
        outcome = FaultOutcome(name, failures=[f"{type(error).__name__}: {error}"])
        traceback.print_exc()
    say(row(outcome))
    return outcome


def _verdict(bad: list[str], number: int) -> str:
    return f"failed: {', '.join(bad)}" if bad else f"all {number} passed"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faults", nargs="*", metavar="fault", help=", ".join(FAULTS))
    parser.add_argument("--quick", action="store_true", help="the short form for CI")
    options = parser.parse_args()
    if unknown := set(options.faults) - set(FAULTS):
        parser.error(f"there is no fault {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    sys.exit(main())
