"""One fault from beginning to end: load, the fault, recovery, and the books."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from fault_testbed import KEYS, Testbed
from fault_traffic import CLIENTS, ENVIRONMENTS, OK, Traffic, background_traffic

from platform_core.contracts.environments import Environment
from platform_core.testing.processes import LOGS, log_tail

RECOVERY_SECONDS = 90
SHOWN = 3


@dataclass
class FaultOutcome:
    """What one fault came to; `failures` is empty when all is green."""

    name: str
    answered: int = 0
    refused: int = 0
    wrong: int = 0
    expected: int = 0
    found: int = 0
    extra: int = 0
    gap: float | None = None
    recovery: float | None = None
    notes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    skipped: str = ""

    def require(self, holds: bool, what: str) -> None:
        """Fail the fault with `what` unless `holds`."""
        if not holds:
            self.failures.append(what)


@dataclass
class Drill:
    """A fault in progress; `outcome` is complete when the block of `drill` has ended."""

    testbed: Testbed
    traffic: Traffic
    outcome: FaultOutcome
    _broken: float = 0.0

    async def settle(self, environments: Sequence[Environment] = ENVIRONMENTS) -> None:
        """Wait until `environments` have answered several requests."""
        await self.traffic.answered(RECOVERY_SECONDS, environments)

    async def until(self, condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
        """Wait until `condition`, which may block, holds; otherwise fail the fault."""
        deadline = time.monotonic() + seconds
        while not await asyncio.to_thread(condition):
            if time.monotonic() > deadline:
                self.outcome.failures.append(f"not within {seconds:g} s: {what}")
                return
            await asyncio.sleep(0.1)

    async def during(self, action: Callable[[], Any]) -> Any:
        """Run a blocking action while traffic continues, and return its result."""
        return await asyncio.to_thread(action)

    def broken(self) -> None:
        """Record the start of the fault."""
        self._broken = time.monotonic()

    async def recovered(self, environments: Sequence[Environment] = ENVIRONMENTS) -> None:
        """Wait until all `environments` answer, and record the time since the fault began."""
        try:
            await self.traffic.answered(RECOVERY_SECONDS, environments)
        except TimeoutError as error:
            self.outcome.failures.append(f"no recovery: {error}")
        else:
            self.outcome.recovery = time.monotonic() - self._broken

    def refusals(self, environment: Environment, since: float = 0.0) -> int:
        """Return the number of refused requests to an environment."""
        sent = self.traffic.sent
        return sum(
            s.status != OK and s.environment == environment and s.start >= since for s in sent
        )


@asynccontextmanager
async def drill(
    testbed: Testbed,
    name: str,
    extra: int = 0,
    clients: int = CLIENTS,
    port: int | None = None,
    batches: bool = True,
) -> AsyncIterator[Drill]:
    """Send traffic while the block runs; then compare predictions and records.

    `extra` records without a response are allowed: those of requests in flight when the gateway
    is killed. The records of a batch are routed one by one: while there is a canary, send none.
    """
    traffic = Traffic(port or testbed.port, KEYS["load"], testbed.answers, name)
    running = Drill(testbed, traffic, FaultOutcome(name))
    async with background_traffic(traffic, clients, batches):
        try:
            await running.settle()
            yield running
        except Exception as error:  # while the servers still run
            for server, log in LOGS.items():
                error.add_note(f"--- end of the log of {server}\n{log_tail(log)}")
            raise
    await asyncio.to_thread(check_records, testbed, traffic, running.outcome, extra)


def check_records(
    testbed: Testbed, traffic: Traffic, outcome: FaultOutcome, extra: int = 0
) -> None:
    """Complete an outcome: every prediction has exactly one record and is correct."""
    count(traffic, outcome)
    testbed.flush()
    records = testbed.logged(traffic.name)
    given = [answer for sent in traffic.good for answer in sent.predictions]
    outcome.expected = len(given)
    outcome.found = sum(len(records.get(prediction, ())) for prediction, _ in given)
    outcome.extra = sum(map(len, records.values())) - outcome.found
    outcome.require(len(dict(given)) == len(given), "a prediction id was used twice")
    lost = sum(prediction not in records for prediction, _ in given)
    outcome.require(lost == 0, f"{lost} predictions have no record")
    doubled = sum(len(releases) > 1 for releases in records.values())
    outcome.require(doubled == 0, f"{doubled} predictions have more than one record")
    mixed_up = sum(records.get(p, [release])[0] != release for p, release in given)
    outcome.require(
        mixed_up == 0, f"{mixed_up} records name a release other than that of the response"
    )
    outcome.require(outcome.extra <= extra, f"{outcome.extra} records without a response")


def count(traffic: Traffic, outcome: FaultOutcome) -> None:
    """Count the responses by kind; none may be wrong."""
    good = traffic.good
    outcome.answered, outcome.refused = len(good), len(traffic.sent) - len(good)
    outcome.wrong = len(traffic.wrong)
    if traffic.refusals:
        reasons = traffic.refusals.most_common(SHOWN)
        outcome.notes.append("refused: " + ", ".join(f"{n} x {why}" for why, n in reasons))
    outcome.failures += [f"wrong: {problem}" for problem in traffic.wrong[:SHOWN]]
    outcome.require(outcome.answered > 0, "no request was answered")
    ends = sorted(sent.end for sent in good)
    gaps = [later - earlier for earlier, later in pairwise(ends)]
    outcome.gap = max(gaps, default=None)


async def undegraded(run: Drill) -> None:
    """Wait until no prediction is degraded."""
    for _ in range(100):
        seen = len(run.traffic.sent)
        await run.recovered()
        if not any(sent.degraded for sent in run.traffic.sent[seen:]):
            return
    run.outcome.failures.append("predictions are degraded although the online store is available")
