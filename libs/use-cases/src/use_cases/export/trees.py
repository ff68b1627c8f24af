"""Boosted trees as one ONNX node that answers the same, bit by bit where a row takes a branch.

ONNX Runtime compares float32 values with float32 thresholds. Boosting libraries compare the same
values with float64 thresholds, so rounding a threshold to the nearest float32 may send a row to the
other side. For float32 x and any t, `x <= t` holds exactly where `x <= floor32(t)` does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from onnx import TensorProto

from platform_core.errors import InvalidInput

Array = np.ndarray[Any, np.dtype[Any]]

_LEAF = -1
TWO_CLASSES = 2


@dataclass(frozen=True)
class Tree:
    """One tree of N nodes: the root is node 0.

    `left` [N] is the child where the comparison holds, `right` [N] the other; both are -1 in a
    leaf. `values` [N] is the score of a leaf, `target` the score that it adds to.
    """

    features: Array
    thresholds: Array
    left: Array
    right: Array
    values: Array
    target: int


@dataclass(frozen=True)
class Ensemble:
    """Trees whose leaves add up to `base` [K]; a row goes left where x `comparison` threshold."""

    trees: Sequence[Tree]
    base: Sequence[float]
    comparison: Literal["BRANCH_LEQ", "BRANCH_LT"]


def attributes(ensemble: Ensemble) -> dict[str, Any]:
    """Return the attributes of the `TreeEnsembleRegressor` [N, K] of an ensemble.

    Raises:
        InvalidInput: the ensemble has no tree.
    """
    trees = ensemble.trees
    if not trees:
        raise InvalidInput("the model has no trees; train it with more rows or iterations")
    sizes = [len(tree.left) for tree in trees]
    ids = np.repeat(np.arange(len(trees)), sizes)
    nodes = np.concatenate([np.arange(size) for size in sizes])
    left = np.concatenate([tree.left for tree in trees])
    leaves = left == _LEAF
    inner = np.where(leaves, 0.0, np.concatenate([tree.thresholds for tree in trees]))
    targets = np.repeat([tree.target for tree in trees], sizes)
    modes = np.where(leaves, "LEAF", ensemble.comparison)
    children = [
        np.where(leaves, 0, np.concatenate([getattr(t, s) for t in trees]))
        for s in ("features", "left", "right")
    ]
    return {
        "n_targets": len(ensemble.base),
        "base_values": [float(value) for value in ensemble.base],
        "aggregate_function": "SUM",
        "post_transform": "NONE",
        "nodes_treeids": ids.tolist(),
        "nodes_nodeids": nodes.tolist(),
        "nodes_featureids": children[0].tolist(),
        "nodes_values": floor32(inner).tolist(),
        "nodes_modes": modes.tolist(),
        "nodes_truenodeids": children[1].tolist(),
        "nodes_falsenodeids": children[2].tolist(),
        "target_treeids": ids[leaves].tolist(),
        "target_nodeids": nodes[leaves].tolist(),
        "target_ids": targets[leaves].tolist(),
        "target_weights": np.concatenate([t.values for t in trees])[leaves].tolist(),
    }


def floor32(values: Array) -> Array:
    """Return for each value the largest float32 that is not above it."""
    nearest = values.astype(np.float32)
    return np.where(nearest > values, np.nextafter(nearest, np.float32(-np.inf)), nearest)


def add_probabilities(
    scope: Any, container: Any, scores: str, classes: Array, outputs: Sequence[str]
) -> None:
    """Add the nodes from `scores` [N, K] to the outputs: the label [N], and probabilities [N, C].

    One score is the log-odds of the second class, several are made probabilities by softmax.
    """
    label, probabilities = outputs
    name = scope.get_unique_variable_name
    if len(classes) == TWO_CLASSES:
        positive, one, negative = name("positive"), name("one"), name("negative")
        container.add_initializer(one, TensorProto.FLOAT, [1], [1.0])
        container.add_node("Sigmoid", scores, positive)
        container.add_node("Sub", [one, positive], negative, op_version=14)
        container.add_node("Concat", [negative, positive], probabilities, axis=1, op_version=13)
    else:
        container.add_node("Softmax", scores, probabilities, axis=1, op_version=13)
    add_label(scope, container, probabilities, classes, label)


def add_label(scope: Any, container: Any, probabilities: str, classes: Array, label: str) -> None:
    """Add the nodes from probabilities [N, C] to the most probable class [N]."""
    best = scope.get_unique_variable_name("best")
    names = scope.get_unique_variable_name("classes")
    container.add_initializer(
        names, TensorProto.STRING, [len(classes)], [str(one).encode() for one in classes]
    )
    container.add_node("ArgMax", probabilities, best, axis=1, keepdims=0, op_version=13)
    container.add_node("Gather", [names, best], label, op_version=13)
