"""Quality on real mail, and on mail of a source that training has not seen."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from use_cases import assemble, default_parameters, model_schema, use_case

SPAM = use_case("spam")
ROOT = Path(__file__).parents[3]
DATA = Path(os.environ.get("SHARED_DATA", ROOT.parent / "shared" / "data"))
pytestmark = pytest.mark.skipif(
    not (DATA / "emails_enron.parquet").exists(), reason="no real mail here (set SHARED_DATA)"
)


ROWS = 2_500


@dataclass(frozen=True)
class Mail:
    """Model inputs, no sender known, the texts they come from, and whether each is spam."""

    inputs: pd.DataFrame
    texts: np.ndarray
    spam: np.ndarray

    def take(self, rows: np.ndarray) -> "Mail":
        return Mail(self.inputs.iloc[rows], self.texts[rows], self.spam[rows])


@cache
def mail(name: str) -> Mail:
    """Return at most `ROWS` random mails of a collection."""
    table = pq.read_table(DATA / f"{name}.parquet")
    drawn = np.sort(np.random.default_rng(0).permutation(table.num_rows)[:ROWS])
    table = table.take(drawn).combine_chunks()
    empty = pa.array([""] * table.num_rows)
    columns = [table[n].combine_chunks().fill_null("") for n in ("email_id", "subject", "body")]
    records = pa.record_batch([*columns, empty], schema=SPAM.record_schema)
    inputs = model_schema(SPAM).frame(assemble(SPAM, records))
    texts = pc.binary_join_element_wise(*columns[1:], "\n").to_numpy(zero_copy_only=False)
    return Mail(inputs, texts, pc.equal(table["label"], 1).to_numpy())


def spam_probabilities(train: Mail, test: Mail) -> np.ndarray:
    """Return what the first candidate, with its defaults, answers."""
    candidate = SPAM.training().candidates()[0]
    model = candidate.build(default_parameters(candidate.space), 0)
    model.fit(train.inputs, np.where(train.spam, "spam", "ham"))
    return model.predict_proba(test.inputs)[:, list(model.classes_).index("spam")]


def plain_probabilities(train: Mail, test: Mail) -> np.ndarray:
    """Return what TF-IDF of words and pairs, with logistic regression, answers."""
    words = TfidfVectorizer(ngram_range=(1, 2), max_features=50_000, sublinear_tf=True, min_df=2)
    model = make_pipeline(words, LogisticRegression(C=10, max_iter=1_000))
    return model.fit(train.texts, train.spam).predict_proba(test.texts)[:, 1]


def test_it_tells_spam_from_ham_within_a_source():
    given = mail("emails_enron")
    train, test = train_test_split(
        np.arange(len(given.spam)), test_size=0.2, stratify=given.spam, random_state=0
    )
    found = spam_probabilities(given.take(train), given.take(test))
    assert f1_score(given.spam[test], found >= 0.5) >= 0.9
    assert roc_auc_score(given.spam[test], found) >= 0.99


@pytest.mark.parametrize(
    ("source", "target", "least"),
    [("emails_enron", "emails_lingspam", 0.96), ("emails_lingspam", "emails_enron", 0.8)],
)
def test_the_model_beats_the_plain_model_on_another_source(source, target, least):
    train, test = mail(source), mail(target)
    found, plain = spam_probabilities(train, test), plain_probabilities(train, test)
    assert roc_auc_score(test.spam, found) >= max(least, roc_auc_score(test.spam, plain))
    assert (found[~test.spam] >= 0.5).mean() <= (plain[~test.spam] >= 0.5).mean()
