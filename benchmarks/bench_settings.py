"""Settings of the benchmarks beyond those of the platform."""

import os
from pathlib import Path

from platform_core.settings import Settings

SHARED_DATA = Path(
    os.environ.get("SHARED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data"
)
"""The folder of real datasets, which are not part of the repository."""


class BenchSettings(Settings):
    """The folders of the embedded stack and of the checkout."""

    platform_home: Path = Path(".platform")
    platform_root: Path = Path()
