"""The threshold that training chooses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_core.contracts.release import DecisionRule
from platform_core.errors import ConfigurationError
from scoring import decide
from training.search.threshold import choose_decision
from use_cases import BestF1, CostMatrix, ErrorCosts, FalsePositiveRate, UseCase, use_case
from use_cases.testing import variant

# Scores close together and often equal, as small models give them.
SCORES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.500001, 0.75, 0.9999999, 1.0]) | st.floats(
    0, 1, width=32
)
TARGETS = st.sampled_from([0.0, 0.005, 0.05, 0.3, 0.5, 1.0])


def spam_at(rate: float) -> UseCase:
    """Spam whose threshold is chosen for a rate of false positives."""
    return variant(use_case("spam"), training={"threshold": FalsePositiveRate(rate)})


def mail(labels, scores, case):
    scores = np.asarray(scores, float)
    return choose_decision(case, np.array(labels), np.stack([1 - scores, scores], axis=1))


@given(st.lists(SCORES, min_size=1, max_size=40), TARGETS)
def test_what_is_decided_at_it_keeps_the_rate(negatives, target):
    """Also in float32, which a release answers in."""
    scores = np.array([*negatives, 0.8], np.float32)
    labels = np.array(["ham"] * len(negatives) + ["spam"])
    case = spam_at(target)
    rule = mail(labels, scores, case).rule
    answers = decide(rule, case.classes, np.stack([1 - scores, scores], axis=1))
    wrong = [answer.as_py() == "spam" for answer in answers][: len(negatives)]
    assert np.mean(wrong) <= target


def test_the_reason_says_what_was_reached_and_what_cannot_be_shown():
    decision = mail(["ham"] * 10 + ["spam"] * 5, [0.1] * 10 + [0.9] * 5, spam_at(0.05))
    assert decision.rule == DecisionRule(
        kind="threshold", positive="spam", negative="ham", threshold=decision.rule.threshold
    )
    assert "0 of 10" in decision.why
    assert "so few negatives cannot show" in decision.why
    assert "nothing is ever positive" in mail(["ham", "spam"], [1.0, 1.0], spam_at(0.05)).why


def test_a_use_case_that_asks_for_none_keeps_its_rule():
    case = use_case("iris")
    decision = choose_decision(case, np.array(["setosa"]), np.array([[0.8, 0.1, 0.1]]))
    assert decision.rule == case.decision


def test_best_f1_and_costs_choose_on_the_same_rows():
    labels, scores = ["ham", "spam", "ham", "spam"], [0.1, 0.3, 0.5, 0.9]
    spam = use_case("spam")
    for rule, threshold, why in [
        (BestF1(), 0.2, "highest F1 on 4 training rows"),
        (BestF1(at_least=0.4), 0.4, "not below 0.4"),
        (ErrorCosts(3, 1), 0.7, "a false positive costs 3, a false negative 1"),
    ]:
        decision = mail(labels, scores, variant(spam, training={"threshold": rule}))
        assert decision.rule.threshold == pytest.approx(threshold)
        assert why in decision.why


def test_a_cost_matrix_decides_for_the_lowest_expected_cost():
    iris = use_case("iris")
    costs = CostMatrix({"virginica": {"setosa": 10.0, "versicolor": 10.0}})
    case = variant(iris, training={"threshold": costs})
    rule = choose_decision(case, np.array(["setosa"]), np.array([[0.8, 0.1, 0.1]])).rule
    assert rule.costs == ((0, 1, 1), (1, 0, 1), (10, 10, 0))
    likely = np.array([[0.8, 0.1, 0.1], [0.95, 0.02, 0.03]])
    assert decide(rule, case.classes, likely).to_pylist() == ["virginica", "setosa"]
    unknown = variant(iris, training={"threshold": CostMatrix({"rose": {}})})
    with pytest.raises(ConfigurationError, match="rose, which is not among"):
        choose_decision(unknown, np.array(["setosa"]), likely[:1])


def test_a_threshold_needs_two_classes():
    wrong = variant(use_case("iris"), training={"threshold": FalsePositiveRate(0.1)})
    with pytest.raises(ConfigurationError, match="needs two classes"):
        choose_decision(wrong, np.array(["setosa"]), np.array([[0.8, 0.1, 0.1]]))
