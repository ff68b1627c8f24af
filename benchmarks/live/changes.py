"""Changes of what serves under load: how long they take, and what callers see."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
from bench_report import median, note, say, table

from live.stack import ENVIRONMENT, KEY, LiveStack, mails

CLIENTS = 6
ROUNDS, QUICK_ROUNDS = 5, 1
PROMPT_SECONDS = 2.0
PROMPT = ("promote", "rollback")
"""These change no server, so they are done within two seconds."""


@dataclass
class Callers:
    """Clients that send one request after the other; `answers` are (sent, release)."""

    stack: LiveStack
    statuses: Counter[int] = field(default_factory=Counter)
    answers: list[tuple[float, str]] = field(default_factory=list)

    def run(self, stop: threading.Event) -> None:
        """Send until `stop`."""
        headers = {"X-API-Key": KEY, "X-Environment": ENVIRONMENT.value}
        url, rows = f"{self.stack.platform.settings['GATEWAY_URL']}/predict", mails(100)
        with httpx.Client(headers=headers, timeout=30, trust_env=False) as client:
            while not stop.is_set():
                for mail in rows:
                    sent = time.perf_counter()
                    answer = client.post(url, json=mail)
                    self.statuses[answer.status_code] += 1
                    if answer.is_success:
                        self.answers.append((sent, answer.json()["release_id"]))
                    if stop.is_set():
                        break

    def last_of(self, release_id: str, since: float) -> float:
        """Return when the last request that a release answered was sent, after `since`."""
        return max((t for t, one in self.answers if one == release_id and t >= since), default=0.0)


def changes(stack: LiveStack, quick: bool) -> bool:
    """Begin and end canaries and shadows, promote and roll back, while callers are answered."""
    callers, stop = Callers(stack), threading.Event()
    threads = [threading.Thread(target=callers.run, args=(stop,)) for _ in range(CLIENTS)]
    seconds: dict[str, list[float]] = {}
    seen: dict[str, list[float]] = {name: [] for name in PROMPT}

    def timed(title: str, action: str, old: str = "", **given: Any) -> None:
        start = time.perf_counter()
        seconds.setdefault(title, []).append(stack.change(action, **given))
        if old:
            time.sleep(1)
            seen[action].append(max(0.0, callers.last_of(old, start) - start))

    for thread in threads:
        thread.start()
    try:
        for number in range(QUICK_ROUNDS if quick else ROUNDS):
            timed("canary of 10 %", "canary", release_id=stack.second, percent=10)
            timed("canary of 50 %", "canary", release_id=stack.second, percent=50)
            timed("promote", "promote", stack.first)
            timed("rollback", "rollback", stack.second)
            timed("shadow", "shadow", release_id=stack.second)
            timed("abort", "abort")
            say(f"  round {number + 1} of the changes done")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    rows = [
        [title, median(each), max(each), *_seen(seen, title)] for title, each in seconds.items()
    ]
    header = ["change", "s, median", "s, most", "old release answers until s, most"]
    table(f"changes under load, {CLIENTS} clients", header, rows)
    failed = sum(n for status, n in callers.statuses.items() if status != httpx.codes.OK)
    note(f"{callers.statuses.total():,} requests, {failed} not answered with 200")
    late = max(max(each) for each in seen.values())
    note(
        f"promote and rollback within {PROMPT_SECONDS:g} s as callers see it: {late:.2f} s at most"
    )
    return failed == 0 and late <= PROMPT_SECONDS


def _seen(seen: dict[str, list[float]], title: str) -> list[object]:
    return [max(seen[title])] if title in seen else ["-"]
