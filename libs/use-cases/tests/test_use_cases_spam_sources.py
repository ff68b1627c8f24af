"""Spam: what makes a model carry over to other sources."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from use_cases import assemble, model_schema, use_case
from use_cases.spam.lexicon import UNWANTED, WANTED
from use_cases.spam.topics import FEW_WORDS, SIDES, TOPICAL, topical_features
from use_cases.spam.training.guided import GuidedClassifier
from use_cases.testing import fit_default, generated_records

SPAM = use_case("spam")


def mail(subject: str, body: str) -> pa.RecordBatch:
    row = {"email_id": "1", "subject": subject, "body": body, "sender": ""}
    return pa.RecordBatch.from_pylist([row], schema=SPAM.record_schema)


def topics(text: bytes) -> dict[str, float]:
    values = np.empty((1, len(TOPICAL)), np.float32)
    topical_features([text.split()], values)
    return dict(zip(TOPICAL, values[0].tolist(), strict=True))


@pytest.mark.parametrize("topic", [*UNWANTED, *WANTED])
def test_every_term_of_a_topic_is_found(topic):
    for term in {**UNWANTED, **WANTED}[topic].split():
        assert topics(term.replace("_", " ").encode())[f"topic_{topic}"] > 0


def test_a_topic_counts_different_words_and_pairs_among_different_words():
    found = topics(b"viagra viagra click here zzz")
    assert found["topic_remedy"] == pytest.approx(1 / (4 + FEW_WORDS))
    assert found["topic_call_to_action"] == pytest.approx(2 / (4 + FEW_WORDS))


@given(st.lists(st.sampled_from(["free", "wrote", "click", "here", "meeting", "zzz"]), max_size=30))
def test_the_sides_are_the_sums_of_their_topics(words):
    found = topics(" ".join(words).encode())
    for side, names in zip(SIDES, (UNWANTED, WANTED), strict=True):
        assert found[side] == pytest.approx(sum(found[f"topic_{name}"] for name in names))


def test_guides_keep_their_weight_whatever_the_labels_say():
    inputs = np.array([[1.0, 0.1, 0.0], [0.0, -0.1, 1.0]] * 20)
    labels = ["spam", "ham"] * 20  # the guide speaks against them
    model = GuidedClassifier(LogisticRegression(), (3.0,)).fit(inputs, labels)
    row = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 1.0]])
    odds = np.log(model.predict_proba(row)[:, 1] / model.predict_proba(row)[:, 0])
    assert odds[1] - odds[0] == pytest.approx(3.0)
    learned = LogisticRegression().fit(inputs[:, :-1], labels)
    assert odds[0] == pytest.approx(learned.decision_function(row[:1, :-1])[0])
    assert model.predict(row).tolist() == ["spam", "spam"]


def test_the_count_of_a_sign_does_not_matter():
    candidate = SPAM.training().candidates()[0]
    model = fit_default(SPAM, candidate, rows=400)
    mails = (mail("Now", "call me!"), mail("Now!", "call me!!!!"))
    features = [model_schema(SPAM).frame(assemble(SPAM, records)) for records in mails]
    first, second = (model.predict_proba(row)[0, 0] for row in features)
    assert first == pytest.approx(second)


def test_candidates_are_the_kinds_that_were_promised_in_order():
    assert [one.name for one in SPAM.training().candidates()] == [
        "guided_words",
        "words",
    ]


def training_rows(count: int, clusters: list[str | None] | None = None) -> pa.Table:
    labels = SPAM.training().generate(count, 0)["label"]
    features = pa.Table.from_batches([assemble(SPAM, generated_records(SPAM, count))])
    table = features.append_column("label", labels)
    return table if clusters is None else table.append_column("cluster", pa.array(clusters))


def test_folds_keep_topics_of_a_class_together_and_repeat_themselves():
    rows = training_rows(800)
    groups = SPAM.training().fold_groups(rows)
    assert groups.equals(SPAM.training().fold_groups(rows))
    for group, label in zip(groups.to_pylist(), rows["label"].to_pylist(), strict=True):
        assert group.startswith(f"{label}-")
    assert len(set(groups.to_pylist())) >= 12


def test_near_duplicates_have_one_group():
    clusters = [None if n % 2 else f"c{n // 10}" for n in range(800)]
    groups = SPAM.training().fold_groups(training_rows(800, clusters)).to_pylist()
    for name in set(clusters) - {None}:
        members = {g for g, c in zip(groups, clusters, strict=True) if c == name}
        assert len(members) == 1


def test_few_emails_have_no_topics():
    assert SPAM.training().fold_groups(training_rows(60)) is None


@pytest.mark.parametrize(
    ("subject", "body", "language", "length", "markup"),
    [
        ("", "This is the plan for you and me", "english", "short", "plain"),
        ("", "<p>Das ist ein kurzer Satz ohne Sinn</p>", "other", "short", "html"),
        ("", "это спам и не the for you", "other", "short", "plain"),
        ("", "12 34", None, "short", "plain"),
        ("x", "to the end " * 40, "english", "medium", "plain"),
        ("x", "to the end " * 400, "english", "long", "plain"),
    ],
)
def test_slices_say_language_length_and_markup(subject, body, language, length, markup):
    (row,) = SPAM.training().slices(mail(subject, body)).to_pylist()
    assert row == {"language": language, "length": length, "markup": markup}


def test_emails_with_other_numbers_links_and_markup_have_one_duplicate_text():
    first = SPAM.training().duplicate_text(mail("Win $12!", "<b>See</b> http://a.example/1"))
    second = SPAM.training().duplicate_text(mail("WIN $99", "see https://b.example/xyz?3"))
    assert first.equals(second)
    assert SPAM.training().duplicate_text(mail("", " \n")).to_pylist() == [None]
