"""The embedded stacks that benchmarks start for themselves are those of the tests."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "tests" / "support"))
from embedded_platform import Platform, embedded_settings, eventually, running

__all__ = ["Platform", "embedded_settings", "eventually", "running"]
