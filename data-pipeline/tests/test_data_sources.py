import gzip
import json
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv

from data_pipeline.settings import IngestSettings
from data_pipeline.sources import IngestRequest, parse_columns, shown
from data_pipeline.sources.ingestion import ingest
from data_pipeline.sources.raw import IngestSummary, RawRecords
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.errors import InvalidData
from use_cases import use_case

SPAM, IRIS = use_case("spam"), use_case("iris")
RUN = "models/spam/_runs/one"
NAMES = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)


class Ingested:
    """An ingest into a store of its own."""

    def __init__(self, folder: Path) -> None:
        self.store = LocalBlobStore(folder / "store")
        self.said: list[str] = []

    def __call__(self, case, data, columns: str = "", **settings) -> pa.Table:
        request = IngestRequest(str(data), parse_columns(columns), rows=100, seed=3)
        limits = IngestSettings(**settings)
        self.summary = ingest(case, self.store, RUN, request, self.said.append, limits)
        records = RawRecords(self.store, RUN)
        return pa.Table.from_batches(records.batches(7), schema=records.schema)

    @property
    def left(self) -> list[str]:
        return [blob.path for blob in self.store.list(RUN)]


@pytest.fixture
def read(tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    return Ingested(tmp_path_factory.mktemp("ingest"))


def text_file(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


def test_without_a_path_the_use_case_generates(read) -> None:
    table = read(IRIS, "")
    assert table.drop_columns(["_source"]).equals(IRIS.training().generate(100, 3))
    assert set(table["_source"].to_pylist()) == {"generated"}
    assert read.summary.source == "generated"


@pytest.mark.parametrize(
    ("name", "write"), [("a.parquet", pq.write_table), ("a.csv", csv.write_csv)]
)
def test_parquet_and_csv_hold_the_same_records(read, tmp_path: Path, name, write) -> None:
    flowers = IRIS.training().generate(50, 1)
    write(flowers, tmp_path / name)
    table = read(IRIS, tmp_path / name)
    assert table.column_names == [*IRIS.record_schema.names, "species", "_source"]
    assert table.drop_columns(["_source"]).cast(flowers.schema).equals(flowers)
    assert read.summary.files == 1
    assert read.summary.bytes == (tmp_path / name).stat().st_size


@pytest.mark.parametrize("pack", ["gzip", "zstd", "bz2"])
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_packed_files_are_unpacked(read, tmp_path: Path, pack: str, kind: str) -> None:
    text = 'body,label\na,ham\n"b\nc",spam\n'
    if kind == "jsonl":
        text = '{"body": "a", "label": "ham"}\n\n{"body": "b\\nc", "label": "spam"}\n'
    path = tmp_path / f"m.{kind}.{ {'gzip': 'gz', 'zstd': 'zst', 'bz2': 'bz2'}[pack] }"
    with pa.CompressedOutputStream(str(path), pack) as stream:
        stream.write(text.encode())
    table = read(SPAM, path)
    assert table["body"].to_pylist() == ["a", "b\nc"]
    assert table["label"].to_pylist() == ["ham", "spam"]


def test_columns_are_mapped_optional_ones_filled_and_others_kept(read, tmp_path: Path) -> None:
    rows = {"text": ["hello"], "sms_id": ["7"], "label": [0], "length": [5], "tags": [["a"]]}
    pq.write_table(pa.table(rows), tmp_path / "s.parquet")
    (row,) = read(SPAM, tmp_path / "s.parquet", "body=text email_id=sms_id").to_pylist()
    assert row == {
        "email_id": "7", "subject": "", "body": "hello", "sender": "", "label": 0,
        "length": 5, "_source": "s.parquet",
    }  # fmt: skip
    assert any("left out tags" in warning for warning in read.summary.warnings)


def test_rows_without_an_id_get_one_each_over_all_files(read, tmp_path: Path) -> None:
    for name in ("a", "b"):
        text_file(tmp_path / "in" / f"{name}.csv", f"body,label\n{name}1,0\n{name}2,1\n")
    table = read(SPAM, tmp_path / "in")
    assert table["email_id"].to_pylist() == ["row-0", "row-1", "row-2", "row-3"]
    assert table["_source"].to_pylist() == ["a.csv", "a.csv", "b.csv", "b.csv"]


def test_a_mapped_column_wins_over_one_of_the_same_name(read, tmp_path: Path) -> None:
    table = pa.table({"body": ["old"], "text": ["new"], "label": [0]})
    pq.write_table(table, tmp_path / "s.parquet")
    assert read(SPAM, tmp_path / "s.parquet", "body=text")["body"].to_pylist() == ["new"]


@pytest.mark.parametrize("kind", [pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_text_is_text_however_parquet_stores_it(read, tmp_path: Path, kind) -> None:
    table = pa.table({"body": pa.array(["x", "y"]).cast(kind), "label": [0, 1]})
    pq.write_table(table, tmp_path / "s.parquet")
    assert read(SPAM, tmp_path / "s.parquet").schema.field("body").type == pa.string()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_out(read, tmp_path: Path, delimiter: str) -> None:
    lines = ["body{0}label", '"Hello, you; there"{0}ham', '"a | b"{0}spam']
    path = text_file(tmp_path / "s.csv", "\n".join(lines).format(delimiter) + "\n")
    assert read(SPAM, path)["body"].to_pylist() == ["Hello, you; there", "a | b"]
    assert (delimiter != ",") == any("between the fields" in w for w in read.summary.warnings)


def test_a_delimiter_that_cannot_be_told_is_refused(read, tmp_path: Path) -> None:
    path = text_file(tmp_path / "s.csv", "x,y\n1,2,3\n1,2,3,4\n1\n")
    with pytest.raises(InvalidData, match=r"delimiter of s\.csv cannot be determined"):
        read(SPAM, path)
    quoted = text_file(tmp_path / "q.csv", '"body;label"\n"a;ham"\n')
    with pytest.raises(InvalidData, match="one column called 'body;label'"):
        read(SPAM, quoted)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-8-sig"])
def test_the_encoding_is_found_out(read, tmp_path: Path, encoding: str) -> None:
    bodies = ["Grüße aus Köln", "schöne Straße überall", "plain", "Ärger mit Ölpreisen"]
    text = "body,label\n" + "".join(f"{body},ham\n" for body in bodies)
    assert read(SPAM, text_file(tmp_path / "s.csv", text, encoding))["body"].to_pylist() == bodies
    assert any("not UTF-8" in w for w in read.summary.warnings) == (encoding != "utf-8-sig")


def test_single_odd_bytes_far_in_a_file_are_read_as_western(read, tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    good = "body,label\n" + "gr\u00fcn \U0001f600,ham\n" * 100_000
    path.write_bytes(good.encode() + b"caf\xe9,spam\n")
    table = read(SPAM, path)
    assert table.num_rows == 100_001
    assert table["body"][-1].as_py() == "caf\u00e9"
    assert set(table["body"].to_pylist()[:-1]) == {"gr\u00fcn \U0001f600"}
    assert any("1 places are not UTF-8" in warning for warning in read.summary.warnings)


def test_csv_values_stay_as_they_came(read, tmp_path: Path) -> None:
    text = 'body,label,date\n"NA",ham,2024-02-30\n"",spam,\n"two\nlines",01,yesterday\n'
    table = read(SPAM, text_file(tmp_path / "s.csv", text))
    assert table["body"].to_pylist() == ["NA", "", "two\nlines"]
    assert table["label"].to_pylist() == ["ham", "spam", "01"]
    assert table["date"].to_pylist() == ["2024-02-30", "", "yesterday"]


def test_rows_with_other_numbers_of_fields_are_counted(read, tmp_path: Path) -> None:
    good = "".join(f"mail {n},ham\n" for n in range(20))
    path = text_file(tmp_path / "s.csv", f"body,label\n{good}a,b,c\nd\nlast,ham\n")
    assert read(SPAM, path).num_rows == 21
    assert read.summary.rows_malformed == 2
    assert any("3 fields where the header has 2" in w for w in read.summary.warnings)


def test_nul_bytes_do_not_end_a_file(read, tmp_path: Path) -> None:
    path = text_file(tmp_path / "s.csv", "body,label\na\x00b,ham\nc,spam\n")
    assert read(SPAM, path)["body"].to_pylist() == ["a\x00b", "c"]


def test_columns_without_a_name_or_with_a_second_one_are_left_out(read, tmp_path: Path) -> None:
    text = "label,body,x,x,,\nham,hello,1,2,,\nspam,win,3,4,,\n"
    table = read(SPAM, text_file(tmp_path / "s.csv", text))
    assert table["x"].to_pylist() == ["1", "3"]
    assert "" not in table.column_names
    with pytest.raises(InvalidData, match=r"the column body of t\.csv appears twice"):
        read(SPAM, text_file(tmp_path / "t.csv", "label,body,body\nham,a,b\n"))


def test_json_lines_keep_types_and_leave_out_what_is_nested(read, tmp_path: Path) -> None:
    records = [
        {"body": "a", "label": 1, "score": 1, "mixed": 1, "to": ["x", "y"]},
        {"body": "b", "label": 0, "score": 2.5, "mixed": "two", "big": 2**70},
        {"body": "\ud83d lone", "label": None},
    ]
    lines = "\n".join(map(json.dumps, records))
    table = read(SPAM, text_file(tmp_path / "s.ndjson", f"{lines}\n{{broken\n[1]\n"))
    assert table["label"].to_pylist() == [1, 0, None]
    assert table["score"].to_pylist() == [1.0, 2.5, None]
    assert table["mixed"].to_pylist() == ["1", "two", None]
    assert table["big"].to_pylist() == [None, str(2**70), None]
    assert "to" not in table.column_names
    assert read.summary.rows_malformed == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[{"body": "a"}', "not valid JSON after 1 records"),
        ('{"body": ["a"], "label": 1}', "body holds a list or an object"),
        ("hello\nworld\n", "no value of s.json is a record"),
        ('{"text": "a", "label": 1}', 'no column body.*COLUMNS="body=<your column>"'),
        ("[" * 100_000, "too many lists and objects inside each other"),
        ("[1]", "no value of s.json is a record"),
        (f'["{"x" * (33 << 20)}"]', "a record longer than 32 MB"),
        ('{"a":' * 100_000, "no value of s.json"),
    ],
)
def test_json_that_cannot_be_used_is_refused(read, tmp_path: Path, text, reason) -> None:
    with pytest.raises(InvalidData, match=reason):
        read(SPAM, text_file(tmp_path / "s.json", text))


def test_a_line_of_json_without_end_is_counted_not_kept(read, tmp_path: Path) -> None:
    huge = '{"body": "' + "x" * (33 << 20) + '", "label": 1}'
    path = text_file(tmp_path / "s.jsonl", f'{huge}\n{{"body": "b", "label": 0}}\n')
    assert read(SPAM, path)["body"].to_pylist() == ["b"]
    assert any("longer than 32 MB" in warning for warning in read.summary.warnings)


def mixed_folder(folder: Path) -> Path:
    text_file(folder / "2.csv", "body,label,extra\na,ham,1\n")
    text_file(folder / "deep" / "3.jsonl", '{"body": "b", "label": 1, "other": true}\n')
    text_file(folder / ".hidden.csv", "body,label\nhidden,ham\n")
    text_file(folder / "_old" / "4.csv", "body,label\nhidden,ham\n")
    pq.write_table(pa.table({"body": ["c"], "label": [0], "extra": [2]}), folder / "1.parquet")
    return folder


def test_a_folder_may_hold_files_of_all_kinds(read, tmp_path: Path) -> None:
    rows = read(SPAM, mixed_folder(tmp_path / "in")).to_pylist()
    assert [(r["_source"], r["body"], r["label"]) for r in rows] == [
        ("1.parquet", "c", "0"), ("2.csv", "a", "ham"), ("deep/3.jsonl", "b", "1"),
    ]  # fmt: skip
    assert [row["extra"] for row in rows] == ["2", "1", None]
    assert [row["other"] for row in rows] == [None, None, True]
    assert read.summary.files == 3


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("in/*.csv", ["2.csv"]),
        ("in/**/*.jsonl", ["deep/3.jsonl"]),
        ("in/[12].*", ["1.parquet", "2.csv"]),
    ],
)
def test_a_pattern_chooses_files(read, tmp_path: Path, pattern: str, names: list[str]) -> None:
    mixed_folder(tmp_path / "in")
    assert read(SPAM, tmp_path / pattern)["_source"].to_pylist() == names


def test_an_unreadable_file_in_a_folder_is_named_and_left_out(read, tmp_path: Path) -> None:
    folder = mixed_folder(tmp_path / "in")
    (folder / "0.parquet").write_bytes(b"PAR1 and nothing else")
    (folder / "9.docx").write_bytes(b"PK\x03\x04")
    table = read(SPAM, folder)
    assert table.num_rows == 3
    reasons = {file.file: file.reason for file in read.summary.unreadable}
    assert "damaged" in reasons["0.parquet"]
    assert "Office document" in reasons["9.docx"]
    assert "2 files unreadable" in read.said[-1]
    with pytest.raises(InvalidData, match=r"2 of 5 files cannot be read.*\(30%\)"):
        read(SPAM, folder, data_max_unreadable_share=0.3)
    assert read.left == []


def test_a_folder_that_cannot_be_listed_is_not_empty(read, tmp_path: Path) -> None:
    folder = mixed_folder(tmp_path / "in")
    name = "d" * 250
    inside = os.open(folder, os.O_RDONLY)
    for _ in range(20):  # the path of the last one is longer than the system allows
        os.mkdir(name, dir_fd=inside)
        above, inside = inside, os.open(name, os.O_RDONLY, dir_fd=inside)
        os.close(above)
    os.close(inside)
    with pytest.raises(InvalidData, match="dd cannot be listed: File name too long; make it"):
        read(SPAM, folder)
    shutil.rmtree(folder)
    assert read.left == []


def test_a_file_that_breaks_half_way_leaves_no_rows(read, tmp_path: Path) -> None:
    body = "".join(f"mail number {n} {n * 7919 % 10007},ham\n" for n in range(400_000))
    packed = gzip.compress(f"body,label\n{body}".encode(), compresslevel=1)
    text_file(tmp_path / "in" / "b.csv", "body,label\nafter,ham\n")
    (tmp_path / "in" / "a.csv.gz").write_bytes(packed[: len(packed) * 3 // 4])
    assert read(SPAM, tmp_path / "in")["body"].to_pylist() == ["after"]
    assert [file.file for file in read.summary.unreadable] == ["a.csv.gz"]
    assert read.summary.rows == 1


def _bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    (folder / "empty.parquet").write_bytes(b"")
    (folder / "empty.csv").write_bytes(b"")
    (folder / "text.parquet").write_text("body,label\nhello,1\n")
    pq.write_table(SPAM.training().generate(200, 0), folder / "whole.parquet")
    (folder / "cut.parquet").write_bytes((folder / "whole.parquet").read_bytes()[:2000])
    (folder / "binary.csv").write_bytes((folder / "whole.parquet").read_bytes())
    (folder / "zip.csv.gz").write_bytes(b"not gzip at all")
    pq.write_table(SPAM.training().generate(200, 0).slice(0, 0), folder / "none.parquet")
    pq.write_table(pa.table({"text": ["a"], "label": [1]}), folder / "other.parquet")
    (folder / "mail.docx").write_text("hello")
    (folder / "head.csv").write_text("body,label\n")
    (folder / "quote.csv").write_text('body,label\n"' + ("never closed " * 200 + "\n") * 15_000)
    (folder / "nothing").mkdir()
    return {
        "absent": (folder / "absent.parquet", "there is no file"),
        "absent pattern": (folder / "*.nothing", "there is no file"),
        "empty folder": (folder / "nothing", "no files in the folder"),
        "empty": (folder / "empty.parquet", "is empty"),
        "empty CSV": (folder / "empty.csv", "is empty"),
        "CSV called Parquet": (folder / "text.parquet", "not a Parquet file"),
        "Parquet cut off": (folder / "cut.parquet", "damaged"),
        "Parquet called CSV": (folder / "binary.csv", "although its name says CSV"),
        "not packed": (folder / "zip.csv.gz", "zip.csv.gz: .*gzip|zlib"),
        "no rows": (folder / "none.parquet", "has no rows"),
        "only a header": (folder / "head.csv", "has no rows"),
        "no body": (folder / "other.parquet", "has no column body"),
        "not supported": (folder / "mail.docx", "not supported"),
        "open quote": (folder / "quote.csv", "is a quote never closed"),
    }


BAD = (
    "absent", "absent pattern", "empty folder", "empty", "empty CSV", "CSV called Parquet",
    "Parquet cut off", "Parquet called CSV", "not packed", "no rows", "only a header", "no body",
    "not supported", "open quote",
)  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(read, tmp_path, kind: str) -> None:
    path, reason = _bad_files(tmp_path)[kind]
    with pytest.raises(InvalidData, match=reason) as caught:
        read(SPAM, path)
    assert path.name in str(caught.value)
    assert read.left == []


@pytest.mark.parametrize(
    "data", ["ftp://host/a.csv", "s3://bucket/a.csv", "gopher://x", "file://other/etc/passwd"]
)
def test_other_schemes_are_refused(read, data: str) -> None:
    with pytest.raises(InvalidData, match=r"scheme|has a host name"):
        read(SPAM, data)


def test_a_blob_of_the_own_store_is_read_by_its_uri(read) -> None:
    read.store.write("training-data/raw/spam/1.csv", b"body,label\na,ham\n")
    read.store.write("training-data/raw/spam/2.csv", b"body,label\nb,ham\n")
    uri = read.store.uri("training-data/raw/spam")
    assert read(SPAM, uri)["_source"].to_pylist() == ["1.csv", "2.csv"]
    assert read(SPAM, f"{uri}/2.csv")["body"].to_pylist() == ["b"]
    with pytest.raises(InvalidData, match="nothing at training-data/raw/ham"):
        read(SPAM, read.store.uri("training-data/raw/ham"))


def test_a_mapping_of_a_column_that_is_not_there_is_refused(read, tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"], "label": [1]}), tmp_path / "s.parquet")
    with pytest.raises(InvalidData, match=r"txet.*its columns are text, label"):
        read(SPAM, tmp_path / "s.parquet", "body=txet")


@given(st.dictionaries(NAMES, NAMES).filter(lambda d: len(set(d.values())) == len(d)))
def test_any_mapping_reads_back(mapping: dict[str, str]) -> None:
    text = "  ".join(f"{target}={source}" for source, target in mapping.items())
    assert parse_columns(text) == mapping


@pytest.mark.parametrize("text", ["body", "body=", "=text", "body=a body=b", "body=a subject=a"])
def test_a_malformed_mapping_is_refused(text: str) -> None:
    with pytest.raises(InvalidData, match="COLUMNS"):
        parse_columns(text)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("", "generated"),
        ("/data/a b.csv", "/data/a b.csv"),
        ("https://me:pw@host:8/a.csv?sig=secret#x", "https://host:8/a.csv"),
        ("https://a@b@[broken/a?sig=secret", "https://…"),
    ],
)
def test_no_secret_of_an_address_is_shown(data: str, expected: str) -> None:
    assert shown(data) == expected


@settings(deadline=None)  # each example is an ingest of its own
@given(
    rows=st.lists(
        st.tuples(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), st.text("ab")),
        min_size=1,
    )
)
def test_any_text_written_as_csv_reads_back(tmp_path_factory, rows) -> None:
    folder = tmp_path_factory.mktemp("any")
    table = pa.table({"body": [body for body, _ in rows], "label": [label for _, label in rows]})
    csv.write_csv(table, folder / "s.csv")
    assert Ingested(folder)(SPAM, folder / "s.csv").select(["body", "label"]).equals(table)


def test_the_summary_says_what_was_found(read, tmp_path: Path) -> None:
    read(SPAM, mixed_folder(tmp_path / "in"))
    kept = IngestSummary.model_validate_json(read.store.read(f"{RUN}/raw/_INGEST.json"))
    assert kept == read.summary
    assert kept.source == str(tmp_path / "in")
    assert kept.columns[:5] == ("email_id", "subject", "body", "sender", "label")
    assert kept.columns[-1] == "_source"
