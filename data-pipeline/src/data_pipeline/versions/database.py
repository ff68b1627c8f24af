"""DuckDB for sorts, joins and counts of more rows than memory holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from duckdb import DuckDBPyConnection

MEMORY_LIMIT = "512MB"


@contextmanager
def open_database(folder: Path) -> Iterator[DuckDBPyConnection]:
    """Give an empty database in `folder`; what exceeds `MEMORY_LIMIT` goes to disk there."""
    config: dict[str, Any] = {
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": str(folder / "spill"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    with duckdb.connect(folder / "rows.duckdb", config=config) as database:
        yield database


def one_row(database: DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    """Return the only row of a query that always has one."""
    (row,) = database.sql(query).fetchall()
    return tuple(row)


def quoted(*names: str) -> list[str]:
    """Return column names as SQL identifiers."""
    return ['"' + name.replace('"', '""') + '"' for name in names]
