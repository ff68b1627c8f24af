"""Odd inputs: what becomes of each, and that a record has the same features however it came."""

import csv
import gzip
import io
import json
import string
import uuid
from email.message import EmailMessage
from pathlib import Path
from random import Random

import input_reference
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from input_case import ENVELOPE, records
from input_cases import CASES
from mail_cases import mail
from pyarrow import csv as arrow_csv

from data_pipeline.report.build import data_report
from data_pipeline.settings import IngestSettings
from data_pipeline.sources import IngestRequest
from data_pipeline.sources.columns import ColumnMapping
from data_pipeline.sources.events import FileFailed, FileFinished, QuarantinedPieces, SourceRows
from data_pipeline.sources.formats.opening import FileKind, SourceFile
from data_pipeline.sources.ingestion import ingest
from data_pipeline.sources.raw import RawRecords
from data_pipeline.sources.tasks import FileTask
from data_pipeline.validation.rows import without_nul
from data_pipeline.versions.freeze import Rules, freeze
from data_pipeline.versions.manifest import read_manifest
from platform_core.clock import SystemClock
from platform_core.errors import InvalidData
from platform_core.storage import RECORDS_FILE, dataset_path
from use_cases import use_case, validate_columns

SPAM = use_case("spam")
RUN = "models/spam/_runs/inputs"
MAPPING = ColumnMapping.of(SPAM, {})


def read(store, path: Path) -> RawRecords:
    ingest(SPAM, store, RUN, IngestRequest(str(path)), lambda _: None, IngestSettings())
    return RawRecords(store, RUN)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.format}, {case.oddity}")
def test_an_odd_input_is_read_in_full_or_refused_by_name(blob_store, tmp_path, case) -> None:
    path = case.write(tmp_path)
    if case.refused:
        with pytest.raises(InvalidData, match=case.refused):
            read(blob_store, path)
        return
    raw = read(blob_store, path)
    rows = [row for batch in raw.batches(5) for row in batch.to_pylist()]
    expected = {r["email_id"]: r for r in records()}
    lost = case.aside if case.oddity.startswith("quotes") else 0
    assert len(rows) == len(expected) - lost
    assert raw.summary.rows_malformed == case.aside
    assert sum(batch.num_rows for batch in raw.set_aside()) == case.aside
    for row in rows:
        told = expected[row["email_id"]]
        assert (row["subject"], row["sender"]) == (told["subject"], told["sender"])
        assert told["body"] in row["body"]
        assert str(row["label"]) in {told["label"], str(("ham", "spam").index(told["label"]))}
        assert row["date"] is not None
    assert len(raw.summary.columns) < 300
    for account in raw.summary.inputs:
        assert account.total == account.read + account.set_aside


def test_the_page_about_inputs_is_current() -> None:
    page = input_reference.PAGE
    assert page.path.read_text() == page.text(), input_reference.__doc__


def test_a_dataset_version_accounts_for_every_row(blob_store, tmp_path: Path) -> None:
    rows = [r | {"email_id": str(n), "body": f"{r['body']} {'ab'[n % 2] * n}"}
            for n, r in enumerate(records() * 20)]  # fmt: skip
    lines = [",".join(rows[0]), *(",".join(r.values()) for r in [*rows, rows[0], rows[1]])]
    lines[7] = lines[7].replace("the body", '"the body')
    lines[11] = lines[11].replace("ham", "?").replace("spam", "?")
    (tmp_path / "s.csv").write_text("\n".join(lines) + "\n")
    raw = read(blob_store, tmp_path / "s.csv")
    manifest = read_manifest(
        blob_store, "spam", freeze(blob_store, SPAM, raw, Rules(), SystemClock())
    )
    assert manifest.rows_read == 242
    assert manifest.duplicates >= 2
    assert sum((manifest.rows, manifest.rows_quarantined, manifest.duplicates)) == 242
    (account,) = manifest.inputs
    assert str(account) == "s.csv: 243 lines = 242 read + 1 set aside"
    with pytest.raises(InvalidData, match="DATA_MAX_INVALID_SHARE"):
        freeze(blob_store, SPAM, raw, Rules(max_invalid_share=0.001), SystemClock())


def _ingested(store, folder: Path, table: pa.Table) -> RawRecords:
    pq.write_table(table, folder / "s.parquet")
    return read(store, folder / "s.parquet")


def _many() -> pa.Table:
    random = Random(0)
    bodies = [" ".join(random.choices(string.ascii_letters, k=40)) for _ in range(240)]
    rows = [r | {"email_id": str(n)} for n, r in enumerate(records() * 20)]
    table = pa.Table.from_pylist(rows)
    return table.set_column(table.schema.get_field_index("body"), "body", pa.array(bodies))


def test_bytes_that_are_not_text_harm_no_row_and_no_report(blob_store, tmp_path: Path) -> None:
    ids = [uuid.UUID(int=n).bytes for n in range(240)]
    table = _many().drop_columns(["email_id", "date"])
    table = table.append_column("email_id", pa.array(ids, pa.uuid()))
    table = table.append_column("date", pa.array([b"2026-01-01", b"\xff"] * 120))
    table = table.append_column("hash", pa.array([bytes([200, n]) for n in range(240)]))
    raw = _ingested(blob_store, tmp_path, table)
    version = freeze(blob_store, SPAM, raw, Rules(), SystemClock())
    manifest = read_manifest(blob_store, "spam", version)
    assert (manifest.rows, manifest.rows_quarantined) == (240, 0)
    assert any("120 times in the column date cannot be read" in w for w in manifest.warnings)
    report = data_report(blob_store, SPAM, manifest, 0.99)
    assert "hash" in {column.name for column in report.columns}
    stored = blob_store.open(dataset_path("spam", version, RECORDS_FILE))
    with stored as file:
        found = pq.read_table(file, columns=["email_id"])["email_id"].to_pylist()
    assert str(uuid.UUID(int=7)) in found


@pytest.mark.parametrize("kind", ["Parquet", "JSON"])
def test_nan_in_place_of_a_text_is_a_missing_text(blob_store, tmp_path: Path, kind) -> None:
    table = _many()
    if kind == "Parquet":
        missing = pa.array([float("nan")] * 240)
        table = table.set_column(table.schema.get_field_index("subject"), "subject", missing)
        raw = _ingested(blob_store, tmp_path, table)
    else:
        rows = [r | ({"subject": float("nan")} if n % 2 else {})
                for n, r in enumerate(table.to_pylist())]  # fmt: skip
        (tmp_path / "s.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        raw = read(blob_store, tmp_path / "s.jsonl")
    with pytest.raises(InvalidData, match=r"subject is missing \((240|120)\)"):
        freeze(blob_store, SPAM, raw, Rules(max_invalid_share=0.1), SystemClock())


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_column_that_is_absent_is_named_where_another_is_like_it(
    blob_store, tmp_path: Path, kind
) -> None:
    table = _many().rename_columns(["email_id", "subject", "body", "Sender", "label", "Date "])
    path = tmp_path / f"s.{kind}"
    if kind == "parquet":
        pq.write_table(table, path)
    elif kind == "csv":
        arrow_csv.write_csv(table, path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    warnings = read(blob_store, path).summary.warnings
    assert (
        f'{path.name}: there is no column sender; COLUMNS="sender=Sender" takes Sender for it'
        in (warnings)
    )
    renamed = _many().rename_columns(["email_id", "subject", "Body", "sender", "label", "date"])
    pq.write_table(renamed, tmp_path / "r.parquet")
    with pytest.raises(InvalidData, match='COLUMNS="body=Body"'):
        read(blob_store, tmp_path / "r.parquet")


def test_an_endless_line_is_set_aside_and_the_rows_after_it_are_read(
    blob_store, tmp_path: Path
) -> None:
    with gzip.open(tmp_path / "s.csv.gz", "wb", compresslevel=1) as packed:
        lines = [",".join(r.values()).encode() + b"\n" for r in records()]
        packed.write(",".join(records()[0]).encode() + b"\n" + b"".join(lines))
        for _ in range(40):
            packed.write(b"x" * (1 << 20))
        packed.write(b"\n" + b"".join(lines))
    raw = read(blob_store, tmp_path / "s.csv.gz")
    assert str(raw.summary.inputs[0]) == "s.csv.gz: 26 lines = 25 read + 1 set aside"
    (aside,) = [row for batch in raw.set_aside() for row in batch.to_pylist()]
    assert aside["_source"] == "s.csv.gz:14"
    assert "longer than 32 MB" in aside["reason"]


TEXT = st.text(st.characters(codec="utf-8"), max_size=60)
PIECES = st.sampled_from(
    ["fr<b></b>ee", "&#118;ia", "\u2062", "\u202e", "<style>x", "\x00", '"', "\\", ",", "\n", "a"]
)
BODIES = st.lists(TEXT | PIECES, max_size=6).map("".join)
HEADER_SAFE = st.from_regex(r"[a-z$<>&;][a-z$<>&; ]{0,20}[a-z]", fullmatch=True)


def _formats(record: dict[str, str]) -> dict[FileKind, bytes]:
    """Return a record in every format that can hold it."""
    row = record | {"label": "ham"}
    written, parquet = io.StringIO(), io.BytesIO()
    writer = csv.DictWriter(written, list(row), quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerow(row)
    pq.write_table(pa.Table.from_pylist([row]), parquet)
    found = {
        FileKind.CSV: written.getvalue().encode(),
        FileKind.JSON: json.dumps(row).encode() + b"\n",
        FileKind.PARQUET: parquet.getvalue(),
    }
    if "\r" not in record["body"]:
        message = EmailMessage()
        message["Message-ID"], message["From"] = record["email_id"], record["sender"]
        message["Subject"] = record["subject"]
        message.set_content(record["body"].encode(), "text", "plain", cte="base64")
        found |= {FileKind.MAIL: bytes(message), FileKind.MBOX: ENVELOPE.encode() + bytes(message)}
    return found


def _events(kind: FileKind, data: bytes, folder: Path) -> list:
    path = folder / f"ham.{kind.name.lower()}"
    path.write_bytes(data)
    file = SourceFile(path.name, str(path), len(data))
    return list(FileTask(kind, (file,), len(data)).read(MAPPING))


@settings(deadline=None, max_examples=50)
@given(subject=HEADER_SAFE, body=BODIES)
def test_a_record_has_the_same_features_however_it_came(tmp_path_factory, subject, body) -> None:
    folder = tmp_path_factory.mktemp("same")
    sent = {"email_id": "<1@x>", "subject": subject, "body": body, "sender": "a@b.c"}
    model = SPAM.record.model_validate_json(json.dumps(sent), strict=True)
    online = SPAM.features(SPAM.columns([model]))
    batch = validate_columns(SPAM, pa.Table.from_pylist([sent])).records
    assert SPAM.features(batch).equals(online)
    for kind, data in _formats(sent).items():
        (rows,) = (
            e for e in _events(kind, data, folder) if isinstance(e, SourceRows) and e.batch.num_rows
        )
        ingested = validate_columns(SPAM, without_nul(SPAM, rows.batch)[0]).records
        assert SPAM.features(ingested).equals(online), kind


@settings(deadline=None, max_examples=50)
@given(body=BODIES.filter(str.strip))
def test_a_text_has_the_same_features_however_it_came(tmp_path_factory, body) -> None:
    folder, case = tmp_path_factory.mktemp("same"), use_case("sentiment")
    row = {name: "1" if name == case.id_column else body for name in case.record_schema.names}
    online = case.features(case.columns([case.record.model_validate(row, strict=True)]))
    batch = validate_columns(case, pa.Table.from_pylist([row]).cast(
        pa.schema([(name, pa.large_string()) for name in row]))).records  # fmt: skip
    assert case.features(batch).equals(online)
    mapping = ColumnMapping.of(case, {})
    formats = _formats({"body": "\r", **row})
    for kind in (FileKind.CSV, FileKind.JSON, FileKind.PARQUET):
        path = folder / f"s.{kind.name.lower()}"
        path.write_bytes(formats[kind])
        file = SourceFile(path.name, str(path), len(formats[kind]))
        events = FileTask(kind, (file,), file.size).read(mapping)
        (rows,) = (e for e in events if isinstance(e, SourceRows) and e.batch.num_rows)
        ingested = validate_columns(case, without_nul(case, rows.batch)[0]).records
        assert case.features(ingested).equals(online), kind


SEEDS = {
    "CSV": (FileKind.CSV, b'body,label\n"a ""b"" \\"c",ham\n"x\ny",spam\nplain,ham\n' * 3),
    "escaped": (FileKind.CSV, b"body\tlabel\na\\tb\\\\c\tham\nx\\\ny\tspam\n\\N\tham\n" * 3),
    "JSON": (FileKind.JSON, b'{"body": "a", "label": 1}\n{"body": "\\ud83d", "k": [1]}\n' * 3),
    "array": (FileKind.JSON, b'[{"body": "a", "label": 1}, {"body": "\\ud83d", "k": [1]}, 2]'),
    "mail": (FileKind.MAIL, mail(records()[0], "Content-Type: text/html\n").encode()),
    "mailbox": (
        FileKind.MBOX, "".join(ENVELOPE + mail(r) + "\n\n" for r in records()[:3]).encode(),
    ),
    "Parquet": (
        FileKind.PARQUET, _formats(dict.fromkeys(SPAM.record_schema.names, "x"))[FileKind.PARQUET],
    ),
}  # fmt: skip
BYTES = st.sampled_from(
    [b'"', b"\n", b"\\", b"From x 1:1\n", b"\x00", b"\xef\xbb\xbf", b"\x1f\x8b"]
)
CHANGES = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 8), st.binary(max_size=6) | BYTES), max_size=8
)


def fuzz(kind: FileKind, seed: bytes, folder: Path) -> None:
    """Read mutations of a seed: nothing is raised, and nothing is unaccounted for."""
    fuzzing = settings.get_current_profile_name() == "fuzz"
    examples = settings().max_examples if fuzzing else 60

    @settings(
        deadline=5_000, max_examples=examples, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(CHANGES)
    def check(changes) -> None:
        data = seed
        for place, removed, added in changes:
            at = int(place * len(data))
            data = data[:at] + added + data[at + removed :]
        events = _events(kind, data, folder)
        ends = [event for event in events if isinstance(event, FileFinished | FileFailed)]
        assert ends
        total = sum(event.total for event in ends if isinstance(event, FileFinished))
        aside = sum(p.units for e in events if isinstance(e, QuarantinedPieces) for p in e.pieces)
        rows = sum(event.batch.num_rows for event in events if isinstance(event, SourceRows))
        if any(isinstance(event, FileFailed) for event in ends):
            return
        if kind in {FileKind.MAIL, FileKind.MBOX, FileKind.PARQUET}:
            assert rows + aside == total
        else:
            assert rows + aside <= total

    check()


@pytest.mark.parametrize("name", SEEDS)
def test_no_bytes_break_a_reader(name: str, tmp_path: Path) -> None:
    fuzz(*SEEDS[name], tmp_path)
