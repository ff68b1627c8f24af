"""The parts of a record that can be left out: words or sentences of texts, and other fields."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pyarrow as pa

from use_cases import UseCase

MAX_TEXT_PARTS = 60
MAX_FIELD_ROWS = 120
MAX_REPLACEMENTS = 5
_WORD = re.compile(r"\S+")
_SENTENCE = re.compile(r"\S.*?(?:[.!?](?=\s)|\n|\Z)", re.DOTALL)
Span = tuple[int, int]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class RecordPart:
    """A part of a record. `span` is its place in a text, `None` for a whole field.

    `replacements` are the values of the field without it, one per row to predict; none where there
    is nothing to put in its place.
    """

    field: str
    span: Span | None
    replacements: Sequence[Any]


def record_parts(case: UseCase, row: Row) -> list[RecordPart]:
    """Return the parts of one row of `record_schema`, in its order; the id is not one."""
    names = [field.name for field in case.record_schema if field.name != case.id_column]
    texts = [name for name in names if _is_text(case, name)]
    spans = text_spans({name: row[name] or "" for name in texts})
    others = len(names) - len(texts)
    most = min(MAX_REPLACEMENTS, max(1, MAX_FIELD_ROWS // max(1, others)))
    left = MAX_FIELD_ROWS
    found: list[RecordPart] = []
    for name in names:
        if name in spans:
            found += [_text_part(case, name, row[name], span) for span in spans[name]]
        else:
            replacements = _replacements(case, name, row[name])[: min(most, left)]
            left -= len(replacements)
            found.append(RecordPart(name, None, replacements))
    return found


def text_spans(texts: Mapping[str, str]) -> dict[str, list[Span]]:
    """Return the places of the words of each text, at most 60 in all. Where there are more words
    they are the places of sentences, and where there are too many of these, of runs of words.
    """
    words = {name: [one.span() for one in _WORD.finditer(text)] for name, text in texts.items()}
    count = sum(map(len, words.values()))
    if count <= MAX_TEXT_PARTS:
        return words
    sentences = {
        name: [
            (one.start(), one.start() + len(one[0].rstrip())) for one in _SENTENCE.finditer(text)
        ]
        for name, text in texts.items()
    }
    if sum(map(len, sentences.values())) <= MAX_TEXT_PARTS:
        return sentences
    # One more part per text, because the last run of each may be short.
    length = -(-count // max(1, MAX_TEXT_PARTS - len(texts)))
    return {name: list(_runs(found, length)) for name, found in words.items()}


def _runs(words: Sequence[Span], length: int) -> Iterator[Span]:
    borders = [*range(0, len(words), length), len(words)]
    for first, after in pairwise(borders):
        yield words[first][0], words[after - 1][1]


def _text_part(case: UseCase, name: str, text: str, span: Span) -> RecordPart:
    start, end = span
    rest = text[:start] + text[end:]
    limits = case.limits.get(name)
    shortest = limits.minimum if limits else 0
    return RecordPart(name, span, [rest] if len(rest) >= shortest else [])


def _replacements(case: UseCase, name: str, value: Any) -> list[Any]:
    """Return what the field may have instead: nothing, another choice, or an example's value."""
    if name in case.declaration.nullable:
        return [] if value is None else [None]
    choices = _choices(case, name)
    if not choices:
        examples = [case.record.model_validate(one) for one in case.examples.values()]
        choices = tuple(case.declaration.values(examples)[name])
    return [one for one in dict.fromkeys(choices) if one is not None and one != value]


def _is_text(case: UseCase, name: str) -> bool:
    return case.record_schema.field(name).type == pa.string() and not _choices(case, name)


def _choices(case: UseCase, name: str) -> tuple[str, ...]:
    """Return the texts that a field may have, none where it may have any."""
    field = case.record.model_fields.get(name)
    annotation = field.annotation if field else None
    options = [annotation]
    if get_origin(annotation) in {Union, UnionType}:
        options = list(get_args(annotation))
    return next((get_args(one) for one in options if get_origin(one) is Literal), ())
