"""Ingest: from a source to raw records."""

from data_pipeline.sources import parse_columns, read_source
from platform_core.parquet import write_table
from training.bootstrap import Platform
from training.run_folder import RAW, RunFolder
from use_cases import use_case


def run(platform: Platform, run: RunFolder, data: str, columns: str, rows: int, seed: int) -> int:
    """Read the source into the run's folder and return the number of rows.

    Raises:
        InvalidData: the source cannot be used.
    """
    table = read_source(use_case(run.use_case), data, parse_columns(columns), rows, seed)
    write_table(platform.store, f"{run.path}/{RAW}", table)
    return table.num_rows
