"""Structural features of an e-mail, independent of its words."""

from collections.abc import Sequence

import numpy as np

from use_cases.spam.text import CURRENCIES

# Shares of the characters, then log(1 + count).
SHARES = ("capital_share", "digit_share", "punctuation_share", "space_share", "non_ascii_share")
SIGNS = ("log_exclamations", "log_questions", "log_currency", "log_markup", "log_addresses")
RUNS = ("log_links", "log_longest_capitals")
SIZES = ("log_characters", "log_lines")
STRUCTURAL = (*SHARES, *SIGNS, *RUNS, *SIZES)

# Counts above this carry no further information.
MOST = 50

# Where the counts, and where the sizes begin.
_SIGNS, _SIZES = len(SHARES), len(STRUCTURAL) - len(SIZES)
_ASCII = range(0x80)
_CAPITALS = bytes(byte if chr(byte) in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" else 32 for byte in range(256))
_DIGITS = frozenset(b"0123456789")
_PUNCTUATION = {b for b in _ASCII if chr(b).isprintable() and not chr(b).isalnum()} - {ord(" ")}
_NO_DIGITS = bytes(set(range(256)) - _DIGITS)
_NO_PUNCTUATION = bytes(set(range(256)) - _PUNCTUATION)


def structural_features(raws: Sequence[str], out: np.ndarray) -> None:
    """Write the features of N raw texts (none empty) to `out` [N, F], in order of `STRUCTURAL`."""
    counts = np.array([_counts(raw) for raw in raws], float).reshape(out.shape)
    out[:, :_SIGNS] = counts[:, :_SIGNS] / counts[:, _SIZES, None]
    np.minimum(counts[:, _SIGNS:_SIZES], MOST, out=counts[:, _SIGNS:_SIZES])
    out[:, _SIGNS:] = np.log1p(counts[:, _SIGNS:])


def _counts(raw: str) -> tuple[int, ...]:
    """Return the raw count for each name in `STRUCTURAL`, from the bytes of one text."""
    data = raw.encode()
    capitals = data.translate(_CAPITALS).split()
    beyond_ascii = money = 0
    if not raw.isascii():
        beyond_ascii = len(raw) - len(raw.encode("ascii", "ignore"))
        money = sum(raw.count(sign) for sign in CURRENCIES)
    return (
        sum(map(len, capitals)),
        len(data.translate(None, _NO_DIGITS)),
        len(data.translate(None, _NO_PUNCTUATION)),
        data.count(b" "),
        beyond_ascii,
        data.count(b"!"),
        data.count(b"?"),
        data.count(b"$") + money,
        data.count(b"<"),
        data.count(b"@"),
        data.count(b"://") + data.count(b"www."),
        max(map(len, capitals), default=0),
        len(raw),
        data.count(b"\n"),
    )
