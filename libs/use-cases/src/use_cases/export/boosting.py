"""Converters of histogram gradient boosting, LightGBM and XGBoost (see `trees`)."""

import json
import sys
from collections.abc import Callable, Mapping
from math import log
from typing import Any

import numpy as np
from skl2onnx import update_registered_converter
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)
from sklearn.base import is_classifier

from platform_core.errors import InvalidInput
from use_cases.export.trees import Ensemble, Tree, add_probabilities, attributes

_LIGHT_OBJECTIVES = (
    "binary sigmoid:1",
    "multiclass num_class",
    "regression",
    "huber",
    "quantile",
)
_EXTREME_LINKS: Mapping[str, Callable[[float], float]] = {
    "binary:logistic": lambda share: log(share / (1 - share)),
    "multi:softprob": float,
    "reg:squarederror": float,
    "reg:absoluteerror": float,
}

Read = Callable[[Any], Ensemble]


def histogram(model: Any) -> Ensemble:
    """Return the trees of scikit-learn's histogram gradient boosting.

    Raises:
        InvalidInput: the model splits by categories, or its loss has a link of its own.
    """
    if model.is_categorical_ is not None:
        raise _unsupported(model, "splits by categories; give categories as one-hot numbers")
    if model.loss not in ("log_loss", "squared_error", "absolute_error", "quantile"):
        raise _unsupported(model, f"has the loss {model.loss!r}, whose link has no conversion")
    trees = [
        _histogram_tree(predictor.nodes, target)
        for iteration in model._predictors
        for target, predictor in enumerate(iteration)
    ]
    return Ensemble(trees, np.ravel(model._baseline_prediction).tolist(), "BRANCH_LEQ")


def _histogram_tree(nodes: Any, target: int) -> Tree:
    leaves = nodes["is_leaf"].astype(bool)
    return Tree(
        features=nodes["feature_idx"],
        thresholds=nodes["num_threshold"],
        left=np.where(leaves, -1, nodes["left"].astype(np.int64)),
        right=np.where(leaves, -1, nodes["right"].astype(np.int64)),
        values=nodes["value"],
        target=target,
    )


def light(model: Any) -> Ensemble:
    """Return the trees of a LightGBM model.

    Raises:
        InvalidInput: the model splits by categories, has linear trees or a custom objective.
    """
    dumped = model.booster_.dump_model()
    objective = dumped.get("objective", "custom")
    if not objective.startswith(_LIGHT_OBJECTIVES):
        raise _unsupported(model, f"has the objective {objective!r}, which has no conversion")
    scores = dumped["num_tree_per_iteration"]
    trees = [
        _light_tree(model, one["tree_structure"], number % scores)
        for number, one in enumerate(dumped["tree_info"])
    ]
    return Ensemble(trees, [0.0] * scores, "BRANCH_LEQ")


def _light_tree(model: Any, root: Mapping[str, Any], target: int) -> Tree:
    rows: list[list[Any]] = []

    def add(node: Mapping[str, Any]) -> int:
        number = len(rows)
        rows.append([0, 0.0, -1, -1, node.get("leaf_value", 0.0)])
        if "leaf_const" in node:
            raise _unsupported(model, "has linear trees, which have no conversion")
        if "split_feature" in node:
            if node["decision_type"] != "<=":
                raise _unsupported(model, "splits by categories; give them as one-hot numbers")
            rows[number][:2] = node["split_feature"], node["threshold"]
            rows[number][2] = add(node["left_child"])
            rows[number][3] = add(node["right_child"])
        return number

    add(root)
    features, thresholds, left, right, values = map(np.asarray, zip(*rows, strict=True))
    return Tree(features, thresholds, left, right, values, target)


def extreme(model: Any) -> Ensemble:
    """Return the trees of an XGBoost model.

    Raises:
        InvalidInput: the booster is not `gbtree`, splits by categories or has an objective other
            than those of classes and squared or absolute error.
    """
    booster = model.get_booster()
    if getattr(model, "early_stopping_rounds", None):
        booster = booster[: model.best_iteration + 1]
    learner = json.loads(booster.save_raw("json"))["learner"]
    objective = learner["objective"]["name"]
    if learner["gradient_booster"]["name"] != "gbtree":
        raise _unsupported(model, f"has the booster {learner['gradient_booster']['name']!r}")
    if objective not in _EXTREME_LINKS:
        raise _unsupported(model, f"has the objective {objective!r}, which has no conversion")
    grown = learner["gradient_booster"]["model"]
    trees = [
        _extreme_tree(model, *one) for one in zip(grown["trees"], grown["tree_info"], strict=True)
    ]
    base = np.ravel(json.loads(learner["learner_model_param"]["base_score"]))
    scores = max(1, int(learner["learner_model_param"]["num_class"]))
    starts = np.broadcast_to([_EXTREME_LINKS[objective](value) for value in base], scores)
    return Ensemble(trees, starts.tolist(), "BRANCH_LT")


def _extreme_tree(model: Any, tree: Mapping[str, Any], target: int) -> Tree:
    if tree["categories_nodes"]:
        raise _unsupported(model, "splits by categories; give them as one-hot numbers")
    left = np.asarray(tree["left_children"])
    conditions = np.asarray(tree["split_conditions"], np.float32)
    return Tree(
        features=np.asarray(tree["split_indices"]),
        thresholds=conditions,
        left=left,
        right=np.asarray(tree["right_children"]),
        values=conditions,
        target=target,
    )


def _unsupported(model: Any, why: str) -> InvalidInput:
    return InvalidInput(f"{type(model).__name__} {why}")


def _converter(read: Read) -> Callable[[Any, Any, Any], None]:
    def convert(scope: Any, operator: Any, container: Any) -> None:
        model = operator.raw_operator
        ensemble = read(model)
        outputs = operator.output_full_names
        scores = scope.get_unique_variable_name("scores") if is_classifier(model) else outputs[0]
        container.add_node(
            "TreeEnsembleRegressor",
            operator.input_full_names,
            scores,
            op_domain="ai.onnx.ml",
            op_version=3,
            name=scope.get_unique_operator_name("TreeEnsembleRegressor"),
            **attributes(ensemble),
        )
        if is_classifier(model):
            add_probabilities(scope, container, scores, model.classes_, outputs)

    return convert


_REGISTERED = (
    (histogram, "sklearn.ensemble", "HistGradientBoostingClassifier", True),
    (histogram, "sklearn.ensemble", "HistGradientBoostingRegressor", False),
    (light, "lightgbm", "LGBMClassifier", True),
    (light, "lightgbm", "LGBMRegressor", False),
    (extreme, "xgboost", "XGBClassifier", True),
    (extreme, "use_cases.stock.xgboost", "XGBoostClassifier", True),
    (extreme, "xgboost", "XGBRegressor", False),
)
_OPTIONS = {"nocl": [True, False], "zipmap": [True, False, "columns"]}


def register_converters() -> None:
    """Register the converters of the libraries that are loaded, as that of a fitted model is.

    The others are not imported: they take seconds, and LightGBM needs OpenMP on the system.
    """
    for read, library, name, classifies in _REGISTERED:
        if library not in sys.modules:
            continue
        update_registered_converter(
            getattr(sys.modules[library], name),
            f"Exact{name}",
            calculate_linear_classifier_output_shapes
            if classifies
            else calculate_linear_regressor_output_shapes,
            _converter(read),
            options=_OPTIONS if classifies else None,
        )
