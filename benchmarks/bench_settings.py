"""Settings of the benchmarks beyond those of the platform."""

from pathlib import Path

from platform_core.settings import Settings


class BenchSettings(Settings):
    """Where the embedded stack keeps its state, and where the checkout is."""

    platform_home: Path = Path(".platform")
    platform_root: Path = Path()
