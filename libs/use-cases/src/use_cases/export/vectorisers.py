"""Converters of text vectorisers that count and weigh as scikit-learn does."""

from typing import Any

from onnx import TensorProto
from skl2onnx import update_registered_converter
from skl2onnx.shape_calculators.text_vectorizer import (
    calculate_sklearn_text_vectorizer_output_shapes,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from platform_core.errors import InvalidInput
from use_cases.closed_vectoriser import TOKEN_PATTERN, ClosedTfidfVectorizer
from use_cases.export.grams import gram_counts
from use_cases.export.nodes import Nodes
from use_cases.export.words import plain_counts, word_counts


def check_vectoriser(step: CountVectorizer) -> None:
    """Refuse a vectoriser that calls functions of its own.

    Raises:
        InvalidInput: as said.
    """
    called = [name for name in ("preprocessor", "tokenizer") if getattr(step, name) is not None]
    if callable(step.analyzer):
        called.append("analyzer")
    if called:
        raise InvalidInput(
            f"{type(step).__name__} calls a function of its own ({called[0]}), which no graph can; "
            "call it in `features` of the use case"
        )


def _convert(scope: Any, operator: Any, container: Any) -> None:
    step = operator.raw_operator
    check_vectoriser(step)
    nodes = Nodes(scope, container)
    text, output = operator.inputs[0].full_name, operator.outputs[0].full_name
    if _is_plain(step):
        counts = plain_counts(nodes, text, step)
    else:
        counts = (word_counts if step.analyzer == "word" else gram_counts)(nodes, text, step)
    if step.binary:
        counts = nodes.add("Cast", counts, to=TensorProto.BOOL)
        counts = nodes.add("Cast", counts, to=TensorProto.FLOAT)
    if isinstance(step, TfidfVectorizer):
        counts = _weighted(nodes, counts, step)
    nodes.add("Identity", counts, output=output)


def _is_plain(step: CountVectorizer) -> bool:
    """Return whether ONNX Runtime's tokenizer, which is twice as fast, finds the same words."""
    leaves_out = step.stop_words is not None and step.ngram_range[1] > 1
    changes = step.lowercase or step.strip_accents is not None or leaves_out
    return step.analyzer == "word" and step.token_pattern == TOKEN_PATTERN and not changes


def _weighted(nodes: Nodes, counts: str, step: TfidfVectorizer) -> str:
    if step.sublinear_tf:  # 1 + log(n) where a term occurs
        logs = nodes.add("Log", nodes.add("Max", counts, nodes.floats([1.0])))
        occurs = nodes.add("Min", counts, nodes.floats([1.0]))
        counts = nodes.add("Mul", nodes.add("Add", logs, nodes.floats([1.0])), occurs)
    if step.use_idf:
        counts = nodes.add("Mul", counts, nodes.floats(step.idf_))
    if step.norm is not None:
        counts = nodes.add("Normalizer", counts, op_domain="ai.onnx.ml", norm=step.norm.upper())
    return counts


for _kind in (CountVectorizer, TfidfVectorizer, ClosedTfidfVectorizer):
    update_registered_converter(
        _kind, f"Exact{_kind.__name__}", calculate_sklearn_text_vectorizer_output_shapes, _convert
    )
