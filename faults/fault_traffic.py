"""Requests with known predictions, sent during a fault."""

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
from fault_http import Connection, Response, request

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
ENVIRONMENTS = tuple(Environment)


class ExpectedPredictions:
    """The predictions of each release for each mail, computed without a server."""

    def __init__(self, mails: pa.RecordBatch, entities: pa.RecordBatch) -> None:
        self.rows = mails.to_pylist()
        self._mails = mails
        self._entities = entities
        self._known: dict[tuple[str, bool], list[float]] = {}

    def add(self, release: Release) -> None:
        """Compute the predictions of a release, with and without entity features."""
        scorer = Scorer(release, use_case(USE_CASE))
        for degraded, entities in ((False, self._entities), (True, None)):
            scores = scorer.score(self._mails, entities)
            spam = scorer.manifest.classes.index("spam")
            self._known[release.id, degraded] = scores.probabilities[:, spam].tolist()

    def expect_same(self, release_id: str, same: str) -> None:
        """Expect the predictions of release `same` from another release."""
        for degraded in (False, True):
            self._known[release_id, degraded] = self._known[same, degraded]

    def problem(self, row: int, answer: Mapping[str, Any], environment: Environment) -> str | None:
        """Return what is wrong with a response for mail `row`, `None` if it is correct."""
        known = self._known.get((answer.get("release_id"), answer.get("degraded")))
        if known is None:
            return f"response of an unknown release: {str(answer)[:200]}"
        correct = (
            answer["email_id"] == self.rows[row]["email_id"]
            and answer["environment"] == environment.value
            and abs(answer["probabilities"]["spam"] - known[row]) < TOLERANCE
        )
        return None if correct else f"mail {row} should have {known[row]:.6f}: {str(answer)[:300]}"


@dataclass(frozen=True)
class SentRequest:
    """One request and its result; times are seconds of `time.monotonic`.

    `predictions` are the ids in the response, each with its release, `classes` what was predicted.
    """

    request_id: str
    environment: Environment
    start: float
    end: float
    status: int
    predictions: tuple[tuple[str, str], ...] = ()
    degraded: bool = False
    classes: tuple[str, ...] = ()


@dataclass
class Traffic:
    """The requests that were sent; `wrong` lists incorrect responses."""

    port: int
    key: str
    answers: ExpectedPredictions
    name: str
    pause: float = PAUSE_SECONDS
    sent: list[SentRequest] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    counter: Iterator[int] = field(default_factory=itertools.count)

    @property
    def good(self) -> list[SentRequest]:
        """The requests with status 200."""
        return [one for one in self.sent if one.status == OK]

    async def send(
        self, connection: Connection, environment: Environment, rows: Sequence[int]
    ) -> SentRequest:
        """Send mails `rows`, several as a batch, and check the response."""
        number = f"{self.name}-{next(self.counter)}"
        mails = [self.answers.rows[row] for row in rows]
        path = "/predict" if len(rows) == 1 else "/predict/batch-sync"
        body = orjson.dumps(mails[0] if len(rows) == 1 else {"emails": mails})
        headers = {"X_Environment": environment.value, "X_Request_ID": number}
        message = request("POST", path, self.key, body, **headers)
        start = time.monotonic()
        response = await connection.send(message)
        sent = self._check(number, environment, rows, start, response)
        self.sent.append(sent)
        return sent

    async def loop(self, environment: Environment, rows: Iterable[Sequence[int]]) -> None:
        """Send `rows` one after the other."""
        connection = Connection(self.port)
        try:
            for some in rows:
                sent = await self.send(connection, environment, some)
                await asyncio.sleep(self.pause if sent.status == OK else PAUSE_SECONDS)
        finally:
            connection.close()

    async def answered(
        self, seconds: float, environments: Sequence[Environment] = ENVIRONMENTS
    ) -> float:
        """Wait until each of `environments` has answered `SOME` new requests; return the seconds.

        Raises:
            TimeoutError: it took more than `seconds`.
        """
        begin, seen = time.monotonic(), len(self.sent)
        try:
            async with asyncio.timeout(seconds):
                while not all(self._fresh(seen, env, begin) for env in environments):
                    await asyncio.sleep(PAUSE_SECONDS)
        except TimeoutError as error:
            silent = [env.value for env in environments if not self._fresh(seen, env, begin)]
            statuses = dict(Counter(one.status for one in self.sent[seen:]))
            raise TimeoutError(
                f"{' and '.join(silent)} did not answer {SOME} requests within {seconds:g} s; "
                f"requests by status: {statuses}"
            ) from error
        return (
            max(self._fresh(seen, environment, begin)[0].end for environment in environments)
            - begin
        )

    def _fresh(self, seen: int, environment: Environment, begin: float) -> list[SentRequest]:
        new = (one for one in self.sent[seen:] if one.start >= begin)
        found = [one for one in new if one.status == OK and one.environment == environment]
        return found if len(found) >= SOME else []

    def _check(
        self,
        number: str,
        environment: Environment,
        rows: Sequence[int],
        start: float,
        response: Response,
    ) -> SentRequest:
        end = time.monotonic()
        if response.status != OK:
            self._check_refusal(response)
            return SentRequest(number, environment, start, end, response.status)
        document = orjson.loads(response.body)
        entries = document["predictions"] if len(rows) > 1 else [document]
        releases = frozenset(entry.get("release_id", "none") for entry in entries)
        found = [
            self.answers.problem(r, e, environment) for r, e in zip(rows, entries, strict=True)
        ]
        found.append(f"one response of several releases: {releases}" if len(releases) > 1 else None)
        self.wrong += [problem for problem in found if problem]
        ids = tuple((e["prediction_id"], e["release_id"]) for e in entries if "release_id" in e)
        degraded = any(entry.get("degraded") for entry in entries)
        classes = tuple(e["prediction"] for e in entries if "release_id" in e)
        return SentRequest(number, environment, start, end, response.status, ids, degraded, classes)

    def _check_refusal(self, response: Response) -> None:
        if response.status == 0:
            self.refusals[f"no connection ({response.body.decode():.60})"] += 1
            return
        problem = orjson.loads(response.body) if response.body[:1] == b"{" else {}
        why = f"{problem.get('code', '')} ({problem.get('detail', ''):.90})"
        self.refusals[f"{response.status} {why}"] += 1
        if response.status not in REFUSALS:
            self.wrong.append(f"{response.status}: {response.body[:200]!r}")
        elif "retry-after" not in response.headers:
            self.wrong.append(f"{response.status} without Retry-After")


def mixed(rows: int) -> Iterator[Sequence[int]]:
    """Yield single mails and occasional batches without end."""
    for number in itertools.count():
        start = number % rows
        yield [start] if number % SOME else [(start + step) % rows for step in range(BATCH)]


@asynccontextmanager
async def background_traffic(
    traffic: Traffic,
    clients: int = CLIENTS,
    batches: bool = True,
    environments: Sequence[Environment] = ENVIRONMENTS,
) -> AsyncIterator[None]:
    """Send requests from `clients` clients while the block runs, and wait for the last ones."""
    stop = asyncio.Event()

    def until_stopped() -> Iterator[Sequence[int]]:
        every = mixed(len(traffic.answers.rows))
        rows = every if batches else (some[:1] for some in every)
        yield from itertools.takewhile(lambda _: not stop.is_set(), rows)

    tasks = [
        asyncio.create_task(traffic.loop(environments[number % len(environments)], until_stopped()))
        for number in range(clients)
    ]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)
