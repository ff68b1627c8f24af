"""What the tests of the data pipeline share: raw records from a table, and versions of them."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

import pyarrow as pa
import pytest

from data_pipeline.sources.raw import SUMMARY, IngestSummary, RawRecords, raw_folder
from data_pipeline.versions.freeze import Rules, freeze
from platform_core.clock import ManualClock
from platform_core.parquet import write_table
from platform_core.ports.blob_store import BlobStore
from use_cases import UseCase, use_case
from use_cases.testing import variant

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def mail() -> UseCase:
    """A use case with near duplicates."""
    return variant(
        use_case("spam"), training={"duplicate_text": lambda _, records: records.column("body")}
    )


@pytest.fixture(scope="session")
def store_raw() -> Callable[..., RawRecords]:
    """Return a function that leaves tables as an ingest of `size` bytes would, a part each."""
    number = count()

    def store(blobs: BlobStore, *tables: pa.Table, size: int = 0) -> RawRecords:
        folder = f"models/spam/_runs/{next(number)}"
        names = tuple(f"part-{n:05}.parquet" for n in range(len(tables)))
        for name, table in zip(names, tables, strict=True):
            if "_source" not in table.column_names:
                given = pa.repeat("generated", table.num_rows)
                table = table.append_column("_source", given)  # noqa: PLW2901
            write_table(blobs, f"{raw_folder(folder)}/{name}", table)
        summary = IngestSummary(
            source="a test",
            rows=sum(table.num_rows for table in tables),
            files=len(tables),
            seconds=0,
            bytes=size or sum(table.nbytes for table in tables),
            columns=tuple(tables[0].column_names),
            parts=names,
        )
        blobs.write(f"{raw_folder(folder)}/{SUMMARY}", summary.model_dump_json().encode())
        return RawRecords(blobs, folder)

    return store


@pytest.fixture(scope="session")
def frozen(store_raw) -> Callable[..., str]:
    """Return a function that makes a dataset version of tables: use case, store, tables."""

    def make(
        case: UseCase, blobs: BlobStore, *tables: pa.Table, now: datetime = NOW, **rules
    ) -> str:
        return freeze(blobs, case, store_raw(blobs, *tables), Rules(**rules), ManualClock(now))

    return make


@pytest.fixture(scope="session")
def mails() -> Callable[..., pa.Table]:
    """Return a function that makes mails of bodies and labels, and dates where given."""

    def make(bodies: list, labels: list, dates: list | pa.Array | None = None) -> pa.Table:
        table = pa.table(
            {
                "email_id": [str(n) for n in range(len(bodies))],
                "subject": [""] * len(bodies),
                "body": bodies if isinstance(bodies, pa.Array) else pa.array(bodies, pa.string()),
                "sender": ["a@b.c"] * len(bodies),
                "label": labels,
            }
        )
        return table if dates is None else table.append_column("date", pa.array(dates))

    return make


@pytest.fixture(scope="session")
def many(mails) -> Callable[..., pa.Table]:
    """Return a function that makes a hundred good mails of each class, then those given."""

    def make(bodies: list = (), labels: list = ()) -> pa.Table:
        filler = [f"mail {n}" for n in range(200)]
        return mails([*filler, *bodies], [*(["spam", "ham"] * 100), *labels])

    return make


@pytest.fixture(scope="session")
def sides() -> Callable[[pa.Table], dict[str, str]]:
    """Return a function from records to the side of the split by content of the body."""

    def make(records: pa.Table) -> dict[str, str]:
        return dict(zip(records["body"].to_pylist(), records["part"].to_pylist(), strict=True))

    return make
