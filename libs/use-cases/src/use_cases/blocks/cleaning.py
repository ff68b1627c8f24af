"""Cleaning of texts for a model, with a switch for each step."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from use_cases.invisible import without_invisible
from use_cases.visible_text import has_markup, visible_text

_URL = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_PUNCTUATION = re.compile(r"[^\w\s]|_")
_APOSTROPHE = re.compile(r"(?<=\w)['\u2019](?=\w)")
_STOP_WORDS = """
a an and are as at be been by for from had has have he her him his i in is it its me my of on or
our she so than that the their them then there these they this those to us was we were what when
where which who will with would you your
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""Frequent English words that carry no opinion; negations are not among them."""


@dataclass(frozen=True)
class Cleaning:
    """How a text is cleaned before it is split into words. The switches are part of the features,
    and so of the release: a release answers with those that it was trained with.

    Always: lower case, markup replaced by its visible text, invisible characters removed, white
    space as single blanks.
    `urls`, `numbers`, `punctuation`: removed. `stop_words`: frequent English words removed.
    `lemmas`: each word replaced by the form that a dictionary lists (English).
    """

    urls: bool = True
    numbers: bool = False
    punctuation: bool = True
    stop_words: bool = False
    lemmas: bool = False

    def __call__(self, text: str) -> str:
        """Return the cleaned text: words with one blank between them."""
        return self.of_visible(without_invisible(text))

    def of_visible(self, text: str) -> str:
        """Return the cleaned text of one that has no invisible characters."""
        if has_markup(text):
            text = without_invisible(visible_text(text))
        text = text.lower()
        for pattern, put in self._patterns:
            text = pattern.sub(put, text)
        words = text.split()
        if self.stop_words:
            words = [word for word in words if word not in STOP_WORDS]
        if self.lemmas:
            lemma = lemmatiser()
            words = [lemma(word) for word in words]
        return " ".join(words)

    @cached_property
    def _patterns(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        steps = (
            (self.urls, _URL, " "),
            (self.numbers, _NUMBER, " "),
            (self.punctuation, _APOSTROPHE, ""),
            (self.punctuation, _PUNCTUATION, " "),
        )
        return tuple((pattern, put) for on, pattern, put in steps if on)


DEFAULT = Cleaning()


@lru_cache(maxsize=1)
def lemmatiser() -> Callable[[str], str]:
    """Return a function from an English word in lower case to its lemma; it remembers the most
    recent words, which are nearly all words of a text.
    """
    from simplemma import lemmatize

    @lru_cache(maxsize=100_000)
    def lemma(word: str) -> str:
        return lemmatize(word, lang="en").lower()

    return lemma
