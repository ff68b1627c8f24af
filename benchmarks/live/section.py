"""The section `live`: shadows, canaries and changes on an embedded stack, one module per topic."""

import argparse
from importlib import import_module

# By topic, the module with `measure(stack, quick)`; it is imported on use.
TOPICS: dict[str, str] = {
    "shadow": "live.shadow",
    "shares": "live.shares",
    "changes": "live.changes",
    "withdrawal": "live.withdrawal",
}


def run(options: argparse.Namespace) -> bool:
    """Return whether every topic, or those in `--only`, reached its targets."""
    from live.stack import running_stack

    names = [name for name in TOPICS if not options.only or name in options.only]
    with running_stack() as stack:
        results = [bool(import_module(TOPICS[n]).measure(stack, options.quick)) for n in names]
    return all(results)
