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

_ASCII = 0x80
_CAPITALS = bytes(byte if chr(byte) in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" else 32 for byte in range(256))


def structural_features(raws: Sequence[str]) -> np.ndarray:
    """Return [F, N] float32, one row per name in `STRUCTURAL`, for N raw texts (none empty)."""
    histograms = np.zeros((len(raws), 256))
    other = np.zeros((3, len(raws)))
    for index, raw in enumerate(raws):
        data = raw.encode()
        histograms[index] = np.bincount(np.frombuffer(data, np.uint8), minlength=256)
        other[0, index] = 0 if raw.isascii() else sum(raw.count(sign) for sign in CURRENCIES)
        other[1, index] = data.count(b"://") + data.count(b"www.")
        other[2, index] = max(map(len, data.translate(_CAPITALS).split()), default=0)
    return _features(_KINDS @ histograms.T, other)


def _features(counts: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the features from [K, N] bytes of each kind and [3, N] of what is no single byte:
    other currencies, links, and the longest run of capitals.
    """
    shares, signs = len(SHARES), len(SHARES) + len(SIGNS)
    counts[shares + SIGNS.index("log_currency")] += other[0]
    few = np.minimum(np.concatenate([counts[shares:signs], other[1:]]), MOST)
    sizes = counts[signs:]
    return np.concatenate(
        [counts[:shares] / sizes[0], np.log1p(few), np.log1p(sizes)], dtype=np.float32
    )


def _kinds() -> np.ndarray:
    """Return [K, 256]: which bytes belong to each kind that is counted.

    The kinds are those of `SHARES`, `SIGNS` and `SIZES`, in that order.
    """
    byte = np.arange(256)
    printable = (byte > ord(" ")) & (byte < _ASCII - 1)
    letter_or_digit = np.array([chr(b).isalnum() for b in byte])
    kinds = [
        (byte >= ord("A")) & (byte <= ord("Z")),
        (byte >= ord("0")) & (byte <= ord("9")),
        printable & ~letter_or_digit,
        byte == ord(" "),
        byte >= 0xC0,  # noqa: PLR2004 (the first byte of a character beyond ASCII)
        *(byte == ord(sign) for sign in "!?$<@"),
        (byte & 0xC0) != _ASCII,  # all but the further bytes of a character
        byte == ord("\n"),
    ]
    return np.stack(kinds).astype(float)


_KINDS = _kinds()
