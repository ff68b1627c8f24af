"""Quality of the spam models on mail of known and unknown sources, compared with a baseline.

Ours uses the platform: features of the use case, search, threshold and fit of `training`, ONNX, and
`scoring`. The baseline, trained on the same rows in the same run, is TF-IDF of words and pairs of
words with logistic regression and a threshold of 0.5.

A second table trains each candidate, with its defaults and a fixed threshold, without and with
entity features of senders, and evaluates it on a source without senders.
"""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import ray
from bench_entities import with_senders
from bench_report import say, table
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline

from scoring.graph import Graph
from training.search.cross_validation import Budget, search
from training.search.fitting import fit
from training.search.models import candidate, probabilities
from training.search.trials import defaults
from use_cases import assemble, model_schema, use_case

SPAM = use_case("spam")
DATA = Path(os.environ.get("SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
SEED, TEST_SHARE = 0, 0.2
TRIALS, QUICK_TRIALS = 4, 1
PAIRS = ("enron", "lingspam")
HEADER = ("trained on → evaluated on", "rows", "F1", "ROC-AUC", "FPR", "recall", "threshold")


@dataclass(frozen=True)
class Source:
    """The labelled mails of one file: raw texts, the model's input, and the labels."""

    name: str
    texts: list[str]
    features: pa.Table
    spam: np.ndarray
    rows: np.ndarray
    """The row number of each mail in the file."""

    def take(self, rows: np.ndarray) -> "Source":
        """Return some of the mails."""
        texts = [self.texts[row] for row in rows]
        return Source(self.name, texts, self.features.take(rows), self.spam[rows], self.rows[rows])


FILES = {
    "enron": ("emails_enron", "email_id", "body"),
    "lingspam": ("emails_lingspam", "email_id", "body"),
    "sms": ("sms_spam", "sms_id", "text"),
    "news20 (ham)": ("news20_posts_train", "post_id", "body"),
    "imdb (ham)": ("sentiment_imdb20k", "review_id", "text"),
}


def run(options: argparse.Namespace) -> bool:
    """Print the metrics, or that the data is missing."""
    absent = [name for name, *_ in FILES.values() if not (DATA / f"{name}.parquet").exists()]
    if absent:
        say(f"\nquality: not measured, {DATA} lacks {', '.join(absent)}; set SHARED_DATA")
        return True
    sources = {name: _source(name) for name in FILES}
    trials = QUICK_TRIALS if options.quick else TRIALS
    rows: list[list[object]] = []
    with _local_ray():
        for name in ("enron", "lingspam", "sms"):
            train, test = _halves(sources[name])
            rows += _judged(train, [test], trials, "80/20")
        for name in PAIRS:
            others = [other for key, other in sources.items() if key != name]
            rows += _judged(sources[name], others, trials, "all")
        senders = _senders(sources["enron"], sources["lingspam"], options.quick)
    table("quality on real mail (ours and the baseline)", HEADER, rows)
    table("effect of entity features for 20 % of the senders on another source", HEADER, senders)
    return True


@contextmanager
def _local_ray() -> Iterator[None]:
    """Run a local Ray cluster, so that no running stack is needed."""
    ray.init(address="local", include_dashboard=False, log_to_driver=False)
    try:
        yield
    finally:
        ray.shutdown()


def _source(name: str) -> Source:
    """Read a file; of mails with the same normalised text only the first is kept."""
    file, key, body = FILES[name]
    given = pq.read_table(DATA / f"{file}.parquet").combine_chunks()
    empty = pa.array([""] * given.num_rows)
    subject = given["subject"].combine_chunks() if "subject" in given.column_names else empty
    columns = [given[key].combine_chunks(), subject, given[body].combine_chunks(), empty]
    records = pa.record_batch(
        [column.cast(pa.string()).fill_null("") for column in columns], schema=SPAM.record_schema
    )
    ham_only = name.endswith("(ham)")
    spam = np.zeros(len(empty), bool) if ham_only else pc.equal(given["label"], 1).to_numpy()
    features = pa.Table.from_batches([assemble(SPAM, records)])
    texts = [
        f"{s}\n{b}" for s, b in zip(*(records.column(n).to_pylist() for n in (1, 2)), strict=True)
    ]
    _, first = np.unique(features["text"].to_numpy(), return_index=True)
    return Source(name, texts, features, spam, np.arange(len(spam))).take(np.sort(first))


def _halves(source: Source) -> tuple[Source, Source]:
    train, test = train_test_split(
        np.arange(len(source.spam)),
        test_size=TEST_SHARE,
        stratify=source.spam,
        random_state=SEED,
    )
    return source.take(train), source.take(test)


def _judged(train: Source, tests: list[Source], trials: int, part: str) -> Iterator[list[object]]:
    graph, threshold, chosen = _ours(train, trials)
    baseline = _baseline(train)
    say(f"{train.name} {part}: {len(train.spam)} rows, chosen {chosen}")
    for test in tests:
        batch = test.features.combine_chunks().to_batches()[0]
        ours = graph.probabilities(batch)[:, SPAM.classes.index("spam")]
        plain = baseline.predict_proba(test.texts)[:, 1]
        title = f"{train.name} {part} → {test.name}"
        yield _row(f"{title}, ours", test.spam, ours, threshold)
        yield _row(f"{title}, baseline", test.spam, plain, 0.5)


def _senders(train: Source, test: Source, quick: bool) -> list[list[object]]:
    """Return the rows of each candidate, trained without senders and then with them."""
    known = with_senders(SPAM, train.features, DATA / f"{FILES[train.name][0]}.parquet", train.rows)
    labels = pa.array(np.where(train.spam, "spam", "ham"), pa.string())
    rows = []
    for trial in defaults(SPAM)[: 1 if quick else None]:
        for part, features in (("no senders", train.features), ("senders", known)):
            model = fit(SPAM, features.append_column("label", labels), trial, SEED)
            scores = probabilities(SPAM, model, test.features)[:, SPAM.classes.index("spam")]
            title = f"{train.name} → {test.name}, {trial.candidate}, {part}"
            rows.append(_row(title, test.spam, scores, SPAM.training().threshold.at_least))
    return rows


def _ours(train: Source, trials: int) -> tuple[Graph, float, str]:
    labels = pa.array(np.where(train.spam, "spam", "ham"), pa.string())
    features = train.features.append_column("label", labels)
    # Mails with the same text were removed, so each is its own cluster.
    alone = pa.array([str(row) for row in range(len(labels))])
    features = features.append_column("cluster", alone)
    best = search(SPAM, features, Budget(trials), SEED, lambda _: None).best
    model = fit(SPAM, features, best.trial, SEED)
    onnx = candidate(SPAM, best.trial.candidate).to_onnx(model)
    graph = Graph(onnx.SerializeToString(), model_schema(SPAM), len(SPAM.classes))
    return graph, best.decision.rule.threshold or 0.5, best.trial.candidate


def _baseline(train: Source) -> Pipeline:
    words = TfidfVectorizer(ngram_range=(1, 2), max_features=50_000, sublinear_tf=True, min_df=2)
    return make_pipeline(words, LogisticRegression(C=10, max_iter=1_000)).fit(
        train.texts, train.spam
    )


def _row(title: str, spam: np.ndarray, scores: np.ndarray, threshold: float) -> list[object]:
    found = scores >= np.float32(threshold)
    wrong = f"{found[~spam].mean():.4f}"
    if not spam.any():
        return [title, len(spam), "-", "-", wrong, "-", f"{threshold:.3f}"]
    f1, area = f1_score(spam, found), roc_auc_score(spam, scores)
    figures = (f"{value:.4f}" for value in (f1, area))
    return [title, len(spam), *figures, wrong, f"{found[spam].mean():.4f}", f"{threshold:.3f}"]
