"""Quality compared with reference models on the same rows of real datasets.

Ours is what a user gets: `new-use-case` for a table of their own or a built-in use case, then
`run-pipeline` with its defaults on the rows for training, of which the pipeline keeps a test split
back. The references are fitted on all of these rows: TF-IDF of words and pairs of words with
logistic regression on texts, logistic regression and gradient boosting on the table.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from bench_commands import install_use_case, printed_by, uninstall_use_case
from bench_report import met_or_missed, note, say, table
from bench_settings import SHARED_DATA
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from platform_core.adapters.connect import blob_store
from platform_core.settings import StorageSettings
from scoring import Scorer, load_release
from use_cases import UseCase, use_case, validate_columns

SEED, TEST_SHARE, FOLDS = 0, 0.2, 5
CLI = (sys.executable, "-m", "cli")
Rows = tuple[np.ndarray, np.ndarray]
Scored = tuple[np.ndarray, np.ndarray]
"""Probabilities [N, C] in the order of the classes, and the N classes that are answered."""


@dataclass(frozen=True)
class Dataset:
    """A file in `SHARED_DATA`, how its rows are divided, and the metrics that must not be lower
    than the references' on average over the divisions.
    """

    name: str
    file: str
    label: str
    columns: tuple[str, ...]
    divisions: Callable[[pa.Table, np.ndarray], Iterator[Rows]]
    judged: tuple[str, ...]
    texts: tuple[str, ...] = ()
    """The columns that the reference reads as one text; without any it reads a table."""
    built_in: str = ""


def run(options: argparse.Namespace) -> bool:
    """Return whether ours is at least as good as each reference, by the metrics that are judged."""
    wanted = [one for one in DATASETS if not options.only or one.name.lower() in options.only]
    present = [data for data in wanted if (SHARED_DATA / f"{data.file}.parquet").is_file()]
    if not present:
        say(f"\nreferences: skipped, no dataset found in {SHARED_DATA}; set SHARED_DATA")
        return True
    rows: list[list[object]] = []
    met = []
    with tempfile.TemporaryDirectory(prefix="bench-references-") as folder:
        for data in present:
            found = _measured(data, Path(folder))
            rows += [[f"{data.name}, {name}", *_shown(each)] for name, each in found.items()]
            ours, *others = found.values()
            met.append(all(ours[m] >= max(o[m] for o in others) for m in data.judged))
            note(f"{data.name}, {' and '.join(data.judged)}: {met_or_missed(met[-1])}")
    table("ours and references, the same rows", ["data, model", "accuracy", "F1", "ROC-AUC"], rows)
    return all(met)


def _measured(data: Dataset, folder: Path) -> dict[str, dict[str, float]]:
    """Return the metrics of ours and of each reference, averaged over the divisions."""
    rows = pq.read_table(SHARED_DATA / f"{data.file}.parquet")
    labels = np.array([str(value) for value in rows[data.label].to_pylist()])
    rows = rows.select(data.columns)
    found: dict[str, list[dict[str, float]]] = {}
    for number, (train, test) in enumerate(data.divisions(rows, labels)):
        file = folder / f"{data.name}-{number}.parquet"
        known, unseen = rows.take(train), rows.take(test)
        pq.write_table(known, file)
        with _use_case(data, file) as case:
            checked = validate_columns(case, _inputs_of(case, unseen))
            unseen, truth = unseen.filter(checked.fits), labels[test][np.asarray(checked.fits)]
            ours = _ours(case, file, checked.records.filter(checked.fits))
            spellings = case.training().label.values
        own = np.array([spellings[label.lower()] for label in truth])
        found.setdefault("ours", []).append(_metrics(own, ours, case.classes))
        for name, model in _references(data).items():
            scored = _fitted(model, data, known, unseen)
            found.setdefault(name, []).append(_metrics(truth, scored, model.classes_))
        say(f"  {data.name}: {number + 1} done")
    return {
        name: {metric: float(np.mean([one[metric] for one in each])) for metric in each[0]}
        for name, each in found.items()
    }


@contextmanager
def _use_case(data: Dataset, file: Path) -> Iterator[UseCase]:
    """Yield the built-in use case, or one that `new-use-case` writes for the rows in `file`."""
    if data.built_in:
        yield use_case(data.built_in)
        return
    name = f"bench_{data.name.lower()}"
    folder = file.with_suffix("")
    try:
        given = ["--data", str(file), "--label", data.label, "--output", str(folder)]
        printed_by([*CLI, "new-use-case", name, *given])
        install_use_case(str(folder))
        yield use_case(name)
    finally:
        uninstall_use_case(name)


def _ours(case: UseCase, file: Path, test: pa.RecordBatch) -> Scored:
    """Return the answers of the release that the pipeline makes from `file`."""
    told = printed_by([*CLI, "run-pipeline", "--use-case", case.name, "--data", str(file)])
    release = next(line.split()[1] for line in told.splitlines() if line.split()[:1] == ["release"])
    scorer = Scorer(load_release(blob_store(StorageSettings()), case.name, release), case)
    scores = scorer.score(test)
    return scores.probabilities, np.asarray(scores.decided)


def _inputs_of(case: UseCase, rows: pa.Table) -> pa.Table:
    return rows.select([name for name in case.record_schema.names if name in rows.column_names])


def _references(data: Dataset) -> Mapping[str, Pipeline]:
    if data.texts:
        words = TfidfVectorizer(
            ngram_range=(1, 2), max_features=50_000, sublinear_tf=True, min_df=2
        )
        return {"TF-IDF": make_pipeline(words, LogisticRegression(C=10, max_iter=1_000))}
    numbers = ["tenure", "MonthlyCharges", "TotalCharges"]
    others = [name for name in data.columns if name not in {*numbers, data.label, "customerID"}]
    one_hot, scaled = OneHotEncoder(handle_unknown="ignore"), StandardScaler()
    linear = make_column_transformer((one_hot, others), (scaled, numbers))
    trees = make_column_transformer((OrdinalEncoder(), others), ("passthrough", numbers))
    return {
        "logistic regression": make_pipeline(linear, LogisticRegression(max_iter=1_000)),
        "gradient boosting": make_pipeline(
            trees, HistGradientBoostingClassifier(random_state=SEED)
        ),
    }


def _fitted(model: Pipeline, data: Dataset, train: pa.Table, test: pa.Table) -> Scored:
    labels = [str(value) for value in train[data.label].to_pylist()]
    model.fit(_inputs(data, train), labels)
    inputs = _inputs(data, test)
    return model.predict_proba(inputs), model.predict(inputs)


def _inputs(data: Dataset, rows: pa.Table) -> Any:
    if not data.texts:
        frame = rows.to_pandas()
        charges = pd.to_numeric(frame["TotalCharges"], errors="coerce").fillna(0.0)
        return frame.assign(TotalCharges=charges)
    columns = [rows[name].to_pylist() for name in data.texts]
    return ["\n".join(part or "" for part in parts) for parts in zip(*columns, strict=True)]


def _metrics(truth: np.ndarray, scored: Scored, classes: Any) -> dict[str, float]:
    """Return the metrics; F1 is that of the second of two classes, else the macro average."""
    probabilities, answers = scored
    names = list(classes)
    if len(names) == 2:  # noqa: PLR2004
        f1 = f1_score(truth, answers, pos_label=names[1])
        area = roc_auc_score(truth == names[1], probabilities[:, 1])
    else:
        f1 = f1_score(truth, answers, average="macro")
        area = roc_auc_score(truth, probabilities, multi_class="ovr", labels=names)
    return {"accuracy": accuracy_score(truth, answers), "F1": f1, "ROC-AUC": area}


def _shown(metrics: Mapping[str, float]) -> list[str]:
    return [f"{value:.4f}" for value in metrics.values()]


def _random(rows: pa.Table, labels: np.ndarray) -> Iterator[Rows]:
    del rows
    every = np.arange(len(labels))
    train, test = train_test_split(every, test_size=TEST_SHARE, stratify=labels, random_state=SEED)
    yield np.sort(train), np.sort(test)


def _published(rows: pa.Table, labels: np.ndarray) -> Iterator[Rows]:
    """Yield the division that the dataset comes with."""
    del labels
    train = np.array(rows["split"].to_pylist()) == "train"
    yield np.flatnonzero(train), np.flatnonzero(~train)


def _folds(rows: pa.Table, labels: np.ndarray) -> Iterator[Rows]:
    del rows
    yield from StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(labels, labels)


def _columns(file: str) -> tuple[str, ...]:
    path = SHARED_DATA / f"{file}.parquet"
    return tuple(pq.read_schema(path).names) if path.is_file() else ()


DATASETS = (
    Dataset(
        "SMS",
        "sms_spam",
        "label",
        ("sms_id", "text", "label"),
        _random,
        ("F1",),
        texts=("text",),
    ),
    Dataset(
        "IMDB",
        "sentiment_imdb20k",
        "label",
        ("review_id", "split", "text", "label"),
        _published,
        ("accuracy",),
        texts=("text",),
        built_in="sentiment",
    ),
    Dataset(
        "news20",
        "news20_posts_train",
        "label",
        ("post_id", "subject", "body", "label"),
        _random,
        ("accuracy", "F1"),
        texts=("subject", "body"),
    ),
    Dataset(
        "Telco",
        "churn_telco",
        "Churn",
        _columns("churn_telco"),
        _folds,
        ("accuracy", "ROC-AUC"),
        built_in="churn",
    ),
)
