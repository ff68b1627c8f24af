"""The section `decisions`: how often verdicts are wrong, one module per topic."""

import argparse
from importlib import import_module

from bench_report import note

# By topic, the module with `run(options)`; it is imported on use.
TOPICS: dict[str, str] = {
    "comparison": "decisions.comparison",
    "drift": "decisions.drift.topic",
    "quality": "decisions.quality",
}


def run(options: argparse.Namespace) -> bool:
    """Return whether every topic, or those in `--only`, reached its targets."""
    names = [name for name in TOPICS if not options.only or name in options.only]
    results = []
    for name in names:
        note(f"\n### {name}")
        results.append(bool(import_module(TOPICS[name]).run(options)))
    return all(results)
