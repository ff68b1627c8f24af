"""Streams of real data that a model trained on their beginning has to answer, window by window."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from bench_settings import SHARED_DATA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FILES = ("stream_elec2", "emails_folders", "churn_telco", "emails_enron", "emails_lingspam")
SEED = 0
TEST_SHARE = 0.25
YEAR = 12
"""Months."""


@dataclass(frozen=True)
class StreamPredictions:
    """The probabilities [N, C] of a model and the labels [N] (class numbers)."""

    probabilities: np.ndarray
    labels: np.ndarray

    @property
    def accuracy(self) -> float:
        """The share of rows whose most probable class is their label."""
        return float((self.probabilities.argmax(axis=1) == self.labels).mean())


@dataclass(frozen=True)
class Stream:
    """Windows in time order, and the held-out rows of the training period."""

    name: str
    test: StreamPredictions
    windows: tuple[StreamPredictions, ...]


def missing_files() -> list[str]:
    """Return the data files that are not there."""
    return [name for name in FILES if not (SHARED_DATA / f"{name}.parquet").exists()]


def streams() -> Iterator[Stream]:
    """Yield the streams, each with a model of its own that is trained now."""
    yield _elec2()
    for mailbox in ("farmer-d", "kitchen-l", "lokay-m"):
        yield _folders(mailbox)
    yield _telco()
    yield _mail()


def _elec2() -> Stream:
    """Electricity prices: gradient boosting on the first 4,000 half-hours."""
    table = _read("stream_elec2")
    columns = [name for name in table.columns if name not in ("t", "label")]
    model = HistGradientBoostingClassifier(random_state=SEED)
    return _stream("elec2", model, table[columns], table["label"], trained=4_000, window=500)


def _folders(mailbox: str) -> Stream:
    """A mailbox by date: words on the first 40 %. Mail of folders not seen by then is left out."""
    table = _read("emails_folders")
    table = table[table["mailbox"] == mailbox].sort_values("date", kind="stable")
    trained = int(0.4 * len(table))
    known = set(table["folder"].iloc[:trained])
    table = table[table["folder"].isin(known)]
    return _stream(f"folders {mailbox}", _words(), _text(table), table["folder"], trained, 100)


def _telco() -> Stream:
    """Customers of a year or more; then, more and more, those of less than a year."""
    table = _read("churn_telco").sample(frac=1, random_state=SEED)
    columns = pd.get_dummies(table.drop(columns=["customerID", "Churn"]), dtype=float).fillna(0)
    old = (table["tenure"] >= YEAR).to_numpy()
    trained, order = 1_500, np.random.default_rng(SEED)
    kept, new = np.flatnonzero(old), np.flatnonzero(~old)
    later = _mixed(kept[trained:], new, order)
    rows = np.concatenate([kept[:trained], later])
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2_000))
    labels = (table["Churn"] == "Yes").astype(int)
    return _stream("Telco", model, columns.iloc[rows], labels.iloc[rows], trained, 150)


def _mail() -> Stream:
    """Enron's mail; then, more and more, that of Ling-Spam."""
    enron = _read("emails_enron").sample(7_000, random_state=SEED)
    other = _read("emails_lingspam").sample(frac=1, random_state=SEED)
    table = pd.concat([enron, other], ignore_index=True)
    trained = 4_000
    later = _mixed(
        np.arange(trained, len(enron)),
        np.arange(len(enron), len(table)),
        np.random.default_rng(SEED),
    )
    rows = np.concatenate([np.arange(trained), later])
    part = table.iloc[rows]
    return _stream("mail", _words(), _text(part), part["label"].astype(int), trained, 250)


def _mixed(first: np.ndarray, then: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return both sets of rows in an order in which the share of `then` grows from 0 to 1."""
    place = np.concatenate(
        [random.beta(1, 2.5, size=len(first)), random.beta(2.5, 1, size=len(then))]
    )
    return np.concatenate([first, then])[np.argsort(place)]


def _stream(
    name: str, model: object, inputs: pd.DataFrame | pd.Series, labels: pd.Series, trained: int,
    window: int,
) -> Stream:  # fmt: skip
    """Train on three quarters of the first `trained` rows, test on the others, answer the rest."""
    classes, numbers = np.unique(labels.to_numpy(), return_inverse=True)
    held = np.random.default_rng(SEED).random(trained) < TEST_SHARE
    first = inputs.iloc[:trained]
    fitted = model.fit(first[~held], numbers[:trained][~held])

    def answers(rows: pd.DataFrame | pd.Series, truth: np.ndarray) -> StreamPredictions:
        probabilities = np.zeros((len(rows), len(classes)))
        probabilities[:, fitted.classes_] = fitted.predict_proba(rows)
        return StreamPredictions(probabilities, truth)

    starts = range(trained, len(numbers) - window + 1, window)
    return Stream(
        name,
        answers(first[held], numbers[:trained][held]),
        tuple(answers(inputs.iloc[s : s + window], numbers[s : s + window]) for s in starts),
    )


def _words() -> object:
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, max_features=50_000)
    return make_pipeline(words, LogisticRegression(C=10, max_iter=1_000))


def _text(table: pd.DataFrame) -> pd.Series:
    return table["subject"].fillna("") + " " + table["body"].fillna("")


def _read(name: str) -> pd.DataFrame:
    return pd.read_parquet(SHARED_DATA / f"{name}.parquet")
