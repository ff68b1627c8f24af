"""Which keys a canary answers."""

from collections.abc import Sequence

from bench_report import met_or_missed, table

from live.stack import LiveStack, mails

KEYS, QUICK_KEYS, PIECE = 20_000, 4_000, 100
PERCENTS = (1, 10, 33, 50, 80)
POINTS = 1.0


def measure(stack: LiveStack, quick: bool) -> bool:
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
        answer = stack.platform.answer("/predict/batch-sync", body, stack.environment)
        found |= {
            one["email_id"] for one in answer["predictions"] if one["release_id"] == stack.second
        }
    return found
