"""Callers of an environment in threads of their own, and what they are answered."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import httpx

from live.stack import KEY, LiveStack, mails

TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """The answer to one request: when it was sent, how long it took, and its JSON document."""

    sent: float
    seconds: float
    document: dict[str, Any]


@dataclass
class Caller:
    """Sends one request after the other, at most `rate` a second; `failures` are the others."""

    stack: LiveStack
    rate: float | None = None
    answers: list[Answer] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)

    def run(self, stop: threading.Event) -> None:
        """Send until `stop`."""
        headers = {"X-API-Key": KEY, "X-Environment": self.stack.environment.value}
        url = f"{self.stack.platform.settings['GATEWAY_URL']}/predict"
        start = time.perf_counter()
        with httpx.Client(headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            for number, mail in enumerate(cycle(mails(200))):
                due = start + number / self.rate - time.perf_counter() if self.rate else 0.0
                if stop.wait(max(0.0, due)):
                    return
                sent = time.perf_counter()
                try:
                    answer = client.post(url, json=mail | {"email_id": f"mail {number}"})
                except httpx.HTTPError as error:
                    self.failures[type(error).__name__] += 1
                    continue
                if answer.is_success:
                    seconds = time.perf_counter() - sent
                    self.answers.append(Answer(sent, seconds, answer.json()))
                else:
                    self.failures[str(answer.status_code)] += 1

    def of(self, release_id: str) -> list[Answer]:
        """Return the answers of a release."""
        return [one for one in list(self.answers) if one.document["release_id"] == release_id]


@contextmanager
def calling(callers: Sequence[Caller]) -> Iterator[None]:
    """Run callers until the block ends; what broke one of them off is raised."""
    stop = threading.Event()
    with ThreadPoolExecutor(len(callers)) as pool:
        running = [pool.submit(caller.run, stop) for caller in callers]
        try:
            yield
        finally:
            stop.set()
        for one in running:
            one.result()
