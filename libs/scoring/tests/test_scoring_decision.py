import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from platform_core.contracts.release import DecisionRule
from scoring import decide

CLASSES = ("a", "b", "c")
SHARES = st.floats(0, 1, width=32)
ROWS = st.lists(st.tuples(SHARES, SHARES, SHARES), max_size=20)


def matrix(rows: list) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, len(CLASSES))


@given(ROWS)
def test_argmax_takes_the_first_of_the_most_probable(rows):
    answers = decide(DecisionRule(kind="argmax"), CLASSES, matrix(rows))

    assert answers.type == pa.string()
    assert answers.to_pylist() == [CLASSES[row.index(max(row))] for row in rows]


@given(ROWS, SHARES)
def test_the_threshold_itself_is_positive(rows, threshold):
    rule = DecisionRule(kind="threshold", positive="c", negative="a", threshold=threshold)

    answers = decide(rule, CLASSES, matrix(rows))

    assert answers.type == pa.string()
    assert answers.to_pylist() == ["c" if row[2] >= threshold else "a" for row in rows]


@given(st.lists(SHARES, min_size=1, max_size=20), SHARES, SHARES)
def test_a_lower_threshold_never_loses_a_positive(column, one, other):
    probabilities = np.array([[1 - p, p] for p in column], np.float32)
    low, high = sorted((one, other))

    def positives(threshold: float) -> set[int]:
        rule = DecisionRule(kind="threshold", positive="spam", negative="ham", threshold=threshold)
        answers = decide(rule, ("ham", "spam"), probabilities).to_pylist()
        return {index for index, answer in enumerate(answers) if answer == "spam"}

    assert positives(high) <= positives(low)


def test_a_decimal_threshold_means_the_same_number_in_float32():
    rule = DecisionRule(kind="threshold", positive="b", negative="a", threshold=0.7)

    answers = decide(rule, ("a", "b"), np.array([[0.3, 0.7]], np.float32))

    assert answers.to_pylist() == ["b"]
