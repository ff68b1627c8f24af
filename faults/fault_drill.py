"""One fault from beginning to end: load, the fault, recovery, and the books."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from fault_stand import KEYS, Stand
from fault_traffic import CLIENTS, OK, PLACES, Traffic, flowing

from platform_core.contracts.environments import Environment

RECOVERY_SECONDS = 90
SHOWN = 3


@dataclass
class Outcome:
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
        """Fail the fault unless `holds`; `what` says what should have been."""
        if not holds:
            self.failures.append(what)


@dataclass
class Drill:
    """A fault that is under way; `outcome` is complete when the block of `drill` has ended."""

    stand: Stand
    traffic: Traffic
    outcome: Outcome
    _broken: float = 0.0

    async def settle(self, places: Sequence[Environment] = PLACES) -> None:
        """Let `places` answer for a while: the fault shall hit running traffic."""
        await self.traffic.answered(RECOVERY_SECONDS, places)

    async def until(self, condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
        """Wait until `condition` holds, which may block; fail the fault when it does not."""
        deadline = time.monotonic() + seconds
        while not await asyncio.to_thread(condition):
            if time.monotonic() > deadline:
                self.outcome.failures.append(f"not within {seconds:g} s: {what}")
                return
            await asyncio.sleep(0.1)

    async def during(self, action: Callable[[], Any]) -> Any:
        """Run something that blocks, and return its result; the traffic goes on."""
        return await asyncio.to_thread(action)

    def broken(self) -> None:
        """Note that the fault begins now."""
        self._broken = time.monotonic()

    async def recovered(self, places: Sequence[Environment] = PLACES) -> None:
        """Wait until all `places` answer, and note how long after the fault that was."""
        try:
            await self.traffic.answered(RECOVERY_SECONDS, places)
        except TimeoutError:
            self.outcome.failures.append(f"no recovery within {RECOVERY_SECONDS} s")
        else:
            self.outcome.recovery = time.monotonic() - self._broken

    def refusals(self, environment: Environment, since: float = 0.0) -> int:
        """Return how many requests to an environment were refused."""
        sent = self.traffic.sent
        return sum(
            s.status != OK and s.environment == environment and s.start >= since for s in sent
        )


@asynccontextmanager
async def drill(
    stand: Stand, name: str, extra: int = 0, clients: int = CLIENTS, port: int | None = None
) -> AsyncIterator[Drill]:
    """Load the stand while the block runs; then compare answers and records.

    `extra` records may be there beyond the answers: the requests in flight at a kill of the
    gateway, a batch of them at most.
    """
    traffic = Traffic(port or stand.port, KEYS["load"], stand.answers, name)
    running = Drill(stand, traffic, Outcome(name))
    async with flowing(traffic, clients):
        await running.settle()
        yield running
    await asyncio.to_thread(balance, stand, traffic, running.outcome, extra)


def balance(stand: Stand, traffic: Traffic, outcome: Outcome, extra: int = 0) -> None:
    """Complete an outcome: every answer has exactly one record, nothing was wrong."""
    count(traffic, outcome)
    stand.flush()
    records = stand.logged(traffic.name)
    given = [answer for sent in traffic.good for answer in sent.predictions]
    outcome.expected = len(given)
    outcome.found = sum(len(records.get(prediction, ())) for prediction, _ in given)
    outcome.extra = sum(map(len, records.values())) - outcome.found
    outcome.require(len(dict(given)) == len(given), "a prediction id was given twice")
    lost = sum(prediction not in records for prediction, _ in given)
    outcome.require(lost == 0, f"{lost} answers have no record")
    doubled = sum(len(releases) > 1 for releases in records.values())
    outcome.require(doubled == 0, f"{doubled} answers have more than one record")
    mixed_up = sum(records.get(p, [release])[0] != release for p, release in given)
    outcome.require(mixed_up == 0, f"{mixed_up} records name another release than the answer")
    outcome.require(outcome.extra <= extra, f"{outcome.extra} records without an answer")


def count(traffic: Traffic, outcome: Outcome) -> None:
    """Count what was answered and how; nothing may be wrong."""
    good = traffic.good
    outcome.answered, outcome.refused = len(good), len(traffic.sent) - len(good)
    outcome.wrong = len(traffic.wrong)
    if traffic.refusals:
        reasons = traffic.refusals.most_common(SHOWN)
        outcome.notes.append("refused: " + ", ".join(f"{n} x {why}" for why, n in reasons))
    outcome.failures += [f"wrong: {trouble}" for trouble in traffic.wrong[:SHOWN]]
    outcome.require(outcome.answered > 0, "nothing was answered")
    ends = sorted(sent.end for sent in good)
    gaps = [later - earlier for earlier, later in pairwise(ends)]
    outcome.gap = max(gaps, default=None)


async def undegraded(run: Drill) -> None:
    """Wait until no place is degraded any more."""
    for _ in range(100):
        seen = len(run.traffic.sent)
        await run.recovered()
        if not any(sent.degraded for sent in run.traffic.sent[seen:]):
            return
    run.outcome.failures.append("answers are degraded although the online store is back")
