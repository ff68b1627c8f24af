"""CSV: what Arrow reads in blocks is what the strict parser reads line by line."""

import csv
import io
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from data_pipeline.sources.columns import ColumnMapping
from data_pipeline.sources.events import (
    FileFinished,
    QuarantinedPieces,
    RejectCollector,
    SourceRows,
)
from data_pipeline.sources.formats.delimited import (
    DELIMITERS,
    Dialect,
    RecordBlock,
    RecordLines,
    find_dialect,
    read_csv,
    row_test,
    strict_records,
)
from data_pipeline.sources.formats.opening import SourceFile
from use_cases import use_case

MAPPING = ColumnMapping.of(use_case("spam"), {})
HEADER = ["subject", "label", "body"]
PIECES = st.sampled_from(
    [
        *(
            '"',
            '""',
            ",",
            ";",
            "\n",
            "\r",
            "\r\n",
            "\\",
            '\\"',
            "\ufeff",
            "\x00",
            "\u2028",
            "é",
            " ",
        ),
        *("ham", ",ham,", "\nx,ham,y\n", '"\n', ',"', "NA", ""),
    ]
)
TEXTS = st.lists(PIECES | st.text(st.characters(codec="utf-8"), max_size=5), max_size=6).map(
    "".join
)
TABLES = st.lists(st.tuples(TEXTS, st.sampled_from(["ham", "spam", "?"]), TEXTS), max_size=12)
WRITERS = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from(DELIMITERS),
        "lineterminator": st.sampled_from(["\n", "\r\n", "\r"]),
        "quoting": st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    }
)
WRITER = {"delimiter": ",", "lineterminator": "\n", "quoting": csv.QUOTE_MINIMAL}
CHANGES = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 3), PIECES.map(str.encode) | st.binary(max_size=3)),
    max_size=4,
)


def written(rows, writer) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, **writer).writerows([HEADER, *rows])
    return out.getvalue().encode()


def read(data: bytes, folder: Path) -> tuple[list, list, int]:
    """Return the rows, the first lines of what is set aside, and the number of lines."""
    path = folder / "s.csv"
    path.write_bytes(data)
    rows, aside, total = [], [], 0
    for event in read_csv(
        SourceFile("s.csv", str(path), len(data)), MAPPING, RejectCollector("s.csv")
    ):
        if isinstance(event, SourceRows):
            rows += event.batch.select(HEADER).to_pylist()
        elif isinstance(event, QuarantinedPieces):
            aside += [piece.first for piece in event.pieces]
        elif isinstance(event, FileFinished):
            total = event.total
    return rows, aside, total


def read_strictly(data: bytes, dialect: Dialect) -> tuple[list, list, int]:
    """Return the same as `read`, from the strict parser alone."""
    lines = RecordLines(io.BytesIO(data), 1, dialect)
    selection = MAPPING.select(
        SourceFile("s.csv", "s.csv", 1), [pa.field(name, pa.string()) for name in HEADER]
    )
    rows, aside = [], []
    for record in strict_records(lines, dialect, row_test(dialect, selection)):
        if record.is_blank:
            continue
        again = bool(rows) and record.fields == HEADER
        if record.problem or len(record.fields) != len(HEADER) or again:
            aside.append(record.first)
        else:
            rows.append(dict(zip(HEADER, record.fields, strict=True)))
    return rows[1:], aside, lines.number - 1


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(TABLES, WRITERS, CHANGES)
@example([("\ufeffa", "ham", "b")], WRITER, [])
@example([("a\nb", "ham", "c\nd")], WRITER, [])
@example([("a", "ham", "b\nc,ham,d\ne")], WRITER, [])
@example([("a", "ham", "b"), ("a", "ham", "b")], WRITER, [(0.6, 0, b'"')])
def test_blocks_and_the_strict_parser_give_the_same(
    tmp_path_factory, rows, writer, changes
) -> None:
    head, data = written([], writer), written(rows, writer)
    for place, removed, added in changes:
        at = len(head) + int(place * (len(data) - len(head)))
        data = data[:at] + added + data[at + removed :]
    data = data.decode(errors="ignore").encode()
    dialect = find_dialect("s.csv", data, MAPPING.known)
    assume(dialect.header == tuple(HEADER))
    folder = tmp_path_factory.mktemp("same")
    assert read(data, folder) == read_strictly(data, dialect)


@pytest.mark.parametrize("writer", [WRITER, WRITER | {"quoting": csv.QUOTE_ALL}])
def test_lines_are_numbered_through_many_blocks(tmp_path: Path, writer) -> None:
    text = "a line, of some words\n" * 20
    rows = [(f"mail {n}", "ham", f'{text}he said "{n}"') for n in range(40_000)]
    for n in (9_000, 30_000):
        rows[n] = (*rows[n], "one too many")
    data = written(rows, writer)
    after_header = data.index(b"\n") + 1
    block = RecordBlock(data[after_header:100_000], Dialect(",", header=tuple(HEADER)))
    assert block.columns([0], lambda _: False) is not None
    assert data[after_header : after_header + block.size].endswith(b'"\n')
    found, aside, total = read(data, tmp_path)
    assert [row["subject"] for row in found] == [r[0] for r in rows if len(r) == len(HEADER)]
    assert {row["body"][: len(text)] for row in found} == {text}
    assert aside == [2 + 21 * 9_000, 2 + 21 * 30_000]
    assert total == 1 + 21 * len(rows)


def test_a_record_longer_than_a_block_is_read_and_a_line_without_end_is_not(tmp_path: Path) -> None:
    rows = [("a", "ham", "x\n" * 5_000_000), ("b", "ham", "y" * (33 << 20)), ("c", "ham", "z")]
    found, aside, total = read(written(rows, WRITER), tmp_path)
    assert [(row["subject"], len(row["body"])) for row in found] == [("a", 10_000_000), ("c", 1)]
    assert (aside, total) == ([5_000_003], 5_000_004)
