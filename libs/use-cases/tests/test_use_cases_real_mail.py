"""Quality on real mail, and on mail of a source that training has not seen."""

import os
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import train_test_split

from use_cases import Candidate, assemble, default_parameters, model_schema, use_case

SPAM = use_case("spam")
ROOT = Path(__file__).parents[3]
DATA = Path(os.environ.get("SHARED_DATA", ROOT.parent / "shared" / "data"))
pytestmark = pytest.mark.skipif(
    not (DATA / "emails_enron.parquet").exists(), reason="no real mail here (set SHARED_DATA)"
)


@cache
def mail(name: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Return model inputs, no sender known, and whether each is spam."""
    table = pq.read_table(DATA / f"{name}.parquet").combine_chunks()
    empty = pa.array([""] * table.num_rows)
    columns = [table[n].combine_chunks().fill_null("") for n in ("email_id", "subject", "body")]
    records = pa.record_batch([*columns, empty], schema=SPAM.record_schema)
    spam = pc.equal(table["label"], 1).to_numpy()
    return model_schema(SPAM).frame(assemble(SPAM, records)), spam


def first() -> Candidate:
    return SPAM.training().candidates()[0]


def fit(inputs: pd.DataFrame, spam: np.ndarray) -> object:
    candidate = first()
    model = candidate.build(default_parameters(candidate.space), 0)
    return model.fit(inputs, np.where(spam, "spam", "ham"))


def probability(model: object, inputs: pd.DataFrame) -> np.ndarray:
    return model.predict_proba(inputs)[:, list(model.classes_).index("spam")]


def test_it_tells_spam_from_ham_within_a_source():
    inputs, spam = mail("emails_enron")
    train, test = train_test_split(
        np.arange(len(spam)), test_size=0.2, stratify=spam, random_state=0
    )
    model = fit(inputs.iloc[train], spam[train])
    assert f1_score(spam[test], probability(model, inputs.iloc[test]) >= 0.5) >= 0.98


@pytest.mark.parametrize(
    ("source", "target", "least"),
    [("emails_enron", "emails_lingspam", 0.98), ("emails_lingspam", "emails_enron", 0.88)],
)
def test_it_carries_over_to_another_source(source, target, least):
    model = fit(*mail(source))
    inputs, spam = mail(target)
    assert roc_auc_score(spam, probability(model, inputs)) >= least
