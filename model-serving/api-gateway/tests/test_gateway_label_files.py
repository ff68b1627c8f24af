"""`mlplatform feedback FILE`: files of labels through a real gateway."""

import asyncio
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlplatform_client import Client
from platform_core.contracts.prediction_ids import milliseconds, new_prediction_id
from platform_core.errors import InvalidData, Refused, UpstreamUnavailable
from records.labels.files import SentLabels, read_label_rows, send_labels
from use_cases import use_case

SPAM = use_case("spam")


async def send(
    running: Any, keys: dict[str, str], file: Path, role: str = "operator", url: str = ""
) -> tuple[SentLabels, list[tuple[int, str]]]:
    """Send a file as the command does; return the counts and the rejected rows."""
    rejected: list[tuple[int, str]] = []

    def work() -> SentLabels:
        address = url or str(running.client.base_url)
        with Client(address, keys[role], max_retries=0) as client:
            rows = read_label_rows(file, SPAM)
            return send_labels(
                client, SPAM, rows, lambda one: rejected.append((one["row"], one["code"]))
            )

    return await asyncio.to_thread(work), rejected


@pytest.fixture
def ids(running: Any) -> list[str]:
    return [new_prediction_id(milliseconds(running.clock.now())) for _ in range(2500)]


def write_csv(file: Path, ids: list[str]) -> None:
    rows = [f"{one},{'ham' if index % 2 else 'spam'}" for index, one in enumerate(ids)]
    rows[3], rows[1500], rows[2499] = "p3,ham", f"{ids[1500]},egg", f"{ids[2499]},ham,1,2"
    file.write_text("\n".join(["prediction_id,label,known_at", *rows]))


def write_parquet(file: Path, ids: list[str]) -> None:
    labels = ["ham" if index % 2 else "spam" for index in range(len(ids))]
    labels[1500], labels[2499] = "egg", None
    table = {"prediction_id": ["p3" if i == 3 else one for i, one in enumerate(ids)]}
    times = pa.array([0] * len(ids), pa.timestamp("us"))
    pq.write_table(pa.table({**table, "label": labels, "known_at": times}), file)


def write_json(file: Path, ids: list[str]) -> None:
    rows = [json.dumps({"prediction_id": one, "label": "ham"}) for one in ids]
    rows[3], rows[1500] = rows[3].replace(ids[3], "p3"), rows[1500].replace("ham", "egg")
    rows[2499] = "{"
    file.write_text("\n".join(rows))


@pytest.mark.parametrize("write", [write_csv, write_parquet, write_json])
async def test_broken_rows_are_reported_with_their_numbers(
    running, keys, ids, tmp_path, write
) -> None:
    file = tmp_path / f"labels.{write.__name__.removeprefix('write_')}"
    file = file.with_suffix(".jsonl") if file.suffix == ".json" else file
    write(file, ids)
    sent, rejected = await send(running, keys, file)
    assert (sent.rows, sent.fates["pending"]) == (2500, 2497)
    assert rejected == [
        (4, "no-prediction-id"),
        (1501, "unknown-class"),
        (2500, "invalid-label"),
    ]
    again, _ = await send(running, keys, file)
    assert (again.fates["pending"], again.fates["unchanged"]) == (0, 2497)


async def test_a_file_of_another_form_is_refused(running, keys, tmp_path) -> None:
    for name, text in (("a.txt", ""), ("a.csv", "id,label\n"), ("a.parquet", "x")):
        file = tmp_path / name
        file.write_text(text)
        with pytest.raises(InvalidData, match="a\\."):
            await send(running, keys, file)
    with pytest.raises(InvalidData, match=r"missing\.csv"):
        await send(running, keys, tmp_path / "missing.csv")


async def test_a_gateway_that_refuses_or_is_down_ends_the_command(
    running, keys, ids, tmp_path
) -> None:
    file = tmp_path / "labels.csv"
    write_csv(file, ids)
    with pytest.raises(Refused, match="viewer"):
        await send(running, keys, file, "viewer")
    with pytest.raises(UpstreamUnavailable, match="does not accept labels"):
        await send(running, keys, file, url="http://127.0.0.1:1")


def test_odd_files_of_labels_lose_no_row(tmp_path) -> None:
    rents = SimpleNamespace(classes=())
    unclosed = tmp_path / "a.csv"
    unclosed.write_text('prediction_id,label\n1,"ham\n2,ham\n3,ham"\n4,ham\n5,"ham\n')
    with pytest.raises(InvalidData, match=r"a\.csv cannot be read"):
        list(read_label_rows(unclosed, SPAM))
    lines = tmp_path / "a.jsonl"
    lines.write_text('\ufeff{"prediction_id": "1", "label": "ham"}\n\n{"label": ["a"]}\n')
    first, second = read_label_rows(lines, SPAM)
    assert (first.label["label"], first.problem) == ("ham", None)
    assert second.problem == "label holds a list or an object"
    table = tmp_path / "a.parquet"
    columns = {
        "prediction_id": pa.array([b"1", b"2"]),
        "label": pa.array([Decimal("1.5"), Decimal("2.5")]),
        "known_at": pa.array([date(2026, 1, 2)] * 2),
    }
    pq.write_table(pa.table(columns), table)
    row, _ = read_label_rows(table, rents)
    assert row.label == {
        "prediction_id": "1", "label": 1.5, "known_at": "2026-01-02T00:00:00+00:00"
    }  # fmt: skip
    numbers = tmp_path / "b.csv"
    numbers.write_text("prediction_id,label\n1,nan\n2,1e400\n3,2\n")
    assert [one.problem is None for one in read_label_rows(numbers, rents)] == [False, False, True]
