from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from data_pipeline.versions.manifest import read_manifest, read_records
from platform_core.errors import InvalidData
from platform_core.parquet import read_table
from platform_core.storage import dataset_path
from use_cases import TrainingUseCase, use_case
from use_cases.testing import variant

IRIS = use_case("iris")
# Mail without near duplicates: numbers in its texts count for nothing there.
PLAIN = {"duplicate_text": TrainingUseCase.duplicate_text}
SPAM = variant(use_case("spam"), training=PLAIN)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "labels",
    [
        ["spam", "ham"], [1, 0], [1.0, 0.0], [True, False], ["1", "0"], [" SPAM", "Ham"],
        ["1.0", "0.0"], ["True", "false "],
    ],
)  # fmt: skip
def test_labels_are_understood_however_they_are_spelt(
    blob_store, frozen, mails, labels: list
) -> None:
    table = mails([f"mail {i}" for i in range(200)], labels * 100)
    records = read_records(blob_store, "spam", frozen(SPAM, blob_store, table))
    numbers = [int(body.split()[1]) for body in records["body"].to_pylist()]
    assert records["label"].to_pylist() == [("spam", "ham")[n % 2] for n in numbers]


def reasons(store, version: str) -> list[str]:
    return read_table(store, f"{dataset_path('spam', version)}/quarantine.parquet")[
        "reason"
    ].to_pylist()


def test_bad_rows_go_to_quarantine_with_the_reason(blob_store, frozen, many) -> None:
    table = many([None, "x" * 11, "y", "fine"], ["spam", "maybe", None, "ham"])
    version = frozen(SPAM, blob_store, table)
    expected = ["body is missing", "label is not a known label", "label is missing"]
    assert reasons(blob_store, version) == expected
    manifest = read_manifest(blob_store, "spam", version)
    assert (manifest.rows, manifest.reasons) == (201, dict.fromkeys(expected, 1))


def test_text_that_is_not_utf8_is_refused_and_still_shown(blob_store, frozen, mails) -> None:
    raw = pa.array([f"mail {i}".encode() for i in range(200)] + [b"caf\xe9"])
    bodies = pa.Array.from_buffers(pa.string(), 201, raw.buffers())
    version = frozen(SPAM, blob_store, mails(bodies, [*(["spam", "ham"] * 100), "ham"]))
    (row,) = read_table(
        blob_store, f"{dataset_path('spam', version)}/quarantine.parquet"
    ).to_pylist()
    assert (row["reason"], row["body"]) == ("body cannot be read as text", "caf\ufffd")


def test_nul_characters_are_removed_and_counted(blob_store, frozen, many) -> None:
    version = frozen(SPAM, blob_store, many(["in\x00side", "\x00"], ["ham", "ham"]))
    bodies = read_records(blob_store, "spam", version)["body"].to_pylist()
    assert {"inside", ""} <= set(bodies)
    (warning,) = read_manifest(blob_store, "spam", version).warnings
    assert warning.startswith("2 rows held NUL characters")


def test_too_many_bad_rows_stop_the_run(blob_store, frozen, many) -> None:
    table = many([*([None] * 300), "x"], [*(["spam"] * 300), "hm"])
    with pytest.raises(InvalidData, match=r"301 of 501 rows \(60%\).*body is missing \(300\)"):
        frozen(SPAM, blob_store, table)
    assert list(blob_store.list("training-data")) == []


def test_classes_of_another_name_are_listed_with_the_known_ones(blob_store, frozen, mails) -> None:
    table = mails([f"mail {i}" for i in range(50)], ["junk"] * 20 + [" Good"] * 30)
    with pytest.raises(InvalidData) as caught:
        frozen(SPAM, blob_store, table)
    message = str(caught.value)
    for part in ("'good' 30, 'junk' 20", "ham: 0, false, ham", "COLUMNS=", "label spellings"):
        assert part in message


def test_labels_of_one_class_stop_the_run(blob_store, frozen, mails) -> None:
    with pytest.raises(InvalidData, match="ham: 50, spam: 0"):
        frozen(SPAM, blob_store, mails([f"mail {i}" for i in range(50)], ["ham"] * 50))


def test_one_record_is_no_data(blob_store, frozen, mails) -> None:
    with pytest.raises(InvalidData, match=r"at least 10 different rows.*ham: 1.*of 1 row read"):
        frozen(SPAM, blob_store, mails(["hello"], ["ham"]))


def test_data_that_repeats_itself_is_no_data(blob_store, frozen, mails) -> None:
    with pytest.raises(InvalidData, match=r"ham: 1.*500 rows read; 498 rows repeat others"):
        frozen(SPAM, blob_store, mails(["a", "b"] * 250, ["ham", "spam"] * 250))


def test_a_rare_class_is_a_warning(blob_store, frozen, mails) -> None:
    table = mails([f"mail {i}" for i in range(4000)], ["ham"] * 3970 + ["spam"] * 30)
    manifest = read_manifest(blob_store, "spam", frozen(SPAM, blob_store, table))
    assert "only 30 of 4000 rows (0.75%) are spam" in manifest.warnings[0]


FORMATS = [
    "{:%Y-%m-%d}", "{:%Y-%m-%dT%H:%M:%SZ}", "{:%Y-%m-%d %H:%M:%S}", "{:%Y-%m-%dT%H:%M:%S.%f}",
    "{:%Y-%m-%dT%H:%M:%S+02:00}", "{:%Y-%m-%d %H:%M:%S +0000}", "{:%a, %d %b %Y %H:%M:%S +0100}",
    "{:%d %b %Y %H:%M:%S -0800}", "{:%s}", "{:%s}000", "{:%s}.5", "{:%Y/%m/%d}",
    "{:%Y/%m/%d %H:%M}", "{:%d.%m.%Y}", "{:%d.%m.%Y %H:%M:%S}", "{:%d/%m/%Y}", "{:%m/%d/%Y}",
    "{:%m/%d/%Y %I:%M %p}", "{:%d/%m/%Y %H:%M:%S}",
]  # fmt: skip


def times(store, version: str) -> dict[str, datetime | None]:
    records = read_records(store, "spam", version)
    return dict(
        zip(records["body"].to_pylist(), records["event_timestamp"].to_pylist(), strict=True)
    )


@pytest.mark.parametrize("form", FORMATS)
def test_dates_are_read_in_the_formats_people_write(blob_store, frozen, mails, form: str) -> None:
    days = [datetime(2025, 1, 1, 3, 4, tzinfo=UTC) + timedelta(days=n) for n in range(200)]
    written = [_written(form, day) for day in days]
    table = mails([f"mail {n}" for n in range(200)], ["spam", "ham"] * 100, written)
    version = frozen(SPAM, blob_store, table)
    assert read_manifest(blob_store, "spam", version).warnings == ()
    found = times(blob_store, version)
    for number, day in enumerate(days):
        assert abs(found[f"mail {number}"] - day) < timedelta(hours=12)


def _written(form: str, day: datetime) -> str:
    return form.replace("{:%s}", f"{int(day.timestamp())}").format(day)


@pytest.mark.parametrize("kind", [pa.timestamp("ns"), pa.timestamp("s", "Asia/Tokyo"), pa.date32()])
def test_columns_of_times_are_times(blob_store, frozen, mails, kind: pa.DataType) -> None:
    day = datetime(2025, 5, 6, tzinfo=UTC)
    dates = pa.array([day] * 199 + [None], pa.timestamp("us", "UTC")).cast(kind)
    table = mails([f"mail {n}" for n in range(200)], ["spam", "ham"] * 100, dates)
    version = frozen(SPAM, blob_store, table)
    found = times(blob_store, version)
    assert (found["mail 0"], found["mail 199"]) == (day, None)
    assert read_manifest(blob_store, "spam", version).times_unknown == 1


def test_a_time_without_a_zone_is_utc_even_among_times_with_one(blob_store, frozen, mails) -> None:
    dates = ["2025-01-02T03:00:00+05:00", "2025-01-02T03:00:00"] * 100
    version = frozen(SPAM, blob_store, mails([f"m {n}" for n in range(200)], [1, 0] * 100, dates))
    assert times(blob_store, version)["m 1"] == datetime(2025, 1, 2, 3, tzinfo=UTC)


def test_times_that_mean_nothing_are_unknown_and_counted(blob_store, frozen, mails) -> None:
    odd = ["yesterday", "", None, "2025-13-45", "7", "2026-03-03", "Mon, 32 Foo 2025", "9" * 20]
    dates = ["2025-06-01"] * 192 + odd
    table = mails([f"mail {n}" for n in range(200)], ["spam", "ham"] * 100, dates)
    version = frozen(SPAM, blob_store, table)
    manifest = read_manifest(blob_store, "spam", version)
    assert (manifest.rows, manifest.times_unknown) == (200, 8)
    unreadable, future = manifest.warnings
    assert unreadable.startswith("5 times in the column date cannot be read")
    assert future.startswith("1 times in the column date lie in the future")


def test_a_time_of_tomorrow_may_be_a_clock_that_is_ahead(blob_store, frozen, mails) -> None:
    dates = ["2026-03-01T23:00:00Z"] * 200
    version = frozen(SPAM, blob_store, mails([f"m {n}" for n in range(200)], [1, 0] * 100, dates))
    assert read_manifest(blob_store, "spam", version).times_unknown == 0


@pytest.mark.parametrize(
    ("telling", "expected"),
    [
        (["25/12/2024"], datetime(2025, 2, 1, tzinfo=UTC)),
        (["12/25/2024"], datetime(2025, 1, 2, tzinfo=UTC)),
        (["12/25/2024", "25/12/2024"], None),
        ([], None),
    ],
)
def test_one_telling_date_decides_the_whole_column(
    blob_store, frozen, mails, telling: list[str], expected
) -> None:
    dates = ["01/02/2025"] * (200 - len(telling)) + telling
    table = mails([f"mail {n}" for n in range(200)], ["spam", "ham"] * 100, dates)
    version = frozen(SPAM, blob_store, table.slice(0, 150), table.slice(150))
    assert times(blob_store, version)["mail 0"] == expected
    ambiguous = [w for w in read_manifest(blob_store, "spam", version).warnings if "begin" in w]
    assert len(ambiguous) == (0 if expected else 1)
