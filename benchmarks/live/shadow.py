"""What a shadow of all requests costs the callers, and how many requests it is compared on."""

import httpx
import numpy as np
from bench_report import interleaved, median, met_or_missed, note, ratios, say, table
from serving.processes import LoadGenerator, load_generator
from serving.target import Load, Outcome

from live.stack import LiveStack
from platform_core.errors import Conflict

CLIENTS, CONNECTIONS = 16, 64
CAPACITY_SECONDS, SECONDS, QUICK_SECONDS = 6.0, 10.0, 5.0
ROUNDS, QUICK_ROUNDS = 12, 2
OFFERED = 0.3
P99_LIMIT, PAIRED_LIMIT = 1.05, 0.99
COUNTERS = ("gateway_shadow_answers", "gateway_shadow_dropped", "gateway_candidate_failures")


def measure(stack: LiveStack, quick: bool) -> bool:
    """Compare latencies at 30 % of the capacity with and without a shadow of every request.

    The programs use all cores. The capacity is that of requests that share calls; on one core,
    single requests at 30 % of it would already take nearly all of its time.
    """
    with load_generator() as generator:
        return _compare(stack, generator, quick)


def _compare(stack: LiveStack, generator: LoadGenerator, quick: bool) -> bool:
    target = stack.target()
    full = _check(generator.perform(Load(target, CLIENTS, CAPACITY_SECONDS)))
    rate = OFFERED * len(full.latencies) / full.seconds
    rounds, seconds = (QUICK_ROUNDS, QUICK_SECONDS) if quick else (ROUNDS, SECONDS)
    p99s: dict[str, list[float]] = {"without": [], "with": []}
    p50s: dict[str, list[float]] = {"without": [], "with": []}
    sent = 0
    before = stack.counters(*COUNTERS)
    for name in interleaved(list(p99s), rounds):
        if name == "with":
            stack.apply_and_wait("shadow", release_id=stack.second)
        outcome = _check(generator.perform(Load(target, CONNECTIONS, seconds, rate)))
        p50, p99 = np.percentile(outcome.latencies, (50, 99), method="nearest") * 1000
        p50s[name].append(float(p50))
        p99s[name].append(float(p99))
        if name == "with":
            sent += len(outcome.latencies)
            stack.apply_and_wait("abort")
        say(f"  {name} a shadow: p99 {p99:.1f} ms")
    answered, dropped, failed = np.subtract(stack.counters(*COUNTERS), before)
    rows = [[name, median(p50s[name]), median(p99s[name])] for name in p99s]
    both = (ratios(values["with"], values["without"]) for values in (p50s, p99s))
    rows.append(["with / without", *both])
    title = f"single requests at {rate:.0f}/s, 30 % of the capacity; medians of {rounds} rounds"
    table(title, ["shadow of all requests", "p50 ms", "p99 ms"], rows)
    paired = answered / sent
    note(f"paired {paired:.2%} of {sent:,} requests; {dropped:.0f} dropped, {failed:.0f} failed")
    ratio = median([a / b for a, b in zip(p99s["with"], p99s["without"], strict=True)])
    note(f"p99 <= {P99_LIMIT} x: {met_or_missed(ratio <= P99_LIMIT)} ({ratio:.2f})")
    note(f"paired >= {PAIRED_LIMIT:.0%}: {met_or_missed(paired >= PAIRED_LIMIT)}")
    return ratio <= P99_LIMIT and paired >= PAIRED_LIMIT


def _check(outcome: Outcome) -> Outcome:
    refused = [status for status in outcome.statuses if status != httpx.codes.OK]
    if outcome.error or refused or not outcome.latencies:
        raise Conflict(f"the load failed: {outcome.error or refused[:3]}")
    return outcome
