"""Spam: redaction, answers, and mail out of nothing."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from use_cases import assemble, model_schema, use_case
from use_cases.testing import fit_default, generated_records

SPAM = use_case("spam")


def from_sender(sender: str | None) -> pa.RecordBatch:
    row = {"email_id": "1", "subject": "s", "body": "b", "sender": sender}
    return pa.RecordBatch.from_pylist([row], schema=SPAM.record_schema)


@pytest.mark.parametrize(
    ("sender", "logged"),
    [
        ("Ann Lee <ann@b.example>", "***@b.example"),
        ("ann@B.example", "***@b.example"),
        ("Ann Lee", "***"),
        ("ann@ lee", "***"),
        ("", ""),
    ],
)
def test_only_the_domain_of_a_sender_is_logged(sender, logged):
    assert SPAM.redact(from_sender(sender)).column("sender").to_pylist() == [logged]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
@settings(deadline=None)
def test_redaction_keeps_the_entity_of_any_sender(sender):
    records = from_sender(sender)
    logged = SPAM.redact(records)
    assert SPAM.entity_keys(logged).equals(SPAM.entity_keys(records))
    assert SPAM.redact(logged).equals(logged)


@pytest.mark.parametrize(
    ("spam", "prediction", "confidence"),
    [
        (0.95, "spam", "high"),
        (0.75, "spam", "medium"),
        (0.55, "spam", "low"),
        (0.02, "ham", "high"),
    ],
)
def test_an_answer_says_how_sure_it_is(spam, prediction, confidence):
    answer = SPAM.answer({"spam": spam, "ham": 1 - spam}, prediction)
    assert answer == {"spam_probability": spam, "confidence": confidence}


def test_generated_mail_has_unique_ids_in_order_of_time():
    table = SPAM.training().generate(500, seed=3)
    assert len(set(table["email_id"].to_pylist())) == 500
    assert table["date"].to_pylist() == sorted(table["date"].to_pylist())


def test_markup_and_links_are_in_both_classes():
    table = SPAM.training().generate(1_000, seed=0)
    for label in ("spam", "ham"):
        bodies = table.filter(pc.equal(table["label"], label))["body"]
        for mark in ("<html>", "https://"):
            share = pc.mean(pc.match_substring(bodies, mark).cast(pa.float64())).as_py()
            assert 0.1 < share < 0.9


def test_drift_grows_gradually():
    def signs(drift: float) -> tuple[float, ...]:
        table = SPAM.training().generate(800, seed=0, drift=drift)
        body = table["body"]
        new = pc.match_substring(table["sender"], "cloudsend")
        parts = (pc.equal(table["label"], "spam"), pc.match_substring(body, "<html>"), new)
        return tuple(pc.mean(part.cast(pa.float64())).as_py() for part in parts)

    none, half, full = signs(0.0), signs(0.5), signs(1.0)
    assert all(a < b < c for a, b, c in zip(none, half, full, strict=True))
    assert none[2] == 0.0


def test_generated_mail_is_neither_trivial_nor_hopeless():
    candidate = SPAM.training().candidates()[0]
    model = fit_default(SPAM, candidate, rows=1_500)
    labels = SPAM.training().generate(1_000, seed=9)["label"].to_pylist()
    features = assemble(SPAM, generated_records(SPAM, 1_000, 9))
    predicted = model.predict(model_schema(SPAM).frame(features))
    assert 0.94 < f1_score(labels, predicted, pos_label="spam") < 0.998
