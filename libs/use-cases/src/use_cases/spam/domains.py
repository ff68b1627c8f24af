"""Statistics of a sender's domain: the entity features of spam.

On real corpora such statistics nearly determine the label, because each corpus has its own
senders. They are windowed, capped and smoothed, so that they are a hint and the text decides.
"""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

WINDOW = np.timedelta64(30, "D")
# Above this many mails a domain counts as well known.
MESSAGES_CAP = 50
# The rate starts at even odds, as if ten mails had already been seen at those odds.
PRIOR_RATE = 0.5
PRIOR_MAILS = 10.0
# The statistics that include a mail begin to hold just after it. A point-in-time join takes the
# latest row at or before a mail's own time, and so never sees that mail's own label, nor those
# of mails at the very same time.
AFTER = np.timedelta64(1, "us")
MAX_DOMAIN = 253  # RFC 1035, section 2.3.4

# Greedy, so that the last @ counts: a quoted display name may hold one, too. (Compiled once: Arrow
# compiles an expression at every call, which for one mail costs more than all else here.)
_DOMAIN = re.compile(r"(?s).*@([^\x00-\x20\x7f@<>()\[\]\\,;:\"']+)")

HISTORY_SCHEMA = pa.schema(
    [
        pa.field("sender_domain", pa.string()),
        pa.field("event_timestamp", pa.timestamp("us", tz="UTC")),
        pa.field("sender_domain_messages", pa.float32()),
        pa.field("sender_domain_spam_rate", pa.float32()),
    ]
)


def sender_domains(sender: pa.Array) -> pa.Array:
    """Return the lower-case domain of each sender (`a@b.c` or `Name <a@b.c>`).

    Null where there is no address, or none with a possible domain.
    """
    return pa.array([sender_domain(text) for text in sender.to_pylist()], pa.string())


def sender_domain(sender: str | None) -> str | None:
    """Return the lower-case domain of one sender, `None` where it has none."""
    found = _DOMAIN.match(sender) if sender else None
    domain = found[1].lower().rstrip(".") if found else ""
    return domain if 0 < len(domain) <= MAX_DOMAIN else None


def domain_history(records: pa.Table) -> pa.Table:
    """Return the statistics of each domain after each of its mails.

    Args:
        records: has `sender`, `label` (the class) and `event_timestamp`; rows without a domain
            or a time are left out. The order of the rows does not matter.

    Returns:
        One row per domain and time (`HISTORY_SCHEMA`), ordered by both, over the mails of the
        30 days up to and including that time: `sender_domain_messages` is log(1 + n) with n
        capped at 50, `sender_domain_spam_rate` is (spam + 10 · 0.5) / (n + 10).
    """
    domain = sender_domains(records["sender"].combine_chunks())
    time = records["event_timestamp"].combine_chunks().cast(pa.timestamp("us", tz="UTC"))
    usable = pc.and_(domain.is_valid(), time.is_valid())
    names = domain.filter(usable).dictionary_encode()
    spam = pc.equal(records["label"].combine_chunks(), "spam").filter(usable)
    rank = pc.rank(names.dictionary).to_numpy() - 1
    return _history(
        rank[names.indices.to_numpy()],
        time.filter(usable).to_numpy(),
        spam.to_numpy(zero_copy_only=False),
        names.dictionary.sort(),
    )


def _history(codes: np.ndarray, times: np.ndarray, spam: np.ndarray, names: pa.Array) -> pa.Table:
    moments, moment = np.unique(times, return_inverse=True)
    # One number orders domain and time, so that a window of a domain is a slice.
    stride = len(moments) + 1
    keys = codes * stride + moment
    order = np.argsort(keys, kind="stable")
    keys, codes, times = keys[order], codes[order], times[order]
    spam_before = np.concatenate([[0], np.cumsum(spam[order])])
    oldest = codes * stride + np.searchsorted(moments, times - WINDOW, side="right")
    first = np.searchsorted(keys, oldest, side="left")
    end = np.searchsorted(keys, keys, side="right")
    messages = end - first
    rate = (spam_before[end] - spam_before[first] + PRIOR_MAILS * PRIOR_RATE) / (
        messages + PRIOR_MAILS
    )
    last = np.flatnonzero(end == np.arange(len(keys)) + 1)
    return pa.table(
        [
            names.take(pa.array(codes[last])),
            pa.array(times[last] + AFTER, pa.timestamp("us", tz="UTC")),
            pa.array(np.log1p(np.minimum(messages, MESSAGES_CAP))[last].astype(np.float32)),
            pa.array(rate[last].astype(np.float32)),
        ],
        schema=HISTORY_SCHEMA,
    )
