"""Arrow without pandas.

Where pandas is installed pyarrow imports it when it makes its first array: seconds on a busy
machine, in the event loop, in which nobody is answered, and tens of megabytes. pyarrow asks once.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType

import pyarrow as pa


class _NoPandas(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> None:
        del path, target
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is not for the gateway", name=fullname)


def do_without_pandas() -> None:
    """Let pyarrow ask for pandas now and find none; whoever imports it later does find it."""
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([""])
    finally:
        sys.meta_path.remove(finder)
