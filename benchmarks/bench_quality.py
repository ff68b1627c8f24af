"""Quality of the spam models on mail of known and unknown sources, compared with a plain model.

Ours uses the platform: features of the use case, search, threshold and fit of `training`, ONNX, and
`scoring`. The plain model, trained on the same rows in the same run, is TF-IDF of words and pairs
of words on the text as it is, with logistic regression and a threshold of 0.5.

Each collection is judged by models of every other collection, and of all others pooled. Of each
collection a random sample of `ROWS` mails is used. Further tables show what the graphs cost, what
the lexicon adds, and what statistics of senders do to mail of another source.
"""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import ray
from bench_entities import with_senders
from bench_report import say, table
from bench_settings import SHARED_DATA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline

from scoring.graph import Graph
from training.search.cross_validation import Budget, search
from training.search.fitting import fit
from training.search.models import candidate
from training.search.sources import with_origins
from training.search.trials import Trial, defaults
from use_cases import assemble, model_schema, use_case

SPAM = use_case("spam")
SEED, TEST_SHARE = 0, 0.2
ROWS, QUICK_ROWS = 4_000, 1_500
TRIALS = 2
TIMED_MAILS, TIMED_ROUNDS = 200, 5
COLLECTIONS = ("enron", "lingspam", "sms")
HEADER = ("trained on → judged", "rows", "F1", "ROC-AUC", "FPR", "recall", "threshold")
COSTS = ("trained on", "candidate", "graph, µs per mail", "plain graph", "ratio")


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
    absent = [name for name, *_ in FILES.values() if not (SHARED_DATA / f"{name}.parquet").exists()]
    if absent:
        say(f"\nquality: not measured, {SHARED_DATA} lacks {', '.join(absent)}; set SHARED_DATA")
        return True
    sources = {name: _source(name, QUICK_ROWS if options.quick else ROWS) for name in FILES}
    comparison = Comparison()
    with _local_ray():
        for name in COLLECTIONS:
            train, test = _halves(sources[name])
            comparison.add([train], [test])
        for names in _trained_on():
            others = [other for key, other in sources.items() if key not in names]
            comparison.add([sources[name] for name in names], others, unseen=True)
        lexicon = [_lexicon_row(sources, name) for name in COLLECTIONS]
        senders = _senders(sources["enron"], sources["lingspam"])
    table("quality on real mail (ours and the plain model)", HEADER, comparison.rows)
    say(comparison.summary())
    table("cost of the graphs, a mail at a time", COSTS, comparison.costs)
    header = ("judged, trained on the others", "ROC-AUC without the lexicon", "with it")
    table("effect of the lexicon (guided_words)", header, lexicon)
    table("effect of entity features for 20 % of the senders on another source", HEADER, senders)
    return True


def _trained_on() -> Iterator[tuple[str, ...]]:
    """Yield the collections that are trained on: each alone, then all but one."""
    for count in (1, 2):
        yield from combinations(COLLECTIONS, count)


@dataclass
class Comparison:
    """Collects the metrics and costs of our models and the plain ones."""

    rows: list[list[object]] = field(default_factory=list)
    costs: list[list[object]] = field(default_factory=list)
    unseen: list[tuple[float, float, float, float]] = field(default_factory=list)
    """ROC-AUC and false positive rate, ours and the plain model's, of each unseen collection."""

    def add(self, trains: list[Source], tests: list[Source], *, unseen: bool = False) -> None:
        """Train both models on `trains` and judge them on each of `tests`."""
        name = " + ".join(source.name for source in trains) + ("" if unseen else " 80 %")
        features = _pooled(trains)
        graph, threshold, chosen = _ours(features, [one.name for one in trains])
        plain = _plain(trains)
        say(f"{name}: {features.num_rows} rows, chosen {chosen.candidate} {chosen.parameters}")
        self.costs.append([name, chosen.candidate, *_costs(graph, features)])
        for test in tests:
            ours = _scores(graph, test)
            scores = plain.predict_proba(test.texts)[:, 1]
            self.rows.append(_row(f"{name} → {test.name}, ours", test.spam, ours, threshold))
            self.rows.append(_row(f"{name} → {test.name}, plain", test.spam, scores, 0.5))
            if unseen and test.spam.any():
                found = [(_auc(test, each), _rate(test, each, at)) for each, at in
                         ((ours, threshold), (scores, 0.5))]  # fmt: skip
                self.unseen.append((found[0][0], found[0][1], found[1][0], found[1][1]))

    def summary(self) -> str:
        """Return on how many unseen collections ours is better, and on average."""
        figures = np.array(self.unseen)
        better = (figures[:, 0] > figures[:, 2]).sum(), (figures[:, 1] < figures[:, 3]).sum()
        means = figures.mean(axis=0)
        return (
            f"unseen collections with both classes: of {len(figures)} pairs, ROC-AUC is better in "
            f"{better[0]} (mean {means[0]:.4f}, plain {means[2]:.4f}), the false positive rate in "
            f"{better[1]} (mean {means[1]:.4f}, plain {means[3]:.4f})"
        )


@contextmanager
def _local_ray() -> Iterator[None]:
    """Run a local Ray cluster, so that no running stack is needed."""
    ray.init(address="local", include_dashboard=False, log_to_driver=False)
    try:
        yield
    finally:
        ray.shutdown()


def _source(name: str, most: int) -> Source:
    """Read at most so many rows of a file; of mails with the same normalised text only the first
    is kept.
    """
    file, key, body = FILES[name]
    given = pq.read_table(SHARED_DATA / f"{file}.parquet")
    drawn = np.sort(np.random.default_rng(SEED).permutation(given.num_rows)[:most])
    given = given.take(drawn).combine_chunks()
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
    return Source(name, texts, features, spam, drawn).take(np.sort(first))


def _halves(source: Source) -> tuple[Source, Source]:
    train, test = train_test_split(
        np.arange(len(source.spam)),
        test_size=TEST_SHARE,
        stratify=source.spam,
        random_state=SEED,
    )
    return source.take(train), source.take(test)


def _labelled(source: Source) -> pa.Table:
    """Return the features with `label`, `source`, and a cluster for each mail: mails with the
    same text were removed.
    """
    labels = np.where(source.spam, "spam", "ham")
    alone = [f"{source.name} {row}" for row in source.rows]
    table = source.features.append_column("label", pa.array(labels, pa.string()))
    table = table.append_column("source", pa.array([source.name] * len(alone), pa.string()))
    return table.append_column("cluster", pa.array(alone, pa.string()))


def _pooled(sources: list[Source]) -> pa.Table:
    return pa.concat_tables([_labelled(source) for source in sources])


def _ours(features: pa.Table, names: list[str]) -> tuple[Graph, float, Trial]:
    pooled = names if len(names) > 1 else []
    rows = with_origins(features, pooled, {})
    best = search(SPAM, rows, Budget(TRIALS), SEED, lambda _: None).best
    threshold = best.decision.rule.threshold or 0.5
    return _graph(best.trial, rows), threshold, best.trial


def _graph(trial: Trial, features: pa.Table) -> Graph:
    onnx = candidate(SPAM, trial.candidate).to_onnx(fit(SPAM, features, trial, SEED))
    return Graph(onnx.SerializeToString(), model_schema(SPAM), len(SPAM.classes))


def _plain(sources: list[Source]) -> Pipeline:
    words = TfidfVectorizer(ngram_range=(1, 2), max_features=50_000, sublinear_tf=True, min_df=2)
    texts = [text for source in sources for text in source.texts]
    spam = np.concatenate([source.spam for source in sources])
    return make_pipeline(words, LogisticRegression(C=10, max_iter=1_000)).fit(texts, spam)


def _scores(graph: Graph, source: Source) -> np.ndarray:
    batch = source.features.combine_chunks().to_batches()[0]
    return graph.answers(batch)[:, SPAM.classes.index("spam")]


def _costs(graph: Graph, features: pa.Table) -> list[object]:
    """Return the cost of a graph and of the graph of the plain candidate, and their ratio."""
    words = next(trial for trial in defaults(SPAM) if trial.candidate == "words")
    graphs = [graph, _graph(words, features)]
    rows = model_schema(SPAM).select(features.slice(0, TIMED_MAILS))
    seconds = [[_seconds(each, rows) for each in graphs] for _ in range(TIMED_ROUNDS)]
    ours, plain = np.min(seconds, axis=0) / rows.num_rows * 1e6
    return [f"{ours:.1f}", f"{plain:.1f}", f"{ours / plain:.2f}"]


def _seconds(graph: Graph, rows: pa.RecordBatch) -> float:
    start = time.perf_counter()
    for row in range(rows.num_rows):
        graph.answers(rows.slice(row, 1))
    return time.perf_counter() - start


def _lexicon_row(sources: dict[str, Source], name: str) -> list[object]:
    """Return the ROC-AUC of a collection under models of the others, by guidance."""
    train = _pooled([sources[other] for other in COLLECTIONS if other != name])
    given = next(trial for trial in defaults(SPAM) if trial.candidate == "guided_words")
    trials = (replace(given, parameters={**given.parameters, "guidance": 0.0}), given)
    scores = (_scores(_graph(trial, train), sources[name]) for trial in trials)
    return [name, *(f"{_auc(sources[name], each):.4f}" for each in scores)]


def _senders(train: Source, test: Source) -> list[list[object]]:
    """Return the rows of the guided model, trained without senders and then with them."""
    labelled, rows = _labelled(train), []
    known = with_senders(
        SPAM, train.features, SHARED_DATA / f"{FILES[train.name][0]}.parquet", train.rows
    )
    known = known.append_column("label", labelled["label"])
    trial = next(each for each in defaults(SPAM) if each.candidate == "guided_words")
    for part, features in (("no senders", labelled), ("senders", known)):
        title = f"{train.name} → {test.name}, {trial.candidate}, {part}"
        scores = _scores(_graph(trial, features), test)
        rows.append(_row(title, test.spam, scores, SPAM.training().threshold.at_least))
    return rows


def _auc(source: Source, scores: np.ndarray) -> float:
    return float(roc_auc_score(source.spam, scores))


def _rate(source: Source, scores: np.ndarray, threshold: float) -> float:
    """Return the false positive rate."""
    return float((scores[~source.spam] >= np.float32(threshold)).mean())


def _row(title: str, spam: np.ndarray, scores: np.ndarray, threshold: float) -> list[object]:
    found = scores >= np.float32(threshold)
    wrong = f"{found[~spam].mean():.4f}"
    if not spam.any():
        return [title, len(spam), "-", "-", wrong, "-", f"{threshold:.3f}"]
    f1, area = f1_score(spam, found), roc_auc_score(spam, scores)
    figures = (f"{value:.4f}" for value in (f1, area))
    return [title, len(spam), *figures, wrong, f"{found[spam].mean():.4f}", f"{threshold:.3f}"]
