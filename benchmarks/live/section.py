"""`live`: the figures of shadows, canaries and changes on an embedded stack of its own."""

import argparse

from serving.processes import load_generator

from live.canary import bad_canary, shares
from live.changes import changes
from live.shadow import shadow
from live.stack import running_stack


def run(options: argparse.Namespace) -> bool:
    """Measure everything and return whether all targets are met."""
    quick = options.quick
    with running_stack() as stack:
        with load_generator() as generator:
            met = [shadow(stack, generator, quick)]
        met += [shares(stack, quick), changes(stack, quick), bad_canary(stack, quick)]
    return all(met)
