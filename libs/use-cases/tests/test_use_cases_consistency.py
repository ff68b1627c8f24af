"""Contradictions within a use case are named before anything runs."""

import pytest
from rents import RentsUseCase

from platform_core.errors import ConfigurationError
from use_cases import (
    BestF1,
    CostMatrix,
    FalsePositiveRate,
    Gates,
    LabelSpec,
    use_case,
    use_case_names,
)
from use_cases.rules.consistency import check_consistency
from use_cases.testing import variant

IRIS, SPAM, RENTS = use_case("iris"), use_case("spam"), RentsUseCase()
MANY = tuple(f"class {number}" for number in range(1_000))
PERMISSIVE = Gates(["accuracy >= 0.1"], margin=1)


@pytest.mark.parametrize("case", [*map(use_case, use_case_names()), RENTS], ids=lambda c: c.name)
def test_the_use_cases_do_not_contradict_themselves(case):
    check_consistency(case)


@pytest.mark.parametrize(
    ("case", "serving", "training", "problem"),
    [
        (IRIS, {"classes": MANY}, {}, "it has 1,000 classes, at most 100"),
        (IRIS, {"classes": ("a", "b", "a")}, {}, "a class occurs twice"),
        (IRIS, {"task": "binary"}, {}, "its task is binary, its classes are setosa, versicolor"),
        (IRIS, {"task": "regression"}, {}, "its task is regression"),
        (RENTS, {"task": "multiclass"}, {}, "its task is multiclass, its classes are none"),
        (IRIS, {"positive": "rose"}, {}, "`positive` is 'rose'"),
        (IRIS, {"classes": ()}, {}, "predicts a number, but its LabelSpec has `values`"),
        (IRIS, {}, {"label": LabelSpec("species", {"1": "setosa"})}, "map to setosa, the classes"),
        (
            RENTS,
            {},
            {"label": LabelSpec("area")},
            "the label column area is also a column of the record",
        ),
        (IRIS, {}, {"metric": "f1"}, "f1 is not a metric of task multiclass .*needs `positive`"),
        (IRIS, {}, {"metric": "rmse"}, "rmse is not a metric of task multiclass"),
        (RENTS, {}, {"gates": PERMISSIVE}, "accuracy is not a metric of task regression"),
        (SPAM, {}, {"gates": Gates(["f1_macro >= 0.5"], margin=1)}, "f1_macro is not a metric"),
        (RENTS, {}, {"threshold": BestF1()}, "a number, which has no threshold"),
        (RENTS, {}, {"coverage": 1.0}, "`coverage` is 1.0"),
        (IRIS, {}, {"threshold": FalsePositiveRate(0.1)}, "FalsePositiveRate needs two classes"),
    ],
)
def test_a_contradiction_is_named(case, serving, training, problem):
    with pytest.raises(ConfigurationError, match=problem):
        check_consistency(variant(case, training=training, **serving))


def test_a_cost_matrix_is_for_any_number_of_classes():
    check_consistency(variant(IRIS, training={"threshold": CostMatrix({})}))
