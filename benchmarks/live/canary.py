"""Which keys a canary answers, and how soon a bad one is withdrawn."""

import threading
import time
from collections.abc import Sequence

from bench_report import note, table

from live.stack import ENVIRONMENT, SPAM, WITHDRAW, LiveStack, mails
from platform_core.errors import Conflict

KEYS, QUICK_KEYS, PIECE = 20_000, 4_000, 100
PERCENTS = (1, 10, 33, 50, 80)
POINTS = 1.0
PER_SECOND, BAD_PERCENT, LAST_SECONDS = 50, 10, 90
SECONDS, ANSWERS = 60, 300


def shares(stack: LiveStack, quick: bool) -> bool:
    """Send distinct keys at growing percents: the share fits, and no key goes back."""
    keys = QUICK_KEYS if quick else KEYS
    (mail,) = mails(1)
    records = [mail | {"email_id": f"key-{n}"} for n in range(keys)]
    before: set[str] = set()
    rows, held = [], True
    for percent in PERCENTS:
        stack.settled("canary", release_id=stack.second, percent=percent)
        chosen = _canary_keys(stack, records)
        share, returned = 100 * len(chosen) / keys, len(before - chosen)
        fits = abs(share - percent) <= POINTS and not returned
        held &= fits
        rows.append([f"{percent} %", share, returned, "held" if fits else "missed"])
        before = chosen
    stack.settled("abort")
    header = ["canary", "% of the keys", "keys that went back", f"within {POINTS:g} point"]
    table(f"{keys:,} distinct keys at each percent", header, rows)
    return held


def _canary_keys(stack: LiveStack, records: Sequence[dict]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(records), PIECE):
        body = {"emails": records[start : start + PIECE]}
        answer = stack.platform.answer("/predict/batch-sync", body, ENVIRONMENT)
        found |= {
            one["email_id"] for one in answer["predictions"] if one["release_id"] == stack.second
        }
    return found


class _Caller:
    """Sends 50 requests a second, and labels that call every answer of a release wrong."""

    def __init__(self, stack: LiveStack, wrong: str) -> None:
        self._stack, self._wrong = stack, wrong
        self._mails = mails(200)
        self.times: list[float] = []
        """When the release answered."""

    def run(self, stop: threading.Event) -> None:
        """Send until `stop`."""
        start, labels = time.perf_counter(), []
        for number in range(PER_SECOND * LAST_SECONDS):
            if stop.wait(max(0.0, start + number / PER_SECOND - time.perf_counter())):
                return
            mail = self._mails[number % len(self._mails)] | {"email_id": f"bad-{number}"}
            answer = self._stack.platform.answer("/predict", mail, ENVIRONMENT)
            label = answer["prediction"]
            if answer["release_id"] == self._wrong:
                self.times.append(time.perf_counter())
                label = SPAM.classes[SPAM.classes.index(label) - 1]
            labels.append({"prediction_id": answer["prediction_id"], "label": label})
            if len(labels) == PER_SECOND // 2:  # within a second
                self._stack.client.feedback_many(labels, use_case=SPAM.name)
                labels.clear()


def bad_canary(stack: LiveStack, quick: bool) -> bool:
    """Begin a canary whose answers are all called wrong, until its policy withdraws it."""
    rows, held = [], True
    stack.policy(WITHDRAW)
    for number in range(1 if quick else 3):
        caller, stop = _Caller(stack, stack.second), threading.Event()
        thread = threading.Thread(target=caller.run, args=(stop,))
        thread.start()
        try:
            stack.settled("canary", release_id=stack.second, percent=BAD_PERCENT)
            _wait_until_withdrawn(stack)
        finally:
            stop.set()
            thread.join()
        seconds, answers = caller.times[-1] - caller.times[0], len(caller.times)
        fits = seconds <= SECONDS and answers <= ANSWERS
        held &= fits
        rows.append([str(number + 1), answers, seconds, "held" if fits else "missed"])
    limits = f"<= {ANSWERS} and <= {SECONDS} s"
    title = f"bad canary of {BAD_PERCENT} %, {PER_SECOND} requests/s, labels within a second"
    table(title, ["run", "its answers", "s, first to last", limits], rows)
    note("withdrawn by the release controller on the policy's verdict")
    return held


def _wait_until_withdrawn(stack: LiveStack) -> None:
    end = time.monotonic() + LAST_SECONDS
    while stack.client.releases.states()[SPAM.name][ENVIRONMENT].state.canary:
        if time.monotonic() > end:
            raise Conflict(f"the bad canary still answers after {LAST_SECONDS} s")
        time.sleep(0.2)
