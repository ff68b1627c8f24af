"""Structural features of an e-mail, independent of its words."""

from collections.abc import Sequence
from math import log1p

import numpy as np

from use_cases.spam.text import CURRENCIES

# Shares of the characters, then log(1 + count).
SHARES = ("capital_share", "digit_share", "punctuation_share", "space_share", "non_ascii_share")
SIGNS = ("log_exclamations", "log_questions", "log_currency", "log_markup", "log_addresses")
RUNS = ("log_links", "log_longest_capitals")
SIZES = ("log_characters", "log_lines")
STRUCTURAL = (*SHARES, *SIGNS, *RUNS, *SIZES)
# Signs per 1,000 characters, at most 1. Whether a sign occurs at all depends on the length of the
# text: most long mails have a question mark. Currency is the word "money" of the text already.
FREQUENCIES = ("exclamations", "questions", "markup", "links")
FREQUENT = tuple(f"{name}_frequency" for name in FREQUENCIES)

# Counts above this carry no further information.
MOST = 50
FREQUENCY_CHARACTERS = 1_000

_LOGS = tuple(log1p(count) for count in range(MOST + 1))
_ASCII = range(0x80)
_CAPITALS = bytes(byte if chr(byte) in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" else 32 for byte in range(256))
_DIGITS = frozenset(b"0123456789")
_PUNCTUATION = {b for b in _ASCII if chr(b).isprintable() and not chr(b).isalnum()} - {ord(" ")}
_NO_DIGITS = bytes(set(range(256)) - _DIGITS)
_NO_PUNCTUATION = bytes(set(range(256)) - _PUNCTUATION)


def structural_features(raws: Sequence[str], out: np.ndarray) -> None:
    """Write the features of N raw texts (none empty) to `out` [N, F], in order of `STRUCTURAL`,
    then of `FREQUENT`.
    """
    for index, raw in enumerate(raws):
        out[index] = _features(raw)


def _features(raw: str) -> list[float]:
    """Return the features of one text, from its bytes.

    (Arrays for a dozen numbers cost more than the numbers when a lone mail is predicted.)
    """
    data, characters = raw.encode(), len(raw)
    capitals = data.translate(_CAPITALS).split()
    beyond_ascii = money = 0
    if not raw.isascii():
        beyond_ascii = characters - len(raw.encode("ascii", "ignore"))
        money = sum(raw.count(sign) for sign in CURRENCIES)
    parts = (
        sum(map(len, capitals)),
        len(data.translate(None, _NO_DIGITS)),
        len(data.translate(None, _NO_PUNCTUATION)),
        data.count(b" "),
        beyond_ascii,
    )
    exclamations, questions = data.count(b"!"), data.count(b"?")
    currency, markup = data.count(b"$") + money, data.count(b"<")
    links = data.count(b"://") + data.count(b"www.")
    longest = max(map(len, capitals), default=0)
    counts = (exclamations, questions, currency, markup, data.count(b"@"), links, longest)
    thousands = characters / FREQUENCY_CHARACTERS
    return [
        *(part / characters for part in parts),
        *(_LOGS[count if count < MOST else MOST] for count in counts),
        log1p(characters),
        log1p(data.count(b"\n")),
        *(min(n / thousands, 1) for n in (exclamations, questions, markup, links)),
    ]
