"""Which metrics a PromQL expression reads, and which labels of them it relies on."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import promql_parser

LABELS_OF_THE_LEFT_SIDE = {"and", "unless", "+", "-", "*", "/", "%", "^", ">", "<", ">=", "<="}


class MetricUse(NamedTuple):
    """A metric in an expression, and the labels of it that the expression or its reader names."""

    metric: str
    labels: frozenset[str]


def metric_uses(expression: str, shown: frozenset[str] = frozenset()) -> list[MetricUse]:
    """Return the metrics of an expression; `shown` are labels that its result must have.

    Raises:
        ValueError: it is not PromQL.
    """
    return list(_uses(promql_parser.parse(expression), shown))


def _uses(node: Any, wanted: frozenset[str]) -> Iterator[MetricUse]:
    """Yield the uses below a node whose result must have the labels `wanted`."""
    kind = type(node).__name__
    if kind == "VectorSelector":
        matched = {matcher.name for matcher in node.matchers.matchers}
        yield MetricUse(node.name, wanted | matched)
    elif kind == "MatrixSelector":
        yield from _uses(node.vector_selector, wanted)
    elif kind == "AggregateExpr":
        yield from _uses(node.expr, _grouped(node, wanted))
    elif kind == "BinaryExpr":
        yield from _operands(node, wanted)
    elif kind == "Call":
        yield from _arguments(node, wanted)
    elif kind in {"ParenExpr", "SubqueryExpr", "UnaryExpr"}:
        yield from _uses(node.expr, wanted)


def _grouped(node: Any, wanted: frozenset[str]) -> frozenset[str]:
    """Return the labels that an aggregation reads."""
    labels = frozenset(node.modifier.labels) if node.modifier else frozenset()
    if node.modifier and node.modifier.type == promql_parser.AggModifierType.Without:
        return wanted | labels
    assert wanted <= labels, f"{node} drops {', '.join(sorted(wanted - labels))}"
    return labels


def _operands(node: Any, wanted: frozenset[str]) -> Iterator[MetricUse]:
    matching = node.modifier.matching if node.modifier else None
    matched = frozenset(matching.labels) if matching else frozenset()
    one_sided = str(node.op) in LABELS_OF_THE_LEFT_SIDE
    numbers = type(node.lhs).__name__ in {"NumberLiteral", "Call"} and not _vectors(node.lhs)
    yield from _uses(node.lhs, matched if numbers else wanted | matched)
    yield from _uses(node.rhs, matched if one_sided and not numbers else wanted | matched)


def _vectors(node: Any) -> bool:
    """Return whether an expression has a metric."""
    return any(True for _ in _uses(node, frozenset()))


def _arguments(node: Any, wanted: frozenset[str]) -> Iterator[MetricUse]:
    if node.func.name == "label_replace":
        made, source = node.args[1].val, node.args[3].val
        wanted = wanted - {made} | ({source} if source else frozenset())
    if node.func.name == "histogram_quantile":
        wanted = wanted | {"le"}
    for argument in node.args:
        yield from _uses(argument, wanted)
