"""Requests whose answers are known beforehand, sent while something is done to the servers."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa
from fault_http import Caller, Reply, request

from platform_core.contracts.environments import Environment
from scoring import Release, Scorer
from use_cases import use_case

TOLERANCE = 1e-4
OK = 200
CLIENTS = 6
SOME = 5
REFUSALS = (429, 503)
PAUSE_SECONDS = 0.02
BATCH = 8
USE_CASE = "spam"
PLACES = tuple(Environment)


class Answers:
    """What each release answers to each mail, computed without any server."""

    def __init__(self, mails: pa.RecordBatch, entities: pa.RecordBatch) -> None:
        self.rows = mails.to_pylist()
        self._mails = mails
        self._entities = entities
        self._known: dict[tuple[str, bool], list[float]] = {}

    def learn(self, release: Release) -> None:
        """Compute the answers of a release, with what Feast knows of the senders and without."""
        scorer = Scorer(release, use_case(USE_CASE))
        for degraded, entities in ((False, self._entities), (True, None)):
            scores = scorer.score(self._mails, entities)
            spam = scorer.manifest.classes.index("spam")
            self._known[release.id, degraded] = scores.probabilities[:, spam].tolist()

    def learn_as(self, release_id: str, same: str) -> None:
        """Expect of a release what another one answers."""
        for degraded in (False, True):
            self._known[release_id, degraded] = self._known[same, degraded]

    def trouble(self, row: int, answer: Mapping[str, Any], environment: Environment) -> str | None:
        """Return what is wrong with an answer to mail `row`, `None` when it is right."""
        known = self._known.get((answer.get("release_id"), answer.get("degraded")))
        if known is None:
            return f"an unknown release answered: {str(answer)[:200]}"
        fits = (
            answer["email_id"] == self.rows[row]["email_id"]
            and answer["environment"] == environment.value
            and abs(answer["probabilities"]["spam"] - known[row]) < TOLERANCE
        )
        return None if fits else f"mail {row} should have {known[row]:.6f}: {str(answer)[:300]}"


@dataclass(frozen=True)
class Sent:
    """One request and its fate; times in seconds of `time.monotonic`.

    `predictions` are the ids it was answered with, each with the release that it names.
    """

    request_id: str
    environment: Environment
    start: float
    end: float
    status: int
    predictions: tuple[tuple[str, str], ...] = ()
    degraded: bool = False


@dataclass
class Traffic:
    """All that was sent; `wrong` says what no caller should ever have seen."""

    port: int
    key: str
    answers: Answers
    name: str
    pause: float = PAUSE_SECONDS
    sent: list[Sent] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    counter: Iterator[int] = field(default_factory=itertools.count)

    @property
    def good(self) -> list[Sent]:
        """The requests that were answered."""
        return [one for one in self.sent if one.status == OK]

    async def ask(self, caller: Caller, environment: Environment, rows: Sequence[int]) -> Sent:
        """Send mails `rows`, more than one as a batch, and judge the answer."""
        number = f"{self.name}-{next(self.counter)}"
        mails = [self.answers.rows[row] for row in rows]
        path = "/predict" if len(rows) == 1 else "/predict/batch-sync"
        body = orjson.dumps(mails[0] if len(rows) == 1 else {"emails": mails})
        headers = {"X_Environment": environment.value, "X_Request_ID": number}
        message = request("POST", path, self.key, body, **headers)
        start = time.monotonic()
        reply = await caller.ask(message)
        sent = self._judge(number, environment, rows, start, reply)
        self.sent.append(sent)
        return sent

    async def loop(self, environment: Environment, rows: Iterable[Sequence[int]]) -> None:
        """Ask for `rows`, each when the answer to the one before is there."""
        caller = Caller(self.port)
        try:
            for some in rows:
                sent = await self.ask(caller, environment, some)
                await asyncio.sleep(self.pause if sent.status == OK else PAUSE_SECONDS)
        finally:
            caller.close()

    async def answered(self, seconds: float, places: Sequence[Environment] = PLACES) -> float:
        """Wait until each of `places` has answered `SOME` new requests; return how long it took.

        Raises:
            TimeoutError: it took more than `seconds`.
        """
        begin, seen = time.monotonic(), len(self.sent)
        async with asyncio.timeout(seconds):
            while not all(self._fresh(seen, place, begin) for place in places):
                await asyncio.sleep(PAUSE_SECONDS)
        return max(self._fresh(seen, place, begin)[0].end for place in places) - begin

    def _fresh(self, seen: int, place: Environment, begin: float) -> list[Sent]:
        new = (one for one in self.sent[seen:] if one.start >= begin)
        found = [one for one in new if one.status == OK and one.environment == place]
        return found if len(found) >= SOME else []

    def _judge(
        self,
        number: str,
        environment: Environment,
        rows: Sequence[int],
        start: float,
        reply: Reply,
    ) -> Sent:
        end = time.monotonic()
        if reply.status != OK:
            self._judge_refusal(reply)
            return Sent(number, environment, start, end, reply.status)
        document = orjson.loads(reply.body)
        entries = document["predictions"] if len(rows) > 1 else [document]
        releases = frozenset(entry.get("release_id", "none") for entry in entries)
        found = [
            self.answers.trouble(r, e, environment) for r, e in zip(rows, entries, strict=True)
        ]
        found.append(f"one answer of several releases: {releases}" if len(releases) > 1 else None)
        self.wrong += [trouble for trouble in found if trouble]
        ids = tuple((e["prediction_id"], e["release_id"]) for e in entries if "release_id" in e)
        degraded = any(entry.get("degraded") for entry in entries)
        return Sent(number, environment, start, end, reply.status, ids, degraded)

    def _judge_refusal(self, reply: Reply) -> None:
        if reply.status == 0:
            self.refusals[f"no connection ({reply.body.decode():.60})"] += 1
            return
        problem = orjson.loads(reply.body) if reply.body[:1] == b"{" else {}
        why = f"{problem.get('code', '')} ({problem.get('detail', ''):.90})"
        self.refusals[f"{reply.status} {why}"] += 1
        if reply.status not in REFUSALS:
            self.wrong.append(f"{reply.status}: {reply.body[:200]!r}")
        elif "retry-after" not in reply.headers:
            self.wrong.append(f"{reply.status} without Retry-After")


def mixed(rows: int) -> Iterator[Sequence[int]]:
    """Yield single mails and now and then a batch, for ever."""
    for number in itertools.count():
        start = number % rows
        yield [start] if number % SOME else [(start + step) % rows for step in range(BATCH)]


@asynccontextmanager
async def flowing(
    traffic: Traffic,
    clients: int = CLIENTS,
    batches: bool = True,
    places: Sequence[Environment] = PLACES,
) -> AsyncIterator[None]:
    """Let `clients` callers ask while the block runs; their last requests are waited for."""
    stop = asyncio.Event()

    def until_stopped() -> Iterator[Sequence[int]]:
        every = mixed(len(traffic.answers.rows))
        rows = every if batches else (some[:1] for some in every)
        yield from itertools.takewhile(lambda _: not stop.is_set(), rows)

    tasks = [
        asyncio.create_task(traffic.loop(places[number % len(places)], until_stopped()))
        for number in range(clients)
    ]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)
