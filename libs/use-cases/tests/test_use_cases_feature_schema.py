"""Texts and one block of numbers, as Arrow, numpy and pandas see them."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from use_cases import FeatureSchema, number_block

SCHEMA = FeatureSchema(("text",), ("a", "b", "c"))
BLOCK = np.arange(12, dtype=np.float32).reshape(4, 3)
TEXTS = pa.array(["p", "q", "r", "s"])


def features() -> pa.RecordBatch:
    return SCHEMA.batch([TEXTS], BLOCK)


def test_the_block_is_read_without_a_copy():
    read = number_block(features())
    np.testing.assert_array_equal(read, BLOCK)
    assert np.shares_memory(read, number_block(SCHEMA.batch([TEXTS], BLOCK))) == np.shares_memory(
        read, BLOCK
    )
    assert np.shares_memory(read, BLOCK)


@pytest.mark.parametrize(("start", "rows"), [(0, 1), (1, 2), (3, 1), (2, 0)])
def test_slices_keep_their_rows(start, rows):
    part = features().slice(start, rows)
    np.testing.assert_array_equal(number_block(part), BLOCK[start : start + rows])
    again = SCHEMA.select(pa.Table.from_batches([part]))
    np.testing.assert_array_equal(number_block(again), BLOCK[start : start + rows])


def test_rows_survive_parquet_filters_and_chunks(tmp_path):
    table = pa.Table.from_batches([features(), features().slice(1, 2)])
    pq.write_table(table, tmp_path / "features.parquet")
    read = pq.read_table(tmp_path / "features.parquet")
    assert read.schema.equals(SCHEMA.arrow)
    kept = read.filter(pa.array([True, False, True, False, True, True]))
    expected = np.concatenate([BLOCK, BLOCK[1:3]])[[0, 2, 4, 5]]
    np.testing.assert_array_equal(number_block(kept), expected)
    np.testing.assert_array_equal(number_block(SCHEMA.select(kept)), expected)


def test_columns_and_rows_have_the_names():
    assert SCHEMA.names == ("text", "a", "b", "c")
    assert SCHEMA.column(features(), "b").equals(pa.array([1, 4, 7, 10], pa.float32()))
    assert SCHEMA.column(features(), "text").equals(TEXTS)
    assert SCHEMA.rows(features())[1] == {"text": "q", "a": 3.0, "b": 4.0, "c": 5.0}
    frame = SCHEMA.frame(features())
    assert list(frame.columns) == ["text", "a", "b", "c"]
    assert frame["c"].tolist() == [2.0, 5.0, 8.0, 11.0]
    assert frame["text"].tolist() == TEXTS.to_pylist()


def test_texts_alone_have_no_block():
    schema = FeatureSchema(("text",))
    batch = schema.batch([TEXTS], np.empty((4, 0)))
    assert batch.schema.names == ["text"]
    assert schema.frame(batch)["text"].tolist() == TEXTS.to_pylist()


@pytest.mark.parametrize(
    ("texts", "numbers"), [(("a",), ("a",)), ((), ("a", "a")), (("numbers",), ("a",))]
)
def test_names_that_clash_are_refused(texts, numbers):
    with pytest.raises(ValueError, match="must differ"):
        FeatureSchema(texts, numbers)
