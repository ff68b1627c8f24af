"""Where records come from: a Parquet or CSV file, or the use case's own generator."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from platform_core.errors import InvalidData
from use_cases import UseCase

GENERATED = "generated"
DEFAULT_ROWS = 4_000
_PARQUET_MAGIC = b"PAR1"


def parse_columns(text: str) -> dict[str, str]:
    """Return the renaming in `"body=text email_id=sms_id"` as {source: target}.

    Raises:
        InvalidData: a part is not of the form `target=source`, or a name is given twice.
    """
    renaming: dict[str, str] = {}
    for part in text.split():
        target, separator, source = part.partition("=")
        if not (separator and target and source):
            raise InvalidData(
                f"COLUMNS has the part {part!r}; write <our column>=<your column>, "
                'for example COLUMNS="body=text email_id=sms_id"'
            )
        if source in renaming or target in renaming.values():
            raise InvalidData(f"COLUMNS names {part!r} twice; name each column once")
        renaming[source] = target
    return renaming


def read_source(
    use_case: UseCase, data: str, renaming: Mapping[str, str], rows: int, seed: int
) -> pa.Table:
    """Return the labelled records of `data` (a path), or generated ones where it is empty.

    Columns carry the use case's names afterwards; what a use case does not name is dropped.

    Raises:
        InvalidData: the file is absent, empty, not what its name says, or lacks columns.
    """
    if not data:
        return use_case.generate(rows, seed)
    table = _read_file(Path(data))
    if table.num_rows == 0:
        raise InvalidData(f"{data} has no rows; give a file with labelled records")
    return _select(use_case, _rename(table, renaming, data), data)


def _read_file(path: Path) -> pa.Table:
    readers: Mapping[str, Callable[[Path], pa.Table]] = {
        ".parquet": _read_parquet,
        ".csv": _read_csv,
    }
    if path.is_dir():
        raise InvalidData(f"{path} is a folder; DATA takes the path of one Parquet or CSV file")
    if not path.is_file():
        raise InvalidData(f"there is no file {path}; DATA takes the path of a Parquet or CSV file")
    if path.suffix.lower() not in readers:
        raise InvalidData(f"{path} is neither .parquet nor .csv; convert it or rename it")
    if path.stat().st_size == 0:
        raise InvalidData(f"{path} is empty; give a file with labelled records")
    return readers[path.suffix.lower()](path)


def _read_parquet(path: Path) -> pa.Table:
    with path.open("rb") as file:
        is_parquet = file.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC
    if not is_parquet:
        raise InvalidData(f"{path} is not a Parquet file although its name says so")
    try:
        return pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise InvalidData(f"{path} is a damaged Parquet file: {error}") from error


def _read_csv(path: Path) -> pa.Table:
    with path.open("rb") as file:
        if file.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC:
            raise InvalidData(f"{path} is a Parquet file although its name says CSV; rename it")
    parse = csv.ParseOptions(newlines_in_values=True)
    # Text such as "NA" or an empty body is text: only the validation may call a value missing.
    convert = csv.ConvertOptions(strings_can_be_null=False, quoted_strings_can_be_null=False)
    try:
        return csv.read_csv(path, parse_options=parse, convert_options=convert)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise InvalidData(f"{path} cannot be read as CSV (UTF-8, commas): {error}") from error


def _rename(table: pa.Table, renaming: Mapping[str, str], data: str) -> pa.Table:
    absent = [source for source in renaming if source not in table.column_names]
    if absent:
        raise InvalidData(
            f"COLUMNS names {', '.join(absent)}, which {data} does not have; "
            f"its columns are {', '.join(table.column_names)}"
        )
    # A column that already has a target's name gives way to the one that was mapped to it.
    taken = set(renaming.values()) - set(renaming)
    kept = table.drop_columns([name for name in table.column_names if name in taken])
    return kept.rename_columns([renaming.get(name, name) for name in kept.column_names])


def _select(use_case: UseCase, table: pa.Table, data: str) -> pa.Table:
    optional = {*use_case.defaults, use_case.id_column}
    needed = [
        *(n for n in use_case.record_schema.names if n not in optional),
        use_case.label_column,
    ]
    missing = [name for name in needed if name not in table.column_names]
    if missing:
        raise InvalidData(
            f"{data} has no column {', '.join(missing)}; its columns are "
            f'{", ".join(table.column_names)}. Map yours by COLUMNS="{missing[0]}=<your column>"'
        )
    for name, value in use_case.defaults.items():
        if name not in table.column_names:
            field = use_case.record_schema.field(name)
            table = table.append_column(field, pa.repeat(pa.scalar(value, field.type), len(table)))
    if use_case.id_column and use_case.id_column not in table.column_names:
        ids = pa.array([f"row-{number}" for number in range(table.num_rows)])
        table = table.append_column(use_case.id_column, ids)
    names = [*use_case.record_schema.names, use_case.label_column]
    if use_case.time_column in table.column_names:
        names.append(use_case.time_column)
    return table.select(names)
