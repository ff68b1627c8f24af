"""Keeps pyarrow from importing pandas.

pyarrow imports pandas, where it is installed, with its first array: that takes tens of megabytes
and, on a busy machine, seconds in which the event loop is blocked. pyarrow tries once.
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
            raise ModuleNotFoundError("the gateway does not use pandas", name=fullname)


def keep_pandas_out() -> None:
    """Let pyarrow try to import pandas now and fail; later imports of pandas succeed."""
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([""])
    finally:
        sys.meta_path.remove(finder)
