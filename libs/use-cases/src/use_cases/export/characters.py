"""What a text vectoriser does with each character, taken from Python and scikit-learn."""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sklearn.feature_extraction.text import strip_accents_ascii, strip_accents_unicode

from platform_core.errors import InvalidInput

# The capital I with a dot is the one letter whose lower case is two characters.
DOTTED_I = "\u0130"
COMBINING_DOT = "\u0307"
CAPITAL_SIGMA, SIGMA, FINAL_SIGMA = "\u03a3", "\u03c3", "\u03c2"
# Without accents six characters become more letters than these: Arabic ligatures of whole phrases
# and the like. They count as a character that no term has.
LONGEST_EXPANSION = 5

Symbols = tuple[int, ...]

_SURROGATES = range(0xD800, 0xE000)
_CLASS = r"(?:\\[wWdDsS]|\[\^?(?:\\.|[^\]\\])+\])"
_PATTERN = re.compile(
    rf"(?:\(\?u\))?(?P<left>\\b)?(?P<first>{_CLASS})(?P<more>(?P=first))*?"
    r"(?P<repeat>\+|\{(?P<least>\d+),\})(?P<right>\\b)?"
)


@dataclass(frozen=True)
class TokenRule:
    """Which characters words consist of, and how many at least; `borders` are characters that
    stand in no word and end none: a run that has one of them is not a word.
    """

    letters: frozenset[str]
    least: int
    borders: frozenset[str] = frozenset()


def token_rule(pattern: str) -> TokenRule:
    """Return the words that a `token_pattern` matches.

    Raises:
        InvalidInput: the pattern is more than a repeated class of characters, with or without
            word boundaries around it.
    """
    found = _PATTERN.fullmatch(pattern)
    if found is None or bool(found["left"]) != bool(found["right"]):
        raise _pattern_refused(pattern)
    head = found.group(0)[found.start("first") - found.start(0) : found.start("repeat")]
    least = len(head) // len(found["first"]) - 1 + int(found["least"] or 1)
    letters = matching(found["first"])
    if not found["left"]:
        borders: frozenset[str] = frozenset()
    else:
        borders = matching(r"\w") - letters
        if not letters <= matching(r"\w"):
            raise _pattern_refused(pattern)
    if least < 1 or " " in letters:
        raise _pattern_refused(pattern)
    return TokenRule(letters, least, borders)


def _pattern_refused(pattern: str) -> InvalidInput:
    return InvalidInput(
        f"token_pattern={pattern!r} has no conversion: use one repeated class of characters "
        r"without blanks, such as '(?u)\b\w\w+\b' or '[a-z]+', or cut the text in `features`"
    )


@cache
def matching(expression: str) -> frozenset[str]:
    """Return the characters that match a class of a regular expression."""
    return frozenset(re.findall(expression, "".join(_everything())))


@cache
def _everything() -> tuple[str, ...]:
    return tuple(chr(c) for c in range(sys.maxunicode + 1) if c not in _SURROGATES)


@cache
def cased_and_ignorable() -> tuple[frozenset[str], frozenset[str]]:
    """Return the characters that make a capital sigma behind them a final one, and those that do
    not come between (Unicode's `Final_Sigma`).
    """
    cased = {c for c in _everything() if (c + CAPITAL_SIGMA).lower().endswith(FINAL_SIGMA)}
    ignored = {c for c in _everything() if ("a" + c + CAPITAL_SIGMA).lower().endswith(FINAL_SIGMA)}
    return frozenset(cased), frozenset(ignored - cased)


def accents(step: Any) -> Callable[[str], str] | None:
    """Return how a vectoriser removes accents.

    Raises:
        InvalidInput: by a function of its own.
    """
    known: dict[str | None, Callable[[str], str] | None] = {
        None: None,
        "unicode": strip_accents_unicode,
        "ascii": strip_accents_ascii,
    }
    if callable(step.strip_accents) or step.strip_accents not in known:
        raise InvalidInput(
            f"{type(step).__name__} must have strip_accents None, 'unicode' or 'ascii': the graph "
            "cannot call a function; call it in `features`"
        )
    return known[step.strip_accents]


@cache
def _changed(lowercase: bool, strip: Callable[[str], str] | None) -> Mapping[str, str]:
    """Return the replacements of the characters that change."""
    found = {}
    for character in _everything():
        result = character.lower() if lowercase else character
        result = strip(result) if strip is not None else result
        if result != character:
            found[character] = result
    return found


def expansions(
    symbols: Mapping[str, int], other: int, lowercase: bool, strip: Callable[[str], str] | None
) -> tuple[dict[str, Symbols], Symbols]:
    """Return the symbols of characters, and those of the characters that are not listed.

    After lower case and without accents, `symbols` says which symbol a character is, and `other`
    is that of the rest of Unicode.
    """
    table: dict[str, Symbols] = {character: (symbol,) for character, symbol in symbols.items()}
    for character, result in _changed(lowercase, strip).items():
        made = tuple(symbols.get(one, other) for one in result)
        table[character] = made if len(made) <= LONGEST_EXPANSION else (other,)
    default: Symbols = (other,)
    common, count = Counter(table.values()).most_common(1)[0] if table else (default, 0)
    if count > sys.maxunicode // 2:  # list the few, not the many
        table = {one: table.get(one, default) for one in _everything()}
        default = common
    return {one: made for one, made in sorted(table.items()) if made != default}, default


def letters_of(terms: Iterable[str]) -> list[str]:
    """Return the characters of some terms, sorted."""
    return sorted(set("".join(terms)))
