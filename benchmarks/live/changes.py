"""Changes of the serving state under load: how long they take, and what callers see."""

import time
from collections import Counter
from typing import Any

from bench_report import median, met_or_missed, note, say, table

from live.callers import Caller, calling
from live.stack import LiveStack

CALLERS = 6
ROUNDS, QUICK_ROUNDS = 5, 1
PROMPT_SECONDS = 2.0
PROMPT = ("promote", "rollback")
"""These start no server, so they are done within two seconds."""


def measure(stack: LiveStack, quick: bool) -> bool:
    """Begin and end canaries and shadows, promote and roll back, while callers are answered."""
    callers = [Caller(stack) for _ in range(CALLERS)]
    seconds: dict[str, list[float]] = {}
    last: dict[str, list[float]] = {name: [] for name in PROMPT}

    def timed(title: str, action: str, old: str = "", **given: Any) -> None:
        start = time.perf_counter()
        seconds.setdefault(title, []).append(stack.change(action, **given))
        if old:
            time.sleep(2 * PROMPT_SECONDS)
            sent = [one.sent for caller in callers for one in caller.of(old)]
            last[action].append(max(0.0, max(sent) - start))

    with calling(callers):
        for number in range(QUICK_ROUNDS if quick else ROUNDS):
            timed("canary of 10 %", "canary", release_id=stack.second, percent=10)
            timed("canary of 50 %", "canary", release_id=stack.second, percent=50)
            timed("promote", "promote", stack.first)
            timed("rollback", "rollback", stack.second)
            timed("shadow", "shadow", release_id=stack.second)
            timed("abort", "abort")
            say(f"  round {number + 1} of the changes done")
    rows = [
        [title, median(each), max(each), max(last[title]) if title in last else "-"]
        for title, each in seconds.items()
    ]
    header = ["change", "s, median", "s, max", "last request the old release answers, s, max"]
    table(f"changes under load, {CALLERS} callers", header, rows)
    failures = sum((caller.failures for caller in callers), Counter())
    answers = sum(len(caller.answers) for caller in callers)
    note(f"{answers + failures.total():,} requests; failed: {dict(failures) or 'none'}")
    late = max(max(each) for each in last.values())
    met = late <= PROMPT_SECONDS
    note(f"promote and rollback within {PROMPT_SECONDS:g} s, as callers see it: {late:.2f} s at "
         f"most, {met_or_missed(met)}")  # fmt: skip
    return met and answers > 0 and not failures
