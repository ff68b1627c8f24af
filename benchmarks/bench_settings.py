"""Settings of the benchmarks beyond those of the platform."""

from pathlib import Path

from platform_core.settings import Settings


class BenchSettings(Settings):
    """The folders of the embedded stack and of the checkout."""

    platform_home: Path = Path(".platform")
    platform_root: Path = Path()
