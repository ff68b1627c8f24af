"""An inference log of any size: one real object of 5,000 records under many names."""

import shutil
from datetime import timedelta
from itertools import cycle, islice
from pathlib import Path

import pyarrow as pa
from serving.ours import StackHome

from platform_core.clock import SystemClock
from platform_core.contracts.environments import Environment
from platform_core.parquet import table_bytes
from platform_core.storage import INFERENCE_LOGS, log_object_path

OBJECT_RECORDS = 5_000
HOURS = 24
USE_CASE = "spam"


class LogFiller:
    """Fills the log of an installation, in addition to the records of its gateway."""

    def __init__(self, home: StackHome) -> None:
        self._home = home
        self._now = SystemClock().now()
        self._one, self._many = home.folder / "one.parquet", home.folder / "many.parquet"
        rows = home.logged()
        self._one.write_bytes(table_bytes(rows.slice(0, 1)))
        numbers = pa.array(islice(cycle(range(rows.num_rows)), OBJECT_RECORDS))
        self._many.write_bytes(table_bytes(rows.take(numbers)))

    def fill(self, records: int) -> None:
        """Set the length of the log: 1, or a multiple of 5,000 spread over a day."""
        shutil.rmtree(self._home.folder / "blob" / INFERENCE_LOGS)
        objects, source = divmod(records, OBJECT_RECORDS)[0] or 1, self._many
        if records == 1:
            source = self._one
        for number in range(objects):
            time = self._now - timedelta(hours=number % HOURS)
            path = log_object_path(USE_CASE, Environment.STAGING, time, f"filled-{number}")
            file = self._home.folder / "blob" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.hardlink_to(source)


def size(folder: Path) -> tuple[int, int]:
    """Return the number of objects in the log, and their bytes."""
    files = list((folder / "blob" / INFERENCE_LOGS).rglob("*.parquet"))
    return len(files), sum(file.stat().st_size for file in files)
