"""The model card as people read it, and the line that the summary shows."""

import re
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from evaluation import MetricEstimate, SliceMetrics
from platform_core.contracts.release import DecisionRule, GateCheck, Lineage
from platform_core.pages import svg
from releases.catalogue.model_card import DataSummary, ModelCard, TrialSummary
from training.card.card import measured
from training.card.evaluation import Evaluation, evaluate_answers
from training.card.page import card_page, measure
from training.card.plots import evaluation_plots
from training.summary import figure
from use_cases import use_case

SPAM = use_case("spam")
RULE = DecisionRule(kind="threshold", positive="spam", negative="ham", threshold=0.55)


def evaluation(rows: int = 400) -> Evaluation:
    random = np.random.default_rng(0)
    spam = random.random(rows) < 0.4
    score = np.clip(np.where(spam, 0.8, 0.2) + random.normal(0, 0.2, rows), 0.001, 0.999)
    numbers = [str(number) for number in range(rows)]
    table = pa.table(
        {"row_id": numbers, "label": np.where(spam, "spam", "ham"), "cluster": numbers}
    )
    kinds = pa.RecordBatch.from_arrays(
        [pa.array(["short"] * 20 + ["long"] * (rows - 20))], names=["text_length"]
    )
    return evaluate_answers(SPAM, table, np.stack([1 - score, score], axis=1), RULE, kinds, seed=0)


def card(found: Evaluation, **changes) -> ModelCard:
    lineage = Lineage(
        release_id="0" * 32,
        created_at=datetime(2026, 1, 5, 12, tzinfo=UTC),
        dataset_version="1" * 16,
        data_source="mail/*.eml",
        pipeline_run="run-1",
        candidate="sgd",
        parameters={"alpha": 1e-5},
        metrics=found.metrics,
        gates=(GateCheck(name="minimum", passed=True, detail="f1", value=0.9, limit=0.8),),
    )
    given = {
        "title": SPAM.title,
        "use_case": "spam",
        "task": "binary",
        "classes": SPAM.classes,
        "positive": "spam",
        "metric": "f1",
        "metrics": measured(found.metrics),
        "decision": RULE,
        "decision_why": "the lowest threshold with few false positives",
        "slices": tuple(found.slices),
        "data": DataSummary(
            dataset_version="1" * 16,
            rows=2000,
            train_rows=1600,
            test_rows=400,
            classes={"ham": 1200, "spam": 800},
            split="content",
            split_why="too few rows have a time",
            near_duplicates=7,
            duplicates=3,
            quarantined=2,
            warnings=("the column <id> gives the label away",),
        ),
        "trials": (
            TrialSummary(
                number=0, candidate="sgd", parameters={"alpha": 1e-5}, score=0.91,
                folds=(0.9, 0.92), ranking=0.95, seconds=1.5, threshold=0.55,
            ),
        ),
        "search_complete": False,
        "lineage": lineage,
        "limits": ("Not measured: mail of another origin.",),
    }  # fmt: skip
    return ModelCard(**{**given, **changes})


def page_of(given: ModelCard, found: Evaluation) -> bytes:
    plots = evaluation_plots(SPAM, found.answers, given.decision)
    return card_page(SPAM, given, {name: svg(figure) for name, figure in plots.items()})


def text(page: bytes) -> str:
    """Return the text of a page, without its pictures."""
    bare = re.sub(r"<style>.*?</style>|<svg.*?</svg>", " ", page.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", bare).split())


def test_the_page_says_what_the_card_says() -> None:
    found = evaluation()
    page = page_of(card(found), found)
    read = text(page)
    for expected in (
        "Passed every gate.",
        f"F1 {measure(measured(found.metrics)['f1'])} on 400 test rows",
        "spam when its probability is at or above 0.5500, else ham",
        "the lowest threshold with few false positives",
        "text length long 380",
        "text length short 20 too few rows too few rows too few rows",
        "too few rows have a time",
        "the column &lt;id&gt; gives the label away",
        "The time budget ended the search.",
        "Not measured: mail of another origin.",
        "sgd (chosen) alpha 1e-05 0.9100 0.9000 to 0.9200 0.5500 1.5",
    ):
        assert expected in read, expected
    assert page.count(b"<svg") == 6
    assert page == page_of(card(found), found)


def test_a_refused_release_says_so_first() -> None:
    found = evaluation()
    given = card(found)
    gates = (GateCheck(name="minimum", passed=False, detail="f1 is low", value=0.2, limit=0.8),)
    lineage = given.lineage.model_copy(update={"gates": gates})
    refused = given.model_copy(update={"lineage": lineage})
    read = text(page_of(refused, found))
    assert "Refused. It did not pass: minimum." in read
    assert "Passed every gate" not in read


def test_data_without_a_report_are_not_called_free_of_leaks() -> None:
    found = evaluation()
    given = card(found)
    data = given.data.model_copy(update={"warnings": None})
    read = text(page_of(given.model_copy(update={"data": data}), found))
    assert "the data was not checked for leaks" in read
    assert "The data report has no warnings" not in read


def test_the_card_survives_its_json() -> None:
    given = card(evaluation())
    assert ModelCard.model_validate_json(given.model_dump_json()) == given


def test_flat_metrics_become_metrics_with_intervals() -> None:
    found = measured({"f1": 0.9, "f1_low": 0.8, "f1_high": 0.95, "brier": 0.1})
    assert set(found) == {"f1", "brier"}
    assert (found["f1"].low, found["f1"].high) == (0.8, 0.95)
    assert found["brier"].low is None


@pytest.mark.parametrize(
    ("metrics", "shown"),
    [
        ({"f1": 0.99083, "f1_low": 0.98704, "f1_high": 0.993}, "0.9908 [0.9870, 0.9930]"),
        ({"f1": 1.0}, "1.0000"),
    ],
)
def test_the_summary_shows_a_metric_with_its_interval(metrics: dict, shown: str) -> None:
    assert figure(metrics, "f1") == shown


def test_the_card_shows_the_figures_of_sources_never_seen():
    found = evaluation()
    metrics = {"f1": MetricEstimate(value=0.8125), "accuracy": MetricEstimate(value=0.9)}
    unseen = (
        SliceMetrics(kind="source", name="a.parquet", rows=300, metrics=metrics),
        SliceMetrics(
            kind="source", name="b.mbox", rows=40, metrics={"accuracy": MetricEstimate(value=0.7)}
        ),
    )
    page = page_of(card(found, unseen=unseen), found).decode()
    assert "Sources left out of training" in page
    assert re.search(r"a\.parquet</td>.*300</td>.*0\.8125</td>.*0\.9000</td>", page, re.DOTALL)
    assert re.search(r"b\.mbox</td>.*40</td>.*-</td>.*0\.7000</td>", page, re.DOTALL)
    assert "Sources left out of training" not in page_of(card(found), found).decode()
