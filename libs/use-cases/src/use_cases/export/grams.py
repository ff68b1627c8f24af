"""Counts of characters in a row, cut as scikit-learn cuts them: runs of white space are one blank,
and within words (`char_wb`) a word has a blank at both ends.
"""

from collections.abc import Iterator
from typing import Any

from use_cases.export.characters import COMBINING_DOT, DOTTED_I, accents, letters_of, matching
from use_cases.export.encoding import NOTHING, Encoding
from use_cases.export.nodes import Nodes
from use_cases.export.words import count_grams

_BLANK = 1


class Grams:
    """The characters in a row that a fitted vectoriser looks for.

    Symbols: 0 for none, 1 for a blank, then other white space, a character of no term, the border
    between words, and the characters of terms.
    """

    def __init__(self, step: Any) -> None:
        self.step = step
        blanks = [" ", *sorted(matching(r"\s") - {" "})]
        self.symbols = {blank: _BLANK + place for place, blank in enumerate(blanks)}
        self.unknown = _BLANK + len(blanks)
        self.border = self.unknown + 1
        letters = sorted({*letters_of(step.vocabulary_), COMBINING_DOT} - set(blanks))
        self.symbols |= {letter: self.border + 1 + place for place, letter in enumerate(letters)}
        self.dotted = self.border + len(letters) + 1
        self.expands = bool(step.lowercase) and step.strip_accents is None

    def encode(self, nodes: Nodes, text: str, edge: int) -> str:
        """Return the symbols [N, L] of texts [N, 1]."""
        special = {DOTTED_I: self.dotted} if self.expands else {}
        strip, lowercase = accents(self.step), bool(self.step.lowercase)
        encoding = Encoding(self.symbols, self.unknown, edge, lowercase, strip, special)
        return encoding.encode(nodes, text)

    def letters(self, nodes: Nodes, symbols: str) -> tuple[str, str]:
        """Return where a capital I with a dot is (1, else 0), and the symbols with an `i` there."""
        is_dotted = nodes.add("Equal", symbols, nodes.ints(self.dotted))
        letter = nodes.ints(self.symbols.get("i", self.unknown))
        return nodes.as_int(is_dotted), nodes.add("Where", is_dotted, letter, symbols)

    def grams(self) -> Iterator[tuple[tuple[int, ...], int]]:
        """Yield each term as symbols, and its column. A word too short for every n-gram counts
        once as a whole.
        """
        shortest, longest = self.step.ngram_range
        for term, column in self.step.vocabulary_.items():
            gram = tuple(self.symbols[character] for character in term)
            if self.step.analyzer == "char_wb" and len(gram) < shortest:
                gram = (self.border, *gram, self.border)
            elif not shortest <= len(gram) <= longest:
                gram = (-2 - int(column),) * longest
            yield gram, int(column)


def gram_counts(nodes: Nodes, text: str, step: Any) -> str:
    """Return the counts [N, F] of a fitted vectoriser's terms in texts [N, 1]."""
    grams = Grams(step)
    row = (
        _in_words(nodes, text, grams) if step.analyzer == "char_wb" else _plain(nodes, text, grams)
    )
    return count_grams(nodes, row, list(grams.grams()))


def _plain(nodes: Nodes, text: str, grams: Grams) -> str:
    """Return the symbols with one blank in place of two and more white-space characters."""
    padded = grams.encode(nodes, text, NOTHING)
    blank = _is_blank(nodes, padded, grams)
    before, here, behind = (nodes.slice(blank, start, end) for start, end in _SHIFTS)
    symbols = nodes.slice(padded, 1, -1)
    joined = nodes.add("And", here, behind)
    symbols = nodes.add("Where", joined, nodes.ints(_BLANK), symbols)
    dropped = nodes.add("And", here, before)
    kept = nodes.add("And", nodes.above(symbols, NOTHING), nodes.add("Not", dropped))
    keep = nodes.as_int(kept)
    if not grams.expands:
        return nodes.packed(_with_column(nodes, symbols), _with_column(nodes, keep))
    extra, symbols = grams.letters(nodes, symbols)
    extra, symbols, keep = (_with_column(nodes, one) for one in (extra, symbols, keep))
    return _spread(nodes, symbols, keep, extra, grams)


_SHIFTS = ((0, -2), (1, -1), (2, 2**62))


def _with_column(nodes: Nodes, tensor: str) -> str:
    """Return [N, L + 1] with zeros in the last column, so that there is one."""
    return nodes.add("Pad", tensor, nodes.ints([0, 0, 0, 1]), nodes.ints(0))


def _is_blank(nodes: Nodes, symbols: str, grams: Grams) -> str:
    blank = nodes.add("Less", symbols, nodes.ints(grams.unknown))
    return nodes.add("And", blank, nodes.above(symbols, NOTHING))


def _spread(nodes: Nodes, symbols: str, keep: str, extra: str, grams: Grams) -> str:
    """Return the kept symbols, with a dot behind those that have an `extra` one."""
    width = nodes.add("Add", keep, extra)
    end = nodes.running_sum(width)
    position = nodes.add("Mul", nodes.add("Sub", end, extra), keep)
    room = _room(nodes, end, grams.symbols[COMBINING_DOT])
    return _cut(nodes, nodes.scatter(room, position, symbols), end, NOTHING)


def _room(nodes: Nodes, end: str, fill: int) -> str:
    columns = nodes.add("Add", nodes.add("ReduceMax", end, keepdims=0), nodes.ints(2))
    return nodes.filled(end, columns, fill)


def _cut(nodes: Nodes, row: str, end: str, fill: int) -> str:
    """Return the columns 1 to the last `end` of each row, and `fill` behind."""
    ones = nodes.as_int(nodes.above(row, -1))
    column = nodes.add("Sub", nodes.running_sum(ones), nodes.ints(1))
    length = nodes.add("ReduceMax", end, nodes.ints([1]), keepdims=1)
    inside = nodes.add("LessOrEqual", column, length)
    return nodes.slice(nodes.add("Where", inside, row, nodes.ints(fill)), 1)


def _in_words(nodes: Nodes, text: str, grams: Grams) -> str:
    """Return border, blank, word, blank for each word, and a border at the end."""
    padded = grams.encode(nodes, text, _BLANK)
    in_word = nodes.add("Not", nodes.add("Less", padded, nodes.ints(grams.unknown)))
    before, here, behind = (nodes.slice(in_word, start, end) for start, end in _SHIFTS)
    symbols = nodes.slice(padded, 1, -1)
    first = nodes.as_int(nodes.add("And", here, nodes.add("Not", before)))
    last = nodes.as_int(nodes.add("And", here, nodes.add("Not", behind)))
    letter = nodes.as_int(here)
    dotted = None
    if grams.expands:
        dotted, symbols = grams.letters(nodes, symbols)
        dotted = _with_column(nodes, dotted)
    symbols, letter, first, last = (
        _with_column(nodes, one) for one in (symbols, letter, first, last)
    )
    width = nodes.add("Add", letter, last)
    width = nodes.add("Add", width, nodes.add("Add", first, first))
    if dotted is not None:
        width = nodes.add("Add", width, dotted)
    end = nodes.running_sum(width)
    tail = last if dotted is None else nodes.add("Add", last, dotted)
    position = nodes.add("Mul", nodes.add("Sub", end, tail), letter)
    row = nodes.scatter(_room(nodes, end, _BLANK), position, symbols)
    borders = nodes.add("Mul", nodes.add("Sub", position, nodes.ints(2)), first)
    row = _put(nodes, row, borders, grams.border)
    if dotted is not None:
        dots = nodes.add("Mul", nodes.add("Add", position, nodes.ints(1)), dotted)
        row = _put(nodes, row, dots, grams.symbols[COMBINING_DOT])
    return _cut(nodes, row, end, grams.border)


def _put(nodes: Nodes, row: str, positions: str, symbol: int) -> str:
    """Return `row` with a symbol at some positions; position 0 is nowhere."""
    zero = nodes.add("Mul", positions, nodes.ints(0))
    return nodes.scatter(row, positions, nodes.add("Add", zero, nodes.ints(symbol)))
