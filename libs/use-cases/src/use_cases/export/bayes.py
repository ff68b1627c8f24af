"""Converters of naive Bayes without loss of precision.

The log-likelihoods of a row are sums of large numbers; what decides is how they differ from class
to class. Multinomial models get these differences as weights. The squares of a Gaussian model are
added up in double precision.
"""

from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx import update_registered_converter
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
from skl2onnx.operator_converters.linear_classifier import convert_sklearn_linear_classifier
from sklearn.naive_bayes import ComplementNB, GaussianNB, MultinomialNB

from use_cases.export.nodes import Nodes
from use_cases.export.trees import add_label
from use_cases.stock.bayes import DoubleGaussianNB, NaiveBayesLogisticRegression


def _multinomial(scope: Any, operator: Any, container: Any) -> None:
    model = operator.raw_operator
    weights = model.feature_log_prob_ - model.feature_log_prob_.mean(axis=0)
    prior = _prior(model)
    nodes = Nodes(scope, container)
    label, probabilities = operator.output_full_names
    scores = nodes.add(
        "LinearRegressor",
        operator.inputs[0].full_name,
        op_domain="ai.onnx.ml",
        targets=len(weights),
        coefficients=weights.ravel().tolist(),
        intercepts=(prior - prior.mean()).tolist(),
    )
    nodes.add("Softmax", scores, output=probabilities, axis=1)
    add_label(scope, container, probabilities, model.classes_, label)


def _prior(model: Any) -> np.ndarray:
    if isinstance(model, ComplementNB):  # only one class has a prior worth the name
        return np.zeros(len(model.classes_))
    return np.asarray(model.class_log_prior_)


def _gaussian(scope: Any, operator: Any, container: Any) -> None:
    model = operator.raw_operator
    constant = np.log(model.class_prior_) - 0.5 * (
        np.log(2 * np.pi * model.var_) + model.theta_**2 / model.var_
    ).sum(axis=1)
    nodes = Nodes(scope, container)
    label, probabilities = operator.output_full_names
    values = nodes.add("Cast", operator.inputs[0].full_name, to=TensorProto.DOUBLE)
    squares = nodes.add("Mul", values, values)
    parts = [
        nodes.add("MatMul", squares, nodes.doubles((-0.5 / model.var_).T)),
        nodes.add("MatMul", values, nodes.doubles((model.theta_ / model.var_).T)),
    ]
    scores = nodes.add("Add", nodes.add("Add", *parts), nodes.doubles(constant))
    chances = nodes.add("Softmax", scores, axis=1)
    nodes.add("Cast", chances, output=probabilities, to=TensorProto.FLOAT)
    add_label(scope, container, probabilities, model.classes_, label)


for _kind, _convert in (
    (MultinomialNB, _multinomial),
    (ComplementNB, _multinomial),
    (GaussianNB, _gaussian),
    (DoubleGaussianNB, _gaussian),
    (NaiveBayesLogisticRegression, convert_sklearn_linear_classifier),
):
    update_registered_converter(
        _kind,
        f"Exact{_kind.__name__}",
        calculate_linear_classifier_output_shapes,
        _convert,
        options={
            "zipmap": [True, False, "columns"],
            "nocl": [True, False],
            "raw_scores": [True, False],
        },
    )
