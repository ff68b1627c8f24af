"""Records that the use case itself makes up, block by block."""

import hashlib
from collections.abc import Iterator

import pyarrow as pa

from data_pipeline.sources.columns import Wanted
from data_pipeline.sources.items import Ended, Item, Rows
from data_pipeline.sources.raw import SOURCE_COLUMN
from data_pipeline.sources.request import GENERATED
from use_cases import UseCase

BLOCK_ROWS = 50_000
# A guess, good enough to choose where to generate.
ROW_BYTES = 1_000


def block_seed(seed: int, block: int) -> int:
    """Return the seed of a block; the first has the request's own."""
    if block == 0:
        return seed
    digest = hashlib.sha256(f"generated block {block} of seed {seed}".encode()).digest()
    return int.from_bytes(digest[:4]) >> 1


def generate_block(
    case: UseCase, wanted: Wanted, rows: int, seed: int, block: int
) -> Iterator[Item]:
    """Yield block number `block` of `rows` records in all."""
    count = min(BLOCK_ROWS, rows - block * BLOCK_ROWS)
    table = case.training().generate(count, block_seed(seed, block)).combine_chunks()
    source = pa.repeat(GENERATED, table.num_rows)
    table = table.append_column(SOURCE_COLUMN, source)
    for batch in table.select(wanted.ordered(table.column_names)).to_batches(max_chunksize=10_000):
        yield Rows(GENERATED, batch)
    yield Ended(GENERATED, 0, table.nbytes)
