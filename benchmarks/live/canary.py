"""Which keys a canary answers, and how soon a bad one is withdrawn."""

import time
from collections.abc import Sequence
from typing import Any

from bench_report import met_or_missed, table

from live.callers import Caller, calling
from live.stack import ENVIRONMENT, SPAM, LiveStack, mails
from platform_core.errors import Conflict
from platform_core.testing.trials import WITHDRAW, wrong_label

KEYS, QUICK_KEYS, PIECE = 20_000, 4_000, 100
PERCENTS = (1, 10, 33, 50, 80)
POINTS = 1.0
PER_SECOND, BAD_PERCENT, LAST_SECONDS = 50, 10, 90
SECONDS, ANSWERS = 60, 300


def shares(stack: LiveStack, quick: bool) -> bool:
    """Send distinct keys at growing percents: the share fits, and no key returns to stable."""
    keys = QUICK_KEYS if quick else KEYS
    (mail,) = mails(1)
    records = [mail | {"email_id": f"key-{n}"} for n in range(keys)]
    before: set[str] = set()
    rows, met = [], True
    for percent in PERCENTS:
        stack.apply_and_wait("canary", release_id=stack.second, percent=percent)
        chosen = _canary_keys(stack, records)
        share, returned = 100 * len(chosen) / keys, len(before - chosen)
        fits = abs(share - percent) <= POINTS and not returned
        met &= fits
        rows.append([f"{percent} %", share, returned, met_or_missed(fits)])
        before = chosen
    stack.apply_and_wait("abort")
    header = ["canary", "% of the keys", "keys that returned to stable", f"within {POINTS:g} point"]
    table(f"{keys:,} distinct keys at each percent", header, rows)
    return met


def _canary_keys(stack: LiveStack, records: Sequence[dict]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(records), PIECE):
        body = {"emails": records[start : start + PIECE]}
        answer = stack.platform.answer("/predict/batch-sync", body, ENVIRONMENT)
        found |= {
            one["email_id"] for one in answer["predictions"] if one["release_id"] == stack.second
        }
    return found


class _Labels:
    """Calls the answers of one release wrong and all others right, within a second."""

    def __init__(self, stack: LiveStack, caller: Caller, wrong: str) -> None:
        self._stack, self._caller, self._wrong = stack, caller, wrong
        self._sent = 0

    def send(self) -> None:
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
        predicted = answer["prediction"]
        if answer["release_id"] != self._wrong:
            return predicted
        return wrong_label(SPAM.classes, predicted)


def bad_canary(stack: LiveStack, quick: bool) -> bool:
    """Begin a canary whose answers are all called wrong, until its policy withdraws it."""
    rows, met = [], True
    stack.set_policy(WITHDRAW)
    for number in range(1 if quick else 3):
        caller = Caller(stack, PER_SECOND)
        start = time.perf_counter()
        with calling([caller]):
            labels = _Labels(stack, caller, stack.second)
            stack.change("canary", release_id=stack.second, percent=BAD_PERCENT)
            _label_while(stack, labels, canary=False)
            _label_while(stack, labels, canary=True)
            rate = len(caller.answers) / (time.perf_counter() - start)
        answers = caller.of(stack.second)
        if not answers or caller.failures:
            raise Conflict(f"{len(answers)} answers of the canary, failed: {dict(caller.failures)}")
        seconds = answers[-1].sent - answers[0].sent
        fits = seconds <= SECONDS and len(answers) <= ANSWERS
        met &= fits
        rows.append([str(number + 1), rate, len(answers), seconds, met_or_missed(fits)])
    limits = f"<= {ANSWERS} and <= {SECONDS} s"
    title = f"bad canary of {BAD_PERCENT} %, labels within a second"
    header = ["run", "requests/s", "canary responses", "s, first to last", limits]
    table(title, header, rows)
    return met


def _label_while(stack: LiveStack, labels: _Labels, *, canary: bool) -> None:
    """Send labels while the gateway has a canary, or while it has none yet."""
    end = time.monotonic() + LAST_SECONDS
    while bool(stack.client.releases.states()[SPAM.name][ENVIRONMENT].state.canary) is canary:
        labels.send()
        if time.monotonic() > end:
            raise Conflict(f"the state of the canary is the same after {LAST_SECONDS} s")
        time.sleep(0.2)
