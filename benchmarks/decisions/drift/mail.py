"""Real mail before and after a change, answered by a plain model (TF-IDF, logistic regression)."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from baseline import PREDICTION_COLUMN, SCORE_COLUMN, mark_missing, monitored_columns, score
from decisions.drift.rows import UseCaseRows, rows_of
from use_cases import UseCase, use_case
from use_cases.testing import variant

ENRON, LINGSPAM, FOLDERS = (f"emails_{name}.parquet" for name in ("enron", "lingspam", "folders"))
MAILBOX = "kitchen-l"
# The folder that takes over in the mailbox begins after three fifths of its mail.
CHANGE = 0.6
BASELINE_ROWS = 4_000


def enron_and_lingspam(data: Path, seed: int) -> tuple[UseCaseRows, UseCaseRows]:
    """Return mail of Enron and of Ling-Spam, answered by a model of other Enron mail."""
    entity = use_case("spam").entity_features
    known = set(entity.names) if entity else set()
    monitored = tuple(c for c in use_case("spam").monitored if c.name not in known)
    case = variant(use_case("spam"), monitored=monitored, entity_features=None)
    enron, other = (_spam(data / name) for name in (ENRON, LINGSPAM))
    order = np.random.default_rng(seed).permutation(enron.num_rows)
    held_out, train = (enron.take(pa.array(part)) for part in np.split(order, [BASELINE_ROWS]))
    model = _model(train["body"].to_pylist(), train["label"].to_pylist())
    before, after = (_spam_rows(case, model, table) for table in (held_out, other))
    return before, after


def kitchen(data: Path, seed: int) -> tuple[UseCaseRows, UseCaseRows]:
    """Return mail of a mailbox before and after its change, answered by a model of mail before."""
    table = pq.read_table(data / FOLDERS, columns=["date", "mailbox", "subject", "body", "folder"])
    table = table.filter(pc.equal(table["mailbox"], MAILBOX)).sort_by("date")
    texts = [f"{s} {b}" for s, b in zip(table["subject"].to_pylist(), table["body"].to_pylist(),
                                        strict=True)]  # fmt: skip
    folders = table["folder"].to_pylist()
    change = round(CHANGE * len(texts))
    order = np.random.default_rng(seed).permutation(change)
    train, held_out = np.split(order, 2)
    model = _model([texts[i] for i in train], [folders[i] for i in train])
    case = variant(use_case("email_categories"), classes=tuple(model.classes_.tolist()))
    groups = [texts[i] for i in held_out], texts[change:]
    before, after = (_folder_rows(case, model, group) for group in groups)
    return before, after


def _model(texts: list[str], labels: list[str]) -> Pipeline:
    tfidf = TfidfVectorizer(ngram_range=(1, 2), max_features=50_000, sublinear_tf=True, min_df=2)
    return make_pipeline(tfidf, LogisticRegression(C=10, max_iter=1_000)).fit(texts, labels)


def _spam(file: Path) -> pa.Table:
    table = pq.read_table(file)
    fields = ("email_id", "subject", "body", "sender")
    columns = {
        name: table[name].cast(pa.string()).fill_null("").combine_chunks()
        if name in table.column_names
        else pa.array([""] * table.num_rows)
        for name in fields
    }
    classes = pc.if_else(pc.equal(table["label"].cast(pa.int64()), 1), "spam", "ham")
    return pa.table({**columns, "label": classes.combine_chunks()})


def _spam_rows(case: UseCase, model: Pipeline, table: pa.Table) -> UseCaseRows:
    arrays = [table[field.name].combine_chunks().cast(field.type) for field in case.record_schema]
    records = pa.record_batch(arrays, schema=case.record_schema)
    return rows_of(case, case.features(records), _outputs(case, model, table["body"].to_pylist()))


def _folder_rows(case: UseCase, model: Pipeline, texts: list[str]) -> UseCaseRows:
    outputs = _outputs(case, model, texts)
    words = pa.array([float(len(text.split())) for text in texts], pa.float32())
    columns = {
        column.name: mark_missing(case, column, outputs.get(column.name, words))
        for column in monitored_columns(case)
    }
    return UseCaseRows(case, columns)


def _outputs(case: UseCase, model: Pipeline, texts: list[str]) -> dict[str, pa.Array]:
    found = model.predict_proba(texts)
    order = [model.classes_.tolist().index(name) for name in case.classes]
    best = model.classes_[found.argmax(axis=1)]
    return {
        SCORE_COLUMN: score(case, found[:, order]),
        PREDICTION_COLUMN: pa.array(best.tolist(), pa.string()),
    }
