"""Gates as text, and what a task follows from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_core.contracts.tasks import Metric
from use_cases import ErrorCosts, Gate, Gates, use_case
from use_cases.testing import variant

METRICS = st.sampled_from(Metric.__args__)
LIMITS = st.floats(-1000, 1000).map(lambda value: float(f"{value:g}"))
WORDS = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("accuracy >= 0.75", Gate("accuracy", 0.75)),
        ("f1≥0.55", Gate("f1", 0.55)),
        ("rmse <= 12", Gate("rmse", 12)),
        (
            "recall >= 0.6 where contract = month-to-month",
            Gate("recall", 0.6, slice="contract=month-to-month"),
        ),
        ("r2 >= 5e-1 where house type = two storeys", Gate("r2", 0.5, "house type=two storeys")),
    ],
)
def test_a_gate_is_read_from_text(text, gate):
    assert Gate.parse(text) == gate


@given(
    METRICS,
    st.floats(-1000, 1000).map(lambda x: float(f"{x:g}")),
    st.none() | st.tuples(WORDS, WORDS),
)
def test_the_text_of_a_gate_reads_as_the_gate(metric, limit, where):  # fmt: skip
    gate = Gate(metric, limit, None if where is None else "=".join(where))
    assert Gate.parse(str(gate)) == gate


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("accuracy", "cannot be read"),
        ("accuracy > 0.5", "cannot be read"),
        ("accuracy >= much", "cannot be read"),
        ("accuracy >= 1.2.3", "is not a number"),
        ("rmse <= 1e999", "is not a finite number"),
        ("goodness >= 0.5", "one of accuracy, average_precision"),
        ("rmse >= 5", "better when it is lower; write rmse <= 5"),
        ("recall <= 0.6 where a = b", "write recall >= 0.6 where a = b"),
    ],
)
def test_a_malformed_gate_is_refused(text, problem):
    with pytest.raises(ValueError, match=problem):
        Gates((text,), margin=0.1)


def test_an_error_metric_has_a_maximum_and_undefined_passes_no_gate():
    assert Gate("mae", 2.0).passed_by(1.9)
    assert not Gate("mae", 2.0).passed_by(2.1)
    assert not Gate("mae", 2.0).passed_by(float("nan"))
    assert Gate("r2", 0.5).passed_by(0.5 - 1e-13, tolerance=1e-12)


def test_gates_without_a_gate_and_free_errors_are_refused():
    with pytest.raises(ValueError, match="at least one gate"):
        Gates((), margin=0.1)
    with pytest.raises(ValueError, match="'ignore' is neither"):
        Gates(("f1 >= 0.5",), margin=0.1, underpowered="ignore")
    with pytest.raises(ValueError, match="greater than 0"):
        ErrorCosts(false_positive=0, false_negative=1)


def test_the_task_follows_from_the_classes_unless_it_is_stated():
    iris = use_case("iris")
    assert (iris.task, use_case("spam").task) == ("multiclass", "binary")
    assert variant(iris, classes=()).task == "regression"
    assert variant(iris, task="binary").task == "binary"
    with pytest.raises(ValueError, match="not one"):
        _ = variant(iris, classes=("only",)).task
