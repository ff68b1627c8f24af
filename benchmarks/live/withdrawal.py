"""How soon a bad canary is withdrawn, what callers see of it, and that a good one is not."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from bench_report import median, met_or_missed, note, say, table

from live.callers import Answer, Caller, calling
from live.slower import slower_release
from live.stack import SPAM, LiveStack
from platform_core.contracts.environments import Environment
from platform_core.errors import Conflict
from platform_core.testing.trials import WITHDRAW, wrong_label

PER_SECOND, PERCENT = 50, 10
SECONDS, ANSWERS = 60, 300
RUNS, QUICK_RUNS = 5, 1
BEGIN_SECONDS, LAST_SECONDS = 60, 120
LABEL_SECONDS = 0.2
ERRORS = 0.05


@dataclass(frozen=True)
class Candidate:
    """A canary: `wrong` calls all its answers wrong, `failing` is the share of its calls that fail.

    All other labels say that the answer is right.
    """

    name: str
    release: str
    wrong: bool = False
    failing: float = 0.0
    bad: bool = True


@dataclass(frozen=True)
class CanaryRun:
    """The trial of a canary at PER_SECOND requests/s.

    `seconds` is the time from its first response to its last one, `calls` counts the failed ones
    too. `reason` says why it was withdrawn, "" if it was not within LAST_SECONDS, or within SECONDS
    if it is good.
    """

    seconds: float
    calls: int
    failed_calls: int
    reason: str
    canary: Sequence[Answer]
    stable: Sequence[Answer]
    failures: Counter[str]

    def meets(self, candidate: Candidate) -> bool:
        """Return whether a bad canary was withdrawn in time, or a good one was not."""
        if not candidate.bad:
            return not self.reason and not self.failures
        in_time = self.seconds <= SECONDS and self.calls <= ANSWERS
        return bool(self.reason) and in_time and not self.failures


def measure(stack: LiveStack, quick: bool) -> bool:
    """Begin canaries in staging, bad ones and a good one, and let the policy decide."""
    stack = replace(stack, environment=Environment.STAGING)
    stack.set_policy(WITHDRAW)
    candidates = (
        Candidate("inverted answers", stack.first, wrong=True),
        Candidate("5 % errors", stack.first, failing=ERRORS),
        Candidate("2 x latency", slower_release(stack)),
        Candidate("equally good", stack.first, bad=False),
    )
    trials: dict[Candidate, list[CanaryRun]] = {one: [] for one in candidates}
    for number in range(QUICK_RUNS if quick else RUNS):
        for candidate, each in trials.items():
            trial = _trial(stack, candidate)
            each.append(trial)
            say(f"  {number + 1}, {candidate.name}: {trial.seconds:.1f} s, {trial.calls} calls, "
                f"{trial.reason or 'not withdrawn'}")  # fmt: skip
    _report(trials)
    return all(one.meets(candidate) for candidate, each in trials.items() for one in each)


def _trial(stack: LiveStack, candidate: Candidate) -> CanaryRun:
    caller, refused = Caller(stack, PER_SECOND), stack.errors.refused
    labels = _Labels(stack, caller, candidate.release if candidate.wrong else "")
    failing: AbstractContextManager[None] = nullcontext()
    if candidate.failing:
        failing = stack.errors.failing(candidate.failing)
    with calling([caller]):
        stack.change("canary", release_id=candidate.release, percent=PERCENT)
        with failing:  # from now on, so that no check of the deployment fails
            for _ in labels.sent_for(BEGIN_SECONDS):
                if _has_canary(stack) and caller.of(candidate.release):
                    break
            for _ in labels.sent_for(LAST_SECONDS if candidate.bad else SECONDS):
                if not _has_canary(stack):
                    break
            reason = "" if _has_canary(stack) else _reason(stack)
    if not reason:
        stack.apply_and_wait("abort")
    canary = caller.of(candidate.release)
    if not canary:
        raise Conflict(f"the canary answered nothing: {dict(caller.failures)}")
    failed = stack.errors.refused - refused
    return CanaryRun(
        seconds=canary[-1].sent - canary[0].sent,
        calls=len(canary) + failed,
        failed_calls=failed,
        reason=reason,
        canary=canary,
        stable=[one for one in caller.of(stack.second) if one.sent > canary[0].sent],
        failures=caller.failures,
    )


def _has_canary(stack: LiveStack) -> bool:
    """Return whether the gateway routes requests to a canary."""
    return stack.client.releases.states()[SPAM.name][stack.environment].state.canary is not None


def _reason(stack: LiveStack) -> str:
    """Return why the policy ended the canary, with what it measured."""
    newest = next(iter(stack.client.changes.list(use_case=SPAM.name))).request
    criteria = {one["name"]: one for one in newest.evidence.get("criteria", [])}
    _, _, names = newest.reason.partition(": ")
    if newest.action != "abort" or not names:
        raise Conflict(f"the canary was ended by {newest.action}: {newest.reason}")
    return ", ".join(f"{name} {criteria[name]['estimate']:+.2f}" for name in names.split(", "))


def _report(trials: dict[Candidate, list[CanaryRun]]) -> None:
    rows: list[list[object]] = []
    for candidate, each in trials.items():
        calls, seconds = [one.calls for one in each], [one.seconds for one in each]
        withdrawn = sum(bool(one.reason) for one in each)
        met = all(one.meets(candidate) for one in each)
        figures = [median(calls), max(calls), median(seconds), max(seconds)]
        rows.append([candidate.name, f"{withdrawn} of {len(each)}", *figures, met_or_missed(met)])
    header = ["canary", "withdrawn", "calls, median", "calls, max", "s, median", "s, max"]
    limits = f"<= {ANSWERS} and <= {SECONDS} s, or never"
    title = f"canaries of {PERCENT} % at {PER_SECOND} requests/s, labels within a second"
    table(title, [*header, limits], rows)
    note("s: from the first response of a canary to its last one; calls: those to the canary")
    for candidate, each in trials.items():
        reasons = [one.reason for one in each if one.reason]
        if reasons:
            note(f"{candidate.name} was withdrawn for: {'; '.join(reasons)}")
    _report_callers(trials)


def _report_callers(trials: dict[Candidate, list[CanaryRun]]) -> None:
    """Print what callers saw from the first response of a canary on."""
    rows: list[list[object]] = []
    for candidate, each in trials.items():
        failures = sum((one.failures for one in each), Counter[str]())
        requests = sum(len(one.canary) + len(one.stable) for one in each) + failures.total()
        retried = sum(one.failed_calls for one in each)
        canary = _milliseconds(answer for one in each for answer in one.canary)
        stable = _milliseconds(answer for one in each for answer in one.stable)
        rows.append([candidate.name, requests, failures.total(), retried, *canary, *stable])
    header = ["canary", "requests", "failed", "answered by stable instead"]
    parts = [f"{part}, {which} ms" for part in ("canary", "stable") for which in ("p50", "p95")]
    table("what callers saw while the canary answered", [*header, *parts], rows)


def _milliseconds(answers: Iterable[Answer]) -> list[float]:
    """Return the median and the 95th percentile of what callers waited."""
    return [float(p) for p in np.percentile([one.seconds * 1000 for one in answers], (50, 95))]


class _Labels:
    """Calls the answers of the release `wrong` wrong and all others right, within a second."""

    def __init__(self, stack: LiveStack, caller: Caller, wrong: str) -> None:
        self._stack, self._caller, self._wrong = stack, caller, wrong
        self._sent = 0

    def sent_for(self, seconds: float) -> Iterator[None]:
        """Yield after labels were sent, again and again for a time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._send()
            yield
            time.sleep(LABEL_SECONDS)

    def _send(self) -> None:
        """Send the labels of the answers since the last call.

        Raises:
            Conflict: the gateway rejects one.
        """
        new = self._caller.answers[self._sent :]
        self._sent += len(new)
        if not new:
            return
        labels = [
            {"prediction_id": one.document["prediction_id"], "label": self._label(one.document)}
            for one in new
        ]
        rejected = self._stack.client.feedback_many(labels, use_case=SPAM.name).rejected
        if rejected:
            raise Conflict(f"labels are rejected: {rejected[0].detail}")

    def _label(self, answer: dict[str, Any]) -> str:
        predicted = str(answer["prediction"])
        if answer["release_id"] != self._wrong:
            return predicted
        return wrong_label(SPAM.classes, predicted)
