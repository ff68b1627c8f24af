"""Labelled predictions as a source: which of them become rows, and with which label."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_traffic import LiveTraffic

from data_pipeline.bootstrap import DataServices
from data_pipeline.parameters import SourceParameters
from data_pipeline.preparation import DataPreparation
from data_pipeline.settings import DataSettings, IngestSettings
from data_pipeline.sources import IngestRequest
from data_pipeline.versions.manifest import DatasetManifest, read_records
from platform_core import storage
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.clock import ManualClock
from platform_core.contracts.environments import Environment
from platform_core.contracts.prediction_ids import prediction_time
from platform_core.errors import InvalidData
from platform_core.parquet import read_table, write_table
from platform_core.storage import dataset_path, record_tombstone_path, tombstone_path
from records.erasure import Erasure
from scoring import Scorer
from use_cases import TrainingUseCase, use_case
from use_cases.testing import variant

PLAIN = {"duplicate_text": TrainingUseCase.duplicate_text}
SPAM = variant(use_case("spam"), training=PLAIN)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
CLASSES = ("ham", "spam")


def rows(count: int, first: int = 0) -> list[dict]:
    """Return different mails."""
    names = range(first, first + count)
    return [
        {"email_id": f"m{n}", "subject": "s", "body": f"text {n}", "sender": "x@y.z"} for n in names
    ]


@pytest.fixture
def traffic(blob_store, tmp_path: Path):
    traffic = LiveTraffic(blob_store, tmp_path / "spool", SPAM)
    yield traffic
    traffic.close()


@pytest.fixture
def prepare(blob_store, tmp_path: Path):
    """Return a function that makes a dataset version of a source: DATA, BASE → manifest."""
    clock = ManualClock(NOW)

    def prepare(
        data: str = "feedback", base: str = "", case=SPAM, store=blob_store, **limits
    ) -> DatasetManifest:
        services = DataServices()
        clock.advance(timedelta(minutes=1))
        services.store, services.clock = store, clock
        services.settings = DataSettings(feast_offline_path=tmp_path)
        services.ingest_settings = IngestSettings(**limits)
        folder = f"models/{case.name}/_runs/run"
        return DataPreparation(services, case, lambda _: None).freeze(
            IngestRequest(data), folder, base
        )

    return prepare


@pytest.fixture
def base(blob_store, frozen, many) -> str:
    """Return a dataset version of a file: 200 mails."""
    return frozen(SPAM, blob_store, many(), now=datetime(2025, 12, 1, tzinfo=UTC))


def labelled(traffic: LiveTraffic, count: int = 100, first: int = 0) -> list[str]:
    """Answer mails and label them in turn."""
    ids = traffic.answer(rows(count, first))
    traffic.label((one, CLASSES[n % 2]) for n, one in enumerate(ids))
    return ids


def labels_by_body(store, manifest: DatasetManifest) -> dict[str, str]:
    records = read_records(store, "spam", manifest.dataset_version)
    return dict(zip(records["body"].to_pylist(), records["label"].to_pylist(), strict=True))


def parts(store, manifest: DatasetManifest) -> dict[str, tuple[str, str]]:
    records = read_records(store, "spam", manifest.dataset_version).to_pylist()
    return {row["row_id"]: (row["part"], row["cluster"]) for row in records}


def test_labelled_predictions_are_added_to_the_latest_version(
    blob_store, base, traffic, prepare
) -> None:
    ids = labelled(traffic)
    traffic.answer(rows(10, first=500))  # without a label
    added = prepare(base="latest")
    assert (added.parents, added.rows, added.rows_read) == ((base,), 300, 100)
    assert (added.data_source, added.split.method) == ("feedback", "time")
    summary = added.feedback
    assert (summary.records, summary.labels, summary.corrections) == (100, 100, 0)
    assert (summary.first, summary.last) == (prediction_time(ids[0]), prediction_time(ids[-1]))
    assert summary.environments == ("production",)
    records = read_records(blob_store, "spam", added.dataset_version)
    new = records.filter(pc.equal(records["source"], "feedback")).sort_by("event_timestamp")
    assert new["label"].to_pylist() == list(CLASSES) * 50
    assert set(new["sender"].to_pylist()) == {"***@y.z"}
    # The latest fifth of the additions, whatever the times of the base.
    assert new["part"].to_pylist() == ["train"] * 80 + ["test"] * 20
    before = {
        r: p for r, p in parts(blob_store, added).items() if r not in set(new["row_id"].to_pylist())
    }
    assert len(before) == 200


def test_without_new_labels_the_version_is_the_same(base, traffic, prepare) -> None:
    labelled(traffic)
    first = prepare(base="latest")
    assert prepare(base=base).dataset_version == first.dataset_version
    again = prepare(base="latest")
    assert again == first
    labelled(traffic, 10, first=700)
    second = prepare(base="latest")
    assert (second.parents, second.feedback.records) == ((first.dataset_version,), 10)


def test_a_late_label_of_an_early_prediction_is_not_lost(base, traffic, prepare) -> None:
    late = traffic.answer(rows(1, first=900))
    labelled(traffic)
    prepare(base="latest")
    traffic.label([(late[0], "spam")], after=10_000)
    second = prepare(base="latest", data="feedback")
    assert (second.rows, second.feedback.records) == (301, 1)


def test_a_corrected_label_replaces_the_earlier_one_where_the_row_is(
    blob_store, base, traffic, prepare
) -> None:
    ids = labelled(traffic)
    first = prepare(base="latest")
    traffic.label([(ids[0], "spam"), (ids[99], "ham")], after=100)
    second = prepare(base="latest")
    assert (second.rows, second.rows_quarantined) == (300, 0)
    assert (second.feedback.records, second.feedback.corrections) == (2, 2)
    assert second.feedback.labels == 4
    before, after = labels_by_body(blob_store, first), labels_by_body(blob_store, second)
    changed = {body for body in after if after[body] != before[body]}
    assert changed == {"text 0", "text 99"}
    assert parts(blob_store, first) == parts(blob_store, second)
    assert prepare(base="latest") == second


def test_a_corrected_label_of_a_table_keeps_its_part(blob_store, tmp_path, frozen, prepare) -> None:
    """Where the label belongs to the identity of a row."""
    iris = variant(use_case("iris"), training={"duplicates": "exact"})
    table = iris.training().generate(200, seed=1)
    base = frozen(iris, blob_store, table)
    traffic = LiveTraffic(blob_store, tmp_path / "iris", iris)
    flowers = iris.training().generate(90, seed=2).select(iris.record_schema.names).to_pylist()
    ids = traffic.answer(flowers)
    traffic.label((one, iris.classes[n % 3]) for n, one in enumerate(ids))
    first = prepare(base=base, case=iris)
    traffic.label([(ids[0], iris.classes[2])], after=100)
    second = prepare(base="latest", case=iris)
    traffic.close()
    assert second.rows == first.rows
    one, two = (
        {
            (row["row_id"], row["label"]): row["part"]
            for row in read_records(blob_store, "iris", v.dataset_version).to_pylist()
        }
        for v in (first, second)
    )
    (old,), (new,) = set(one) - set(two), set(two) - set(one)
    assert (old[1], new[1]) == (iris.classes[0], iris.classes[2])
    assert one[old] == two[new]


def test_two_predictions_of_one_content_contradict_each_other_until_a_label_is_corrected(
    blob_store, base, traffic, prepare
) -> None:
    labelled(traffic)
    twice = traffic.answer(rows(1, first=600) * 2)
    traffic.label(zip(twice, CLASSES, strict=True))
    first = prepare(base="latest")
    assert (first.rows, first.rows_quarantined) == (300, 2)
    traffic.label([(twice[0], "spam")], after=100)
    second = prepare(base="latest")
    assert labels_by_body(blob_store, second)["text 600"] == "spam"
    traffic.label([(twice[1], "ham")], after=200)
    labelled(traffic, 10, first=700)
    third = prepare(base="latest")
    assert (third.rows, third.rows_quarantined) == (310, 2)
    assert "text 600" not in labels_by_body(blob_store, third)


def test_a_label_that_contradicts_a_file_is_quarantined(
    blob_store, frozen, many, traffic, prepare
) -> None:
    table = many().select(["email_id", "subject", "body", "label"])
    frozen(SPAM, blob_store, table.append_column("sender", [["***@y.z"] * 200]))
    in_file = {"email_id": "x", "subject": "", "body": "mail 0", "sender": "x@y.z"}
    ids = traffic.answer([in_file])
    traffic.label([(ids[0], "spam")])
    labelled(traffic, 10)
    first = prepare(base="latest")
    assert (first.rows, first.duplicates) == (210, 1)
    traffic.label([(ids[0], "ham")], after=100)
    labelled(traffic, 10, first=800)
    second = prepare(base="latest")
    assert (second.rows, second.rows_quarantined, second.feedback.corrections) == (219, 2, 1)
    assert "mail 0" not in labels_by_body(blob_store, second)


def test_only_live_records_of_the_environments_count(blob_store, base, traffic, prepare) -> None:
    labelled(traffic, 40)
    others = [
        *traffic.answer(rows(1, first=600), purpose="drill"),
        *traffic.answer(rows(1, first=601), purpose="smoke"),
        *traffic.answer(rows(1, first=602), environment=Environment.STAGING),
    ]
    traffic.label((one, "spam") for one in others)
    added = prepare(base="latest")
    assert (added.rows, added.feedback.unmatched) == (240, 3)
    both = prepare(base=base, feedback_environments="production, staging")
    assert (both.rows, both.feedback.unmatched) == (241, 2)


def test_the_copy_for_a_shadow_is_left_out(blob_store, base, traffic, prepare) -> None:
    ids = traffic.answer(rows(20), role="canary")
    shadow = traffic.answer(rows(2, first=500), role="shadow")
    traffic.label((one, CLASSES[n % 2]) for n, one in enumerate([*ids, *shadow]))
    added = prepare(base="latest")
    assert (added.feedback.records, added.feedback.unmatched) == (20, 2)


def test_records_that_were_logged_without_a_role_count(blob_store, base, traffic, prepare) -> None:
    labelled(traffic, 40)
    for blob in blob_store.list(storage.INFERENCE_LOGS):
        table = read_table(blob_store, blob.path)
        write_table(blob_store, blob.path, table.drop_columns(["role"]))
    assert prepare(base="latest").feedback.records == 40


def test_erased_records_and_predictions_are_left_out(blob_store, base, traffic, prepare) -> None:
    ids = labelled(traffic)
    erasure = Erasure(blob_store, ManualClock(NOW), SPAM, "operator")
    erasure.erase_prediction(ids[0])
    blob_store.write(record_tombstone_path("spam", "m1"), b"{}")
    # The labels of these are still there, as those of a gateway that uploads them late.
    blob_store.write(tombstone_path("spam", prediction_time(ids[2]), ids[2]), b"{}")
    first = prepare(base="latest")
    assert {"text 0", "text 1", "text 2"}.isdisjoint(labels_by_body(blob_store, first))
    assert first.rows == 297
    erasure.erase_prediction(ids[3])
    labelled(traffic, 10, first=300)
    second = prepare(base="latest")
    assert "text 3" not in labels_by_body(blob_store, second)
    assert second.rows == 306
    known = read_table(blob_store, dataset_path("spam", second.dataset_version, "feedback.parquet"))
    assert ids[3] not in known["prediction_id"].to_pylist()


def without_words(self, row: dict) -> dict:
    """Redact all of a body."""
    return {**row, "body": ""}


def without_numbers(self, row: dict) -> dict:
    """Redact what the golden records do not have."""
    return {**row, "body": row["body"].replace("4111 1111", "free money")}


def test_a_redaction_that_removes_features_is_refused(blob_store, base, traffic, prepare) -> None:
    labelled(traffic)
    case = variant(SPAM, redact_row=without_words)
    with pytest.raises(InvalidData, match=r"redaction of spam changes text, .* train from a file"):
        prepare(base="latest", case=case)


@pytest.mark.parametrize(("redact", "damaged"), [(None, False), (without_numbers, True)])
def test_logged_records_must_give_the_answers_that_were_logged(
    blob_store, tmp_path, base, prepare, make_release, redact, damaged
) -> None:
    case = variant(SPAM, redact_row=redact) if redact else SPAM
    scorer = Scorer(make_release(blob_store, "spam"), SPAM)
    traffic = LiveTraffic(blob_store, tmp_path / "scored", case, scorer)
    labelled(traffic, 10)
    ids = traffic.answer([{**rows(1)[0], "body": "my card is 4111 1111, call me"}])
    traffic.label([(ids[0], "ham")])
    traffic.close()
    if not damaged:
        assert prepare(base="latest", case=case).feedback.records == 11
        return
    with pytest.raises(InvalidData, match=r"do not give the answers .* Their redaction damaged"):
        prepare(base="latest", case=case)


def test_nothing_labelled_is_refused_with_what_to_do(base, traffic, prepare) -> None:
    traffic.label([(traffic.answer(rows(1))[0], "spam")])
    staging = "no labelled records of spam in staging (1 labels belong to no live record)"
    with pytest.raises(InvalidData, match="FEEDBACK_ENVIRONMENTS") as error:
        prepare(feedback_environments="staging")
    assert staging in str(error.value)


@pytest.mark.parametrize("data", ["feedback mails.csv", "mails.csv feedback"])
def test_labelled_predictions_are_not_pooled_with_files(prepare, data) -> None:
    with pytest.raises(InvalidData, match="feedback cannot be pooled"):
        prepare(data)


def test_the_name_stays_and_takes_no_columns() -> None:
    assert SourceParameters(data="feedback", base="latest").absolute().data == "feedback"
    assert SourceParameters(data="./feedback").absolute().data.startswith("/")
    with pytest.raises(InvalidData, match="leave COLUMNS out"):
        SourceParameters(data="feedback", columns="body=text")


EVENT = st.tuples(st.integers(0, 7), st.sampled_from(CLASSES), st.integers(1, 6))
EVENTS = st.lists(EVENT, max_size=16) | st.lists(EVENT, min_size=16, max_size=40)


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """Return a store with a hundred and eight predictions, all but eight of them labelled."""
    folder = tmp_path_factory.mktemp("answered")
    store = LocalBlobStore(folder / "blob")
    traffic = LiveTraffic(store, folder / "spool", SPAM)
    labelled(traffic)
    yield store, traffic, traffic.answer(rows(8, first=400))
    traffic.close()


# Few long examples: seven have 19 labels that were corrected (median of 40 seeds); fifteen of short
# lists alone would have nine.
@settings(
    max_examples=7, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(events=EVENTS, order=st.randoms(use_true_random=False), twice=st.booleans())
def test_labels_in_any_order_twice_or_corrected_give_the_same_version(
    answered, prepare, events, order: random.Random, twice: bool
) -> None:
    store, traffic, ids = answered
    # What became known last counts; of what became known at once the platform keeps one.
    final = {(number, after): value for number, value, after in events}
    events = [(number, value, after) for (number, after), value in final.items()]
    kept = {blob.path for blob in store.list(storage.LABELS)}
    last = {n: value for n, value, _ in sorted(events, key=lambda event: event[2])}
    traffic.label((ids[n], value) for n, value in last.items())
    expected = prepare(store=store)
    clear(store, kept)
    sent = events * 2 if twice else list(events)
    order.shuffle(sent)
    for number, value, after in sent:
        traffic.label([(ids[number], value)], after)
    got = prepare(store=store)
    clear(store, kept)
    assert got.dataset_version == expected.dataset_version
    assert got.rows == 100 + len(last)


def clear(store, kept: set[str]) -> None:
    for blob in list(store.list(storage.LABELS)):
        if blob.path not in kept:
            store.delete(blob.path)
