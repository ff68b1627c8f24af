"""Texts with a large vocabulary of Zipf-distributed words, some of them of one class."""

from collections.abc import Iterator
from random import Random

import numpy as np

WORDS = 40_000
WORDS_A_TEXT = 300
CONSONANTS, VOWELS = "bcdfghjklmnprstvwz", "aeiou"
OWN_SHARE = 0.15
SENTENCE_SHARE = 0.1


def bodies(own: np.ndarray, seed: int) -> Iterator[str]:
    """Yield a text of 300 words per element of `own` [N], true for one class, false for the other.

    In each text, 15 in 100 words are taken from the half that its class prefers.
    """
    random = np.random.default_rng(seed)
    weights = 1 / np.arange(5, WORDS + 5)
    shape = (len(own), WORDS_A_TEXT)
    ranks = random.choice(WORDS, shape, p=weights / weights.sum())
    preferred = (ranks & ~1) + own[:, None]
    ranks = np.where(random.random(shape) < OWN_SHARE, np.minimum(preferred, WORDS - 1), ranks)
    words, ends = np.array(_words(), object), random.random(shape) < SENTENCE_SHARE
    for row, stops in zip(words[ranks], ends, strict=True):
        yield " ".join(f"{word}." if stop else word for word, stop in zip(row, stops, strict=True))


def _words() -> list[str]:
    random, words = Random(0), {}  # noqa: S311 (not for secrets)
    while len(words) < WORDS:
        syllables = random.randint(1, 4)
        words[
            "".join(random.choice(CONSONANTS) + random.choice(VOWELS) for _ in range(syllables))
        ] = 1
    return list(words)
