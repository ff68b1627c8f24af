from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import csv

from data_pipeline import parse_columns, read_source
from platform_core.errors import InvalidData
from use_cases import use_case

SPAM, IRIS = use_case("spam"), use_case("iris")
NAMES = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)


def read(case, path, columns=""):
    return read_source(case, str(path), parse_columns(columns), rows=100, seed=0)


def test_without_a_path_the_use_case_generates() -> None:
    table = read_source(IRIS, "", {}, rows=120, seed=3)
    assert table.equals(IRIS.generate(120, 3))


@pytest.mark.parametrize(
    ("name", "write"), [("a.parquet", pq.write_table), ("a.csv", csv.write_csv)]
)
def test_parquet_and_csv_hold_the_same_records(tmp_path: Path, name, write) -> None:
    write(IRIS.generate(50, 1), tmp_path / name)
    table = read(IRIS, tmp_path / name)
    assert table.num_rows == 50
    assert table.column_names == [*IRIS.record_schema.names, "species"]


def test_columns_are_mapped_and_optional_ones_filled(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"text": ["hello"], "sms_id": ["7"], "label": [0]}), tmp_path / "s.parquet"
    )
    (row,) = read(SPAM, tmp_path / "s.parquet", "body=text email_id=sms_id").to_pylist()
    assert row == {"email_id": "7", "subject": "", "body": "hello", "sender": "", "label": 0}


def test_rows_without_an_id_get_one(tmp_path: Path) -> None:
    pq.write_table(pa.table({"body": ["a", "b"], "label": [0, 1]}), tmp_path / "s.parquet")
    assert read(SPAM, tmp_path / "s.parquet")["email_id"].to_pylist() == ["row-0", "row-1"]


def test_a_mapped_column_wins_over_one_of_the_same_name(tmp_path: Path) -> None:
    table = pa.table({"body": ["old"], "text": ["new"], "label": [0]})
    pq.write_table(table, tmp_path / "s.parquet")
    assert read(SPAM, tmp_path / "s.parquet", "body=text")["body"].to_pylist() == ["new"]


def test_csv_text_that_looks_missing_stays_text(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text('body,label\n"NA",ham\n"",spam\n"two\nlines",spam\n')
    assert read(SPAM, tmp_path / "s.csv")["body"].to_pylist() == ["NA", "", "two\nlines"]


def _bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    (folder / "empty.parquet").write_bytes(b"")
    (folder / "text.parquet").write_text("body,label\nhello,1\n")
    pq.write_table(SPAM.generate(200, 0), folder / "whole.parquet")
    (folder / "cut.parquet").write_bytes((folder / "whole.parquet").read_bytes()[:2000])
    (folder / "binary.csv").write_bytes((folder / "whole.parquet").read_bytes())
    (folder / "latin.csv").write_bytes("body,label\nGrüße,ham\n".encode("latin-1"))
    pq.write_table(SPAM.generate(200, 0).slice(0, 0), folder / "none.parquet")
    pq.write_table(pa.table({"text": ["a"], "label": [1]}), folder / "other.parquet")
    (folder / "mail.docx").write_text("hello")
    return {
        "absent": (folder / "absent.parquet", "there is no file"),
        "a folder": (folder, "is a folder"),
        "empty": (folder / "empty.parquet", "is empty"),
        "CSV called Parquet": (folder / "text.parquet", "not a Parquet file"),
        "Parquet cut off": (folder / "cut.parquet", "damaged"),
        "Parquet called CSV": (folder / "binary.csv", "although its name says CSV"),
        "no rows": (folder / "none.parquet", "has no rows"),
        "no body": (folder / "other.parquet", "has no column body"),
        "neither": (folder / "mail.docx", "neither .parquet nor .csv"),
    }


@pytest.mark.parametrize(
    "kind",
    [
        "absent", "a folder", "empty", "CSV called Parquet", "Parquet cut off",
        "Parquet called CSV", "no rows", "no body", "neither",
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path, kind: str) -> None:
    path, reason = _bad_files(tmp_path)[kind]
    with pytest.raises(InvalidData, match=reason) as caught:
        read(SPAM, path)
    assert str(path) in str(caught.value)


def test_a_mapping_of_a_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
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
