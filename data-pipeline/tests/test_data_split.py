from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.versions.manifest import SplitSummary, read_manifest, read_records
from data_pipeline.versions.split import split as split_table
from use_cases import TrainingUseCase, use_case
from use_cases.testing import variant

IRIS = use_case("iris")
# Mail without near duplicates: numbers in its texts count for nothing there.
PLAIN = {"duplicate_text": TrainingUseCase.duplicate_text}
SPAM = variant(use_case("spam"), training=PLAIN)
START = datetime(2025, 1, 1, tzinfo=UTC)
CLASSES = ("ham", "spam")
Row = tuple[int, int, int | None]
ROWS = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.integers(0, 1),
        st.one_of(st.integers(0, 10**6), st.integers(0, 10**6), st.none()),
    ),
    max_size=80,
)


Split = Callable[[list[Row]], tuple[np.ndarray, SplitSummary]]


@pytest.fixture(scope="module")
def split() -> Iterator[Split]:
    """Return a function that returns which rows are for the test, and how that was decided."""

    def split(rows: list[Row]) -> tuple[np.ndarray, SplitSummary]:
        cluster, label, time = zip(*rows, strict=True) if rows else ((), (), ())
        columns = {
            "number": pa.array(range(len(rows)), pa.int64()),
            "cluster": pa.array([f"{number:016x}" for number in cluster], pa.string()),
            "label": pa.array([CLASSES[number] for number in label], pa.string()),
            "time": pa.array(time, pa.int64()),
        }
        database.register("given", pa.table(columns))
        database.begin()
        try:
            summary = split_table(database, "given", CLASSES)
            sides = database.sql(
                "SELECT part = 'test' FROM given JOIN parts USING (cluster) ORDER BY number"
            ).fetchall()
        finally:
            database.rollback()
        return np.array([side for (side,) in sides], bool), summary

    # A database of its own for each example would take as long as the split.
    with duckdb.connect() as database:
        yield split


@settings(deadline=None)
@given(ROWS, st.randoms())
def test_no_cluster_is_divided_and_the_order_of_rows_does_not_matter(split, rows, chance) -> None:
    sides, summary = split(rows)
    parts = {(cluster, side) for (cluster, *_), side in zip(rows, sides.tolist(), strict=True)}
    assert len(parts) == len({cluster for cluster, *_ in rows})
    order = chance.sample(range(len(rows)), len(rows))
    shuffled, again = split([rows[n] for n in order])
    assert sides[order].tolist() == shuffled.tolist()
    assert summary == again


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=40, max_size=90, unique=True), st.integers(0, 9))
def test_a_split_by_time_tests_each_class_on_its_latest_fifth(split, times, without) -> None:
    rows = [(n, n % 2, time) for n, time in enumerate(times)]
    unknown = min(without, len(rows) // 10)
    rows = [(c, label, None if c < unknown else t) for c, label, t in rows]
    sides, summary = split(rows)
    assert summary.method == "time"
    for label, name in enumerate(CLASSES):
        own = [
            (t, s)
            for (_, lab, t), s in zip(rows, sides, strict=True)
            if lab == label and t is not None
        ]
        train, test = ([t for t, s in own if s == side] for side in (False, True))
        assert max(train) < min(test)
        assert summary.boundaries[name].timestamp() * 1e6 == pytest.approx(min(test))
        assert len(test) == pytest.approx(0.2 * len(own), abs=1)


def test_the_earliest_row_of_a_cluster_decides_its_part(split) -> None:
    rows = [(n, n % 2, n) for n in range(100)] + [(0, 0, 1_000), (0, 1, 1_001), (99, 0, 2_000)]
    sides, _ = split(rows)
    assert sides[[0, 100, 101]].tolist() == [False] * 3
    assert sides[[99, 102]].tolist() == [True] * 2


def mails_with(mails, dates: list):
    n = len(dates)
    return mails([f"mail {i}" for i in range(n)], ["spam", "ham"] * (n // 2), dates)


def days(count: int) -> list[str]:
    return [f"{START + timedelta(days=n):%Y-%m-%d}" for n in range(count)]


def test_a_source_with_times_is_split_by_time(blob_store, frozen, mails) -> None:
    version = frozen(SPAM, blob_store, mails_with(mails, days(400)))
    records = read_records(blob_store, "spam", version)
    manifest = read_manifest(blob_store, "spam", version)
    test = records.filter(pc.equal(records["part"], "test"))
    assert Counter(test["label"].to_pylist()) == {"spam": 40, "ham": 40}
    assert pc.min(test["event_timestamp"]).as_py() == min(manifest.split.boundaries.values())
    assert (manifest.split.method, manifest.test_rows) == ("time", 80)


@pytest.mark.parametrize(
    ("dates", "why"),
    [
        (["2025-01-01"] * 400, "have the same time"),
        (days(280) + [""] * 120, "of the rows of"),
        (["2025-01-01"] * 200 + ["2025-01-02"] * 200, "no point in time"),
    ],
)
def test_without_usable_times_the_split_is_by_content(
    blob_store, frozen, mails, dates, why
) -> None:
    if why == "no point in time":
        dates = ["2025-01-01"] * 396 + days(4)
    version = frozen(SPAM, blob_store, mails_with(mails, dates))
    summary = read_manifest(blob_store, "spam", version).split
    assert summary.method == "content"
    assert why in summary.why
    assert summary.boundaries == {}


def test_without_times_a_record_has_the_same_part_in_every_version(blob_store, frozen) -> None:
    small, large = (
        IRIS.training().generate(300, 5),
        [IRIS.training().generate(300, n) for n in (5, 6)],
    )
    sides = []
    for tables in ([small], large):
        records = read_records(blob_store, "iris", frozen(IRIS, blob_store, *tables))
        sides.append(dict(zip(*(records[c].to_pylist() for c in ("row_id", "part")), strict=True)))
    assert sides[0].items() <= sides[1].items()


def test_a_split_by_content_takes_about_a_fifth_for_the_test(split) -> None:
    rows = [(n * 2**40, n % 2, None) for n in range(5_000)]
    sides, _ = split(rows)
    assert 0.18 < sides.mean() < 0.22
