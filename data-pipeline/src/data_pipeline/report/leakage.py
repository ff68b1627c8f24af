"""How well each column alone predicts the label: a leak, or a sign that the classes were
collected in different places.

A column is encoded as one number per row. Numbers, times and booleans are taken as they are,
every column also by whether it has a value (`missing`: null or blank). Text has no order:

- `category`: the share of the class among the *other* rows with the same value (out of fold, so
  an id that never repeats predicts nothing, while a repeated sender or code does);

and, where it has more than 50 different values, also

- `length`: its characters;
- `word`: whether one word occurs in it. The word is chosen on one half of the rows and measured
  on the other. It finds a footer, a header or an address that gives the class away.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_pipeline.report.contract import ColumnAuc, ColumnReport, Role

# A class with fewer rows than this says nothing about a column.
MIN_ROWS_PER_SIDE = 10
MAX_CATEGORIES = 50
# The word is searched for in so many rows, in the characters at both ends.
WORD_ROWS, WORD_CHARACTERS, WORD_MIN_SHARE = 4_000, 500, 0.005
_WORD = r"[^\W_]{2,}"
_Z_95 = 1.959964
_TIMES = (pa.timestamp("us"), pa.timestamp("us", tz="UTC"))
# The beginning and the end of the warning, the roles that reach the model first.
_WARNINGS = {
    Role.FEATURE: (
        "Model features that alone predict the label",
        "The model may rely on nothing else: check that they are known, and mean the same, at "
        "prediction time.",
    ),
    Role.ENTITY: (
        "Entity features that alone predict the label",
        "The model sees them: check that they mean the same for records from other sources.",
    ),
    Role.RECORD: (
        "Record columns that alone predict the label",
        "Features are computed from them: check that these do not leak the label.",
    ),
    Role.TIME: (
        "The time alone predicts the label",
        "It never reaches a model, but anything else that changed over time may be learned "
        "instead of the label.",
    ),
    Role.NONE: (
        "Columns that reach no feature but alone predict the label",
        "They never reach a model, but show that the classes were collected in different places "
        "or ways: metrics on this data may not hold elsewhere.",
    ),
}

# From the rows of a class (bool [N]) to a score per row and, where there is one, the word.
_Encoding = Callable[[np.ndarray], tuple[np.ndarray, str]]


def auc(scores: np.ndarray, positive: np.ndarray) -> tuple[float, float, float, int] | None:
    """Return the AUC of `scores` (float64 [N]) for the `positive` rows (bool [N]), the ends of
    its 95 % interval, and the number of rows whose score is not NaN.

    The AUC is at least 0.5: a score in the wrong direction predicts as well. Ties count half.
    `None` with fewer than 10 rows on either side. The interval is DeLong's (DeLong, DeLong and
    Clarke-Pearson 1988) from mid-ranks (Sun and Xu 2014), cut to 0.5 to 1.
    """
    known = ~np.isnan(scores)
    scores, positive = scores[known], positive[known]
    ones, zeros = scores[positive], scores[~positive]
    if min(len(ones), len(zeros)) < MIN_ROWS_PER_SIDE:
        return None
    ranks = _mid_ranks(scores)
    # For each row the share of the rows of the other side that it is ordered correctly with.
    of_ones = (ranks[positive] - _mid_ranks(ones)) / len(zeros)
    of_zeros = 1 - (ranks[~positive] - _mid_ranks(zeros)) / len(ones)
    value = max(of_ones.mean(), 1 - of_ones.mean())
    variance = of_ones.var(ddof=1) / len(ones) + of_zeros.var(ddof=1) / len(zeros)
    margin = _Z_95 * np.sqrt(variance)
    low, high = max(0.5, value - margin), min(1.0, value + margin)
    return float(value), float(low), float(high), len(scores)


def column_aucs(
    values: pa.Array, labels: pa.Array, classes: Sequence[str]
) -> tuple[ColumnAuc, ...]:
    """Return the AUC of each encoding of `values`, the strongest first.

    Each is of the one of `classes` that the encoding predicts best.
    """
    encodings = _encodings(known_values(values))
    found = (_strongest(name, encode, labels, classes) for name, encode in encodings)
    return tuple(sorted(filter(None, found), key=lambda one: -one.auc))


def leak_warnings(columns: Sequence[ColumnReport], limit: float) -> Iterator[str]:
    """Yield a warning for each role that has columns above the `limit`."""
    for role, (opening, advice) in _WARNINGS.items():
        named = ", ".join(
            f"{one.name} ({described(one.aucs[0])})"
            for one in columns
            if one.warning and one.role is role
        )
        if named:
            yield f"{opening} (AUC above {limit:g}): {named}. {advice}"


def described(one: ColumnAuc) -> str:
    """Return an AUC in words."""
    return f"{one.auc:.4f} for {one.of_class} by its {encoding_name(one)}"


def encoding_name(one: ColumnAuc) -> str:
    """Return the encoding in words."""
    if one.encoding == "word":
        return f"word “{one.word}”"
    return {"category": "value", "missing": "absence"}.get(one.encoding, one.encoding)


def known_values(values: pa.Array) -> pa.Array:
    """Return `values` with blank text as null, without dictionary encoding."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if not is_text(values.type):
        return values
    blank = pc.equal(pc.utf8_trim_whitespace(values), "")
    return pc.if_else(blank, pa.scalar(None, values.type), values)


def as_numbers(values: pa.Array) -> np.ndarray | None:
    """Return numbers, times (microseconds) and booleans as float64, null as NaN; `None` for
    text, unless every value of it is a number or an ISO 8601 time.
    """
    kind = values.type
    if is_text(kind):
        targets = (pa.float64(), *_TIMES)
        typed = next((t for t in (_cast(values, target) for target in targets) if t), None)
        return None if typed is None or typed.null_count == len(typed) else as_numbers(typed)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        values = values.cast(pa.timestamp("us", tz=getattr(kind, "tz", None)), safe=False)
    if pa.types.is_temporal(kind):
        values = _cast(values, pa.int64()) or values
    numbers = _cast(values, pa.float64())
    return None if numbers is None else numbers.to_numpy(zero_copy_only=False)


def is_text(kind: pa.DataType) -> bool:
    """Return whether a type is that of text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _mid_ranks(values: np.ndarray) -> np.ndarray:
    """Return the rank of each value, from 1; equal values have the mean of their ranks."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: np.ndarray = (counts.cumsum() - (counts - 1) / 2)[places]
    return ranks


def _strongest(
    name: str, encode: _Encoding, labels: pa.Array, classes: Sequence[str]
) -> ColumnAuc | None:
    found = []
    for of_class in classes:
        positive = pc.equal(labels, of_class).to_numpy(zero_copy_only=False)
        if min(positive.sum(), (~positive).sum()) < MIN_ROWS_PER_SIDE:
            continue
        scores, word = encode(positive)
        if area := auc(scores, positive):
            names = ("auc", "low", "high", "rows")
            measured = dict(zip(names, area, strict=True))
            found.append(ColumnAuc(encoding=name, word=word, of_class=of_class, **measured))
    return max(found, key=lambda one: one.auc, default=None)


def _encodings(values: pa.Array) -> Iterator[tuple[str, _Encoding]]:
    if 0 < values.null_count < len(values):
        yield "missing", _constant(values.is_null())
    numbers = as_numbers(values)
    if numbers is not None:
        yield "value", lambda _: (numbers, "")
    elif is_text(values.type) and values.null_count < len(values):
        yield "category", _category(values)
        if pc.count_distinct(values).as_py() > MAX_CATEGORIES:
            yield "length", _constant(pc.utf8_length(values))
            yield from _word(values)


def _constant(scores: pa.Array) -> _Encoding:
    numbers = scores.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return lambda _: (numbers, "")


def _category(values: pa.Array) -> _Encoding:
    # A table of numbers does not need scikit-learn.
    from sklearn.model_selection import StratifiedKFold
    from sklearn.preprocessing import TargetEncoder

    codes = values.dictionary_encode(null_encoding="encode").indices.to_numpy()[:, None]
    encoder = TargetEncoder(
        target_type="binary", cv=StratifiedKFold(5, shuffle=True, random_state=0)
    )
    return lambda positive: (encoder.fit_transform(codes, positive.astype(np.int8))[:, 0], "")


def _word(values: pa.Array) -> Iterator[tuple[str, _Encoding]]:
    from sklearn.feature_extraction.text import CountVectorizer

    rows = np.arange(0, len(values), max(1, len(values) // WORD_ROWS))
    texts = values.take(pa.array(rows))
    start = pc.utf8_slice_codeunits(texts, 0, WORD_CHARACTERS)
    end = pc.utf8_slice_codeunits(texts, -WORD_CHARACTERS, None)
    ends = pc.binary_join_element_wise(start, end, " ").fill_null("").to_pylist()
    counter = CountVectorizer(
        binary=True, token_pattern=_WORD, min_df=WORD_MIN_SHARE, dtype=np.float32
    )
    try:
        occurs = counter.fit_transform(ends).tocsr()
    except ValueError:  # no word is frequent enough
        return
    words = counter.get_feature_names_out()
    choosing, measuring = slice(0, None, 2), slice(1, None, 2)

    def encode(positive: np.ndarray) -> tuple[np.ndarray, str]:
        chosen = _most_telling(occurs[choosing], positive[rows[choosing]])
        scores = np.full(len(values), np.nan)
        scores[rows[measuring]] = occurs[measuring, chosen].toarray()[:, 0]
        return scores, str(words[chosen])

    yield "word", encode


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
