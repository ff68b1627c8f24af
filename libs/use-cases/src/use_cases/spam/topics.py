"""Topic shares of a mail, from the words of the lexicon.

Every word found adds one to the counters of its topics. All counters of a mail are the digits
of one number (16 bits each), so that one sum per mail counts all topics.
"""

from collections.abc import Sequence
from itertools import pairwise
from struct import Struct

import numpy as np

from use_cases.spam.lexicon import UNWANTED, WANTED

TOPICS = tuple(f"topic_{name}" for name in (*UNWANTED, *WANTED))
SIDES = ("unwanted_words", "wanted_words")
TOPICAL = (*TOPICS, *SIDES)

# Smoothing: a mail of two words is not entirely about one of them.
FEW_WORDS = 20
_BITS = 16
_COUNTERS = Struct(f"<{len(TOPICS)}H")


def topical_features(texts: Sequence[Sequence[bytes]], out: np.ndarray) -> None:
    """Write the features of the words of N normalised texts to `out` [N, F], as `TOPICAL` names.

    A topic's value is (different words of it in the text) / (different words + 20); a pair of
    words counts as one. The last two are the sums over the unwanted and the wanted topics.
    """
    for index, words in enumerate(texts):
        known = set(words)
        total = sum(map(_WORDS.__getitem__, known & _WORD_SET))
        if first := known & _FIRST_WORDS:
            pairs = {pair for pair in pairwise(words) if pair[0] in first}
            total += sum(map(_PAIRS.__getitem__, pairs & _PAIR_SET))
        counts = _COUNTERS.unpack(total.to_bytes(_COUNTERS.size, "little"))
        unwanted = sum(counts[: len(UNWANTED)])
        sides = (unwanted, sum(counts) - unwanted)
        out[index] = [count / (len(known) + FEW_WORDS) for count in (*counts, *sides)]


def _counters() -> tuple[dict[bytes, int], dict[tuple[bytes, bytes], int]]:
    """Return what a word, and what a pair of words (`a_b` in the lexicon), adds to the total."""
    words: dict[bytes, int] = {}
    pairs: dict[tuple[bytes, bytes], int] = {}
    for number, terms in enumerate((*UNWANTED.values(), *WANTED.values())):
        one = 1 << (_BITS * number)
        for term in sorted(set(terms.encode().split())):
            first, _, second = term.partition(b"_")
            if second:
                pairs[first, second] = pairs.get((first, second), 0) + one
            else:
                words[first] = words.get(first, 0) + one
    return words, pairs


_WORDS, _PAIRS = _counters()
# Set intersection is several times faster than with the keys of a dictionary.
_WORD_SET, _PAIR_SET = frozenset(_WORDS), frozenset(_PAIRS)
_FIRST_WORDS = frozenset(first for first, _ in _PAIRS)
