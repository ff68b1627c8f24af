"""Ways of reading a column as one number per row, so that its AUC can be taken.

Numbers, times and booleans are read as they are, every column also by whether it has a value
(`missing`: null or blank). Text has no order, so it is read otherwise:

- `category`: the share of the class among the *other* rows with the same value (out of fold,
  so an id that never repeats tells nothing, while a sender or a code that does is found);

and, where it has more than 50 different values, also by

- `length`: its characters;
- `word`: whether one word occurs in it, the most telling one of one half of the rows, measured
  on the other half. This finds a footer, a header or an address that gives the class away
  without judging the text as a whole, which is what the model is for.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import TargetEncoder

from data_pipeline.report.auc import MIN_ROWS_PER_SIDE, auc
from data_pipeline.report.contract import Reading

MAX_CATEGORIES = 50
# Where a word is looked for: in so many rows, in the characters at either end.
WORD_ROWS = 4_000
WORD_CHARACTERS = 500
WORD_MIN_SHARE = 0.005
_WORD = r"[^\W_]{2,}"
_FOLDS = StratifiedKFold(5, shuffle=True, random_state=0)
_TIMES = (pa.timestamp("us"), pa.timestamp("us", tz="UTC"))

# From the rows of a class (bool [N]) to the word that was found, if any, and a score per row.
_Measure = Callable[[np.ndarray], tuple[str, np.ndarray]]


def readings(values: pa.Array, labels: pa.Array, classes: Sequence[str]) -> tuple[Reading, ...]:
    """Return every reading of `values` that has an AUC against `labels`, strongest first.

    `classes` are the classes that are told from the rest; each reading is of the one it tells
    best. A reading with fewer than 10 known rows on either side has none and is left out.
    """
    found = (
        _strongest(how, measure, labels, classes)
        for how, measure in _measures(known_values(values))
    )
    return tuple(sorted(filter(None, found), key=lambda reading: -reading.auc))


def known_values(values: pa.Array) -> pa.Array:
    """Return `values` with blank text as null, without dictionary encoding."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if not _is_text(values.type):
        return values
    blank = pc.equal(pc.utf8_trim_whitespace(values), "")
    return pc.if_else(blank, pa.scalar(None, values.type), values)


def as_numbers(values: pa.Array) -> np.ndarray | None:
    """Return numbers, times (microseconds) and booleans as float64, null as NaN; `None` for
    text, unless every value of it is a number or an ISO 8601 time.
    """
    kind = values.type
    if _is_text(kind):
        targets = (pa.float64(), *_TIMES)
        typed = next((t for t in (_cast(values, target) for target in targets) if t), None)
        return None if typed is None or typed.null_count == len(typed) else as_numbers(typed)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        values = values.cast(pa.timestamp("us", tz=getattr(kind, "tz", None)), safe=False)
    if pa.types.is_temporal(kind):
        values = _cast(values, pa.int64()) or values
    numbers = _cast(values, pa.float64())
    return None if numbers is None else numbers.to_numpy(zero_copy_only=False)


def _strongest(
    how: str, measure: _Measure, labels: pa.Array, classes: Sequence[str]
) -> Reading | None:
    best: Reading | None = None
    for name in classes:
        positive = pc.equal(labels, name).to_numpy(zero_copy_only=False)
        if min(positive.sum(), (~positive).sum()) < MIN_ROWS_PER_SIDE:
            continue
        word, scores = measure(positive)
        area = auc(scores, positive)
        if area is not None and (best is None or area.value > best.auc):
            best = Reading(
                how=how, word=word, of_class=name,
                auc=area.value, low=area.low, high=area.high, rows=area.rows,
            )  # fmt: skip
    return best


def _measures(values: pa.Array) -> Iterator[tuple[str, _Measure]]:
    if 0 < values.null_count < len(values):
        yield "missing", _always(values.is_null())
    numbers = as_numbers(values)
    if numbers is not None:
        yield "value", lambda _: ("", numbers)
    elif _is_text(values.type) and values.null_count < len(values):
        yield "category", _category(values)
        if pc.count_distinct(values).as_py() > MAX_CATEGORIES:
            yield "length", _always(pc.utf8_length(values))
            yield from _word(values)


def _always(scores: pa.Array) -> _Measure:
    numbers = scores.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return lambda _: ("", numbers)


def _category(values: pa.Array) -> _Measure:
    codes = values.dictionary_encode(null_encoding="encode").indices.to_numpy()[:, None]

    def measure(positive: np.ndarray) -> tuple[str, np.ndarray]:
        encoder = TargetEncoder(target_type="binary", cv=_FOLDS)
        return "", encoder.fit_transform(codes, positive.astype(np.int8))[:, 0]

    return measure


def _word(values: pa.Array) -> Iterator[tuple[str, _Measure]]:
    rows = np.arange(0, len(values), max(1, len(values) // WORD_ROWS))
    counter = CountVectorizer(
        binary=True, token_pattern=_WORD, min_df=WORD_MIN_SHARE, dtype=np.float32
    )
    try:
        occurs = counter.fit_transform(_ends(values.take(pa.array(rows)))).tocsr()
    except ValueError:  # no word is frequent enough
        return
    words = counter.get_feature_names_out()
    choosing, measuring = slice(0, None, 2), slice(1, None, 2)

    def measure(positive: np.ndarray) -> tuple[str, np.ndarray]:
        chosen = _most_telling(occurs[choosing], positive[rows[choosing]])
        scores = np.full(len(values), np.nan)
        scores[rows[measuring]] = occurs[measuring, chosen].toarray()[:, 0]
        return str(words[chosen]), scores

    yield "word", measure


def _ends(texts: pa.Array) -> list[str]:
    start = pc.utf8_slice_codeunits(texts, 0, WORD_CHARACTERS)
    end = pc.utf8_slice_codeunits(texts, -WORD_CHARACTERS, None)
    return list(pc.binary_join_element_wise(start, end, " ").fill_null("").to_pylist())


def _most_telling(occurs: Any, positive: np.ndarray) -> int:
    """Return the word whose shares among the two sides differ most."""
    ones, zeros = occurs[positive].sum(axis=0), occurs[~positive].sum(axis=0)
    difference = ones / max(positive.sum(), 1) - zeros / max((~positive).sum(), 1)
    return int(np.abs(difference).argmax())


def _cast(values: pa.Array, target: pa.DataType) -> pa.Array | None:
    try:
        return values.cast(target, safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
