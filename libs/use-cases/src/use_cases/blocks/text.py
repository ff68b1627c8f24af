"""Free text and the id of a record."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from use_cases.blocks.block import Block, Computed, Draw
from use_cases.blocks.cleaning import DEFAULT, Cleaning
from use_cases.blocks.profile import DIGITS, ColumnProfile, quantiles, shares
from use_cases.invisible import without_invisible
from use_cases.record_schema import RecordId, Truncated

MAX_CHARACTERS = 100_000
SHORT, LONG = 200, 2_000
WORDS = "_words"
LEAST_TEXTS, MAX_WORDS = 20, 400


class Text(Block):
    """Free text, cleaned and cut into words. Of each text `maximum` characters are read; what is
    longer is cut, and the answer says so. `<name>_words` is log(1 + the number of words).
    """

    is_text: ClassVar[bool] = True

    def __init__(
        self,
        *names: str,
        maximum: int = MAX_CHARACTERS,
        missing: bool = False,
        cleaning: Cleaning = DEFAULT,
    ) -> None:
        self.names, self.maximum, self.nullable = names, maximum, missing
        self.cleaning = cleaning

    def field(self, name: str) -> tuple[Any, Any]:
        """Return any text."""
        del name
        kind: Any = str | None if self.nullable else str
        return Annotated[kind, Truncated(self.maximum)], None if self.nullable else ...

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the cleaned text."""
        return (name,)

    def numbers(self, name: str) -> tuple[str, ...]:
        """Return the length in words."""
        return (f"{name}{WORDS}",)

    def compute(self, column: pa.Array) -> Computed:
        """Return the cleaned texts and the logarithm of their length in words [N, 1]."""
        given = [without_invisible(text or "") for text in column.to_pylist()]
        lengths = np.array([len(text.split()) for text in given], np.float64)
        texts = pa.array([self.cleaning.of_visible(text) for text in given], pa.string())
        return Computed((texts,), np.log1p(lengths).astype(np.float32)[:, None])

    def golden(self) -> Sequence[Any]:
        """Return texts that exercise every step of the cleaning."""
        texts = [text[: self.maximum] for text in _GOLDEN]
        return [*texts, *([None] if self.nullable else [])]

    def measure(self, column: pa.Array) -> ColumnProfile:
        """Return the shares of frequent words, each of at least 20 texts, and of the length."""
        texts = [self.cleaning(text).split() for text in column.drop_null().to_pylist()]
        found = Counter(word for words in texts for word in set(words))
        least = max(LEAST_TEXTS, len(texts) // 1_000)
        counts = {w: n for w, n in found.most_common(MAX_WORDS) if n >= least}
        return ColumnProfile(
            missing=round(column.null_count / max(1, len(column)), DIGITS),
            quantiles=quantiles(np.array([len(words) for words in texts], np.float64)),
            shares=shares(counts),
            whole=True,
        )

    def assumed(self, place: float) -> ColumnProfile:
        """Return words that depend on `place`, and words that all classes share."""
        own = {f"word{round(place * 1_000):04d}{letter}": 3 for letter in "abcdefgh"}
        common = {f"common{letter}": 4 for letter in "abcdefghijklmnop"}
        return ColumnProfile(quantiles=(4, 20, 60), shares=shares(own | common), whole=True)

    def sample(self, profile: ColumnProfile, draw: Draw) -> pa.Array:
        """Return texts of words in any order."""
        moved = replace(draw, drift=draw.drift / 2)
        lengths = np.maximum(draw.numbers(profile), 1).astype(int)
        words = replace(moved, rows=int(lengths.sum())).levels(profile)
        ends = np.cumsum(lengths)
        texts = [
            " ".join(words[end - length : end])[: self.maximum]
            for end, length in zip(ends, lengths, strict=True)
        ]
        return pa.array(texts, pa.string(), mask=draw.absent(profile) if self.nullable else None)

    def slices(self, column: pa.Array) -> pa.Array | None:
        """Return `short` (below 200 characters), `medium` or `long` (2,000 and more)."""
        length = pc.utf8_length(column.fill_null(""))
        longer = pc.if_else(pc.less(length, LONG), "medium", "long")
        return pc.if_else(pc.less(length, SHORT), "short", longer)

    @property
    def slice_names(self) -> tuple[str, ...]:
        """The lengths."""
        return ("short", "medium", "long")

    def problems(self, name: str) -> list[str]:
        """Return the problem of a limit below one character."""
        if self.maximum < 1:
            return [f"the text {name!r} has a maximum of {self.maximum} characters; use 1 or more"]
        return []


class Id(Block):
    """The text by which the caller identifies a record. It is not a feature."""

    def __init__(self, name: str) -> None:
        self.names = (name,)

    def field(self, name: str) -> tuple[Any, Any]:
        """Return a text of at least one character."""
        del name
        return Annotated[str, Field(min_length=1), Truncated(1_000), RecordId()], ...

    def numbers(self, name: str) -> tuple[str, ...]:
        """Return nothing."""
        del name
        return ()

    def compute(self, column: pa.Array) -> Computed:
        """Return no features."""
        return Computed((), np.empty((len(column), 0), np.float32))

    def golden(self) -> Sequence[Any]:
        """Return one id."""
        return ["golden"]

    def measure(self, column: pa.Array) -> ColumnProfile:
        """Return nothing: an id may identify a person."""
        del column
        return ColumnProfile()

    def assumed(self, place: float) -> ColumnProfile:
        """Return nothing."""
        del place
        return ColumnProfile()

    def sample(self, profile: ColumnProfile, draw: Draw) -> pa.Array:
        """Return numbers in hexadecimal digits."""
        del profile
        digits = draw.random.integers(0, 1 << 62, draw.rows)
        return pa.array([f"generated-{number:016x}" for number in digits], pa.string())


_GOLDEN = (
    "",
    "   \n\t ",
    "The plot was wonderful, and I'd watch it again!",
    "Awful. Not worth $10.50 or 2 hours; see https://example.org/a?b=1 and www.example.com/x",
    "<p>It&#39;s <b>great</b><br/>really</p>",
    "GR\u00dcSSE aus Z\u00fcrich \U0001f389 \u514d\u8d39 na\u00efve caf\u00e9",
    "a\x00b don't won't CHILDREN running better mice",
    "word " * 500,
)
