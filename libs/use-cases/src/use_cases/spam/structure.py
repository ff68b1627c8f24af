"""What an e-mail looks like, whatever its words."""

from collections.abc import Sequence

import numpy as np

from use_cases.spam.text import CURRENCIES

# Shares of the characters, then log(1 + count).
SHARES = ("capital_share", "digit_share", "punctuation_share", "space_share", "non_ascii_share")
SIGNS = ("log_exclamations", "log_questions", "log_currency", "log_markup", "log_addresses")
RUNS = ("log_links", "log_longest_capitals")
SIZES = ("log_characters", "log_lines")
STRUCTURAL = (*SHARES, *SIGNS, *RUNS, *SIZES)

# More exclamation marks, links or capitals than this say nothing more.
MOST = 50

_ASCII = range(0x80)
_CAPITALS = bytes(byte if chr(byte) in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" else 32 for byte in range(256))
_DIGITS = frozenset(b"0123456789")
_PUNCTUATION = {b for b in _ASCII if chr(b).isprintable() and not chr(b).isalnum()} - {ord(" ")}
_NO_DIGITS = bytes(set(range(256)) - _DIGITS)
_NO_PUNCTUATION = bytes(set(range(256)) - _PUNCTUATION)


def structural_features(raws: Sequence[str]) -> np.ndarray:
    """Return [F, N] float32, one row per name in `STRUCTURAL`, for N raw texts (none empty)."""
    counts = np.array([_counts(raw) for raw in raws], float).reshape(len(raws), len(STRUCTURAL)).T
    shares, sizes = len(SHARES), len(STRUCTURAL) - len(SIZES)
    few = np.minimum(counts[shares:sizes], MOST)
    characters = counts[sizes]
    return np.concatenate(
        [counts[:shares] / characters, np.log1p(few), np.log1p(counts[sizes:])], dtype=np.float32
    )


def _counts(raw: str) -> tuple[int, ...]:
    """Return what is counted for each name in `STRUCTURAL`, from the bytes of one text."""
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
