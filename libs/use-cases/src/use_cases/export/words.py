"""Counts of words and of words in a row, cut as scikit-learn cuts them.

ONNX Runtime's own tokenizer knows neither Python's word characters nor its lower case. Here words
are numbers: the sum over their letters of (random number of the letter) * (random number of the
place). That no other word has the sum of one in the vocabulary is nearly certain: one in 10^10.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from platform_core.errors import InvalidInput
from use_cases.export.characters import (
    COMBINING_DOT,
    DOTTED_I,
    accents,
    letters_of,
    token_rule,
)
from use_cases.export.encoding import NOTHING, Encoding
from use_cases.export.nodes import Nodes

_SEPARATOR, _UNKNOWN, _BORDER, _LETTERS = 1, 2, 3, 4
_LETTER_BITS, _PLACE_BITS = 31, 25
_OUTSIDE = 1
_NEVER = -1_000_000
_HALF = 2**63


class Words:
    """The words that a fitted vectoriser looks for."""

    def __init__(self, step: Any) -> None:
        """Raises:
        InvalidInput: the vectoriser cuts text as no graph can.
        """
        self.rule = token_rule(step.token_pattern)
        self.step = step
        self.shortest, self.longest = step.ngram_range
        grams = [term.split(" ") for term in step.vocabulary_]
        # What stands alone needs no way to be left out.
        stop = set(step.get_stop_words() or ()) if self.longest > 1 else set()
        self.stop = sorted(word for word in stop if self._is_word(word))
        self.words = sorted({word for gram in grams for word in gram if self._is_word(word)} - stop)
        self.letters = letters_of([*self.words, *self.stop])

    def _is_word(self, word: str) -> bool:
        return len(word) >= self.rule.least and set(word) <= self.rule.letters

    def grams(self) -> Iterator[tuple[tuple[int, ...], int]]:
        """Yield each term as the numbers of its words, and its column. A term that never occurs
        gets numbers that no word has.
        """
        numbers = {word: _OUTSIDE + 1 + place for place, word in enumerate(self.words)}
        for term, column in self.step.vocabulary_.items():
            gram = tuple(numbers.get(word, -2 - column) for word in term.split(" "))
            fits = self.shortest <= len(gram) <= self.longest
            yield gram if fits else (-2 - column,) * self.longest, int(column)


def word_counts(nodes: Nodes, text: str, step: Any) -> str:
    """Return the counts [N, F] of a fitted vectoriser's terms in texts [N, 1]."""
    words = Words(step)
    symbols, dotted = _encode(nodes, text, words)
    before = nodes.slice(symbols, 0, -1)
    here = nodes.slice(symbols, 1)
    in_word = nodes.above(here, _SEPARATOR)
    continues = nodes.above(before, _SEPARATOR)
    if dotted is not None:
        continued = nodes.add("Equal", before, nodes.ints(dotted))
        continues = nodes.add("And", continues, nodes.add("Not", continued))
    starts = nodes.as_int(nodes.add("And", in_word, nodes.add("Not", continues)))
    place = nodes.running_sum(starts)
    # Column 0 takes the characters outside of words.
    token = nodes.add("Mul", place, nodes.as_int(in_word))
    room = nodes.filled(
        here, nodes.add("Add", nodes.add("ReduceMax", place, keepdims=0), nodes.ints(2)), 0
    )
    sums = _sums(nodes, words, here, token, starts, room, dotted)
    numbers = nodes.slice(_numbers(nodes, words, sums, dotted), 1)
    if words.longest > 1:
        kept = nodes.above(numbers, 0)
        if words.rule.least > 1 or words.rule.borders:
            lengths = _lengths(nodes, words, here, token, room, dotted)
            long = nodes.above(nodes.slice(lengths, 1), words.rule.least - 1)
            kept = nodes.add("And", kept, long)
        numbers = nodes.packed(numbers, nodes.as_int(kept))
    return count_grams(nodes, numbers, list(words.grams()))


def _encode(nodes: Nodes, text: str, words: Words) -> tuple[str, int | None]:
    """Return the symbols, and that of an `i` which ends its word: the capital I with a dot becomes
    an `i` and a dot above, which is not a letter.
    """
    strip, lowercase = accents(words.step), bool(words.step.lowercase)
    numbers = {letter: _LETTERS + place for place, letter in enumerate(words.letters)}
    symbols = {letter: numbers.get(letter, _UNKNOWN) for letter in sorted(words.rule.letters)}
    symbols |= dict.fromkeys(sorted(words.rule.borders), _BORDER)
    dotted, special = None, {}
    if lowercase and strip is None and COMBINING_DOT not in words.rule.letters:
        special[DOTTED_I] = symbols.get("i", _SEPARATOR)
        if "i" in words.rule.letters:
            special[DOTTED_I] = dotted = _LETTERS + len(words.letters)
    encoding = Encoding(symbols, _SEPARATOR, _SEPARATOR, lowercase, strip, special)
    return encoding.encode(nodes, text), dotted


def _sums(
    nodes: Nodes, words: Words, here: str, token: str, starts: str, room: str, dotted: int | None
) -> str:
    """Return the sum of each word, in the column of its position in the text."""
    index = nodes.add("Sub", nodes.running_sum(_ones(nodes, here)), nodes.ints(1))
    first = nodes.scatter(room, nodes.add("Mul", token, starts), index)
    within = nodes.add("Sub", index, nodes.add("GatherElements", first, token, axis=1))
    letters, places = _randoms(words, dotted)
    within = nodes.add("Clip", within, nodes.ints(0), nodes.ints(len(places) - 1))
    product = nodes.add(
        "Mul",
        nodes.add("Gather", nodes.ints(letters), here, axis=0),
        nodes.add("Gather", nodes.ints(places), within, axis=0),
    )
    return nodes.scatter(room, token, product, reduction="add")


def _ones(nodes: Nodes, tensor: str) -> str:
    return nodes.as_int(nodes.above(tensor, -1))


def _numbers(nodes: Nodes, words: Words, sums: str, dotted: int | None) -> str:
    letters, places = _randoms(words, dotted)
    symbol = {letter: _LETTERS + place for place, letter in enumerate(words.letters)}

    def total(word: str) -> int:
        made = sum(int(letters[symbol[c]]) * int(places[i]) for i, c in enumerate(word))
        return (made + _HALF) % (2 * _HALF) - _HALF  # very long words overflow an int64

    known = {total(word): _OUTSIDE + 1 + place for place, word in enumerate(words.words)}
    known |= {total(word): NOTHING for word in words.stop}
    if len(known) < len(words.words) + len(words.stop):
        raise InvalidInput("two words of the vocabulary have the same number; leave one out")
    return nodes.add(
        "LabelEncoder",
        sums,
        op_domain="ai.onnx.ml",
        keys_int64s=list(known) or [-1],
        values_int64s=list(known.values()) or [NOTHING],
        default_int64=_OUTSIDE,
    )


def _lengths(
    nodes: Nodes, words: Words, here: str, token: str, room: str, dotted: int | None
) -> str:
    """Return how many letters each word has, far below 0 where one of them is a border."""
    counted = [0, 0, 1, _NEVER, *[1] * (len(words.letters) + (dotted is not None))]
    return nodes.scatter(
        room, token, nodes.add("Gather", nodes.ints(counted), here, axis=0), reduction="add"
    )


def _randoms(words: Words, dotted: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the random numbers of symbols and places; always the same ones."""
    random = np.random.default_rng(0)
    letters = random.integers(1, 2**_LETTER_BITS, _LETTERS + len(words.letters))
    letters[:_UNKNOWN] = 0
    if dotted is not None:
        alike = _LETTERS + words.letters.index("i") if "i" in words.letters else _UNKNOWN
        letters = np.append(letters, letters[alike])
    longest = max(map(len, [*words.words, *words.stop]), default=0)
    return letters, random.integers(1, 2**_PLACE_BITS, longest + 1)


def plain_counts(nodes: Nodes, text: str, step: Any) -> str:
    """Return what `word_counts` does, for words of ASCII letters and digits as they are."""
    tokens = nodes.add(
        "Tokenizer", text, op_domain="com.microsoft", mark=0, pad_value="#", mincharnum=1,
        tokenexp=step.token_pattern,
    )  # fmt: skip
    grams = [(tuple(term.split(" ")), int(column)) for term, column in step.vocabulary_.items()]
    return count_grams(nodes, nodes.add("Squeeze", tokens, nodes.ints([1])), grams)


def count_grams(nodes: Nodes, sequence: str, grams: Sequence[tuple[tuple[Any, ...], int]]) -> str:
    """Return how often each gram, numbers or strings in a row, occurs in rows [N, L]."""
    ordered = sorted(grams, key=lambda one: (len(one[0]), one[1]))
    lengths = [len(gram) for gram, _ in ordered]
    starts, total = [], 0
    for length in range(1, max(lengths) + 1):
        starts.append(total)
        total += length * lengths.count(length)
    pool = [item for gram, _ in ordered for item in gram]
    kind = "pool_strings" if isinstance(pool[0], str) else "pool_int64s"
    terms: dict[str, Any] = {kind: pool}
    return nodes.add(
        "TfIdfVectorizer",
        sequence,
        mode="TF",
        min_gram_length=min(lengths),
        max_gram_length=max(lengths),
        max_skip_count=0,
        ngram_counts=starts,
        ngram_indexes=[column for _, column in ordered],
        **terms,
    )
