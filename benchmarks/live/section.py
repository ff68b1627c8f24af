"""`live`: the figures of shadows, canaries and changes on an embedded stack of its own."""

import argparse

from serving.processes import load_generator

from live.canary import bad_canary, shares
from live.changes import changes
from live.shadow import shadow
from live.stack import prepared


def run(options: argparse.Namespace) -> bool:
    """Measure everything, and return whether all figures are held."""
    quick = options.quick
    with prepared() as stack:
        with load_generator() as generator:
            held = [shadow(stack, generator, quick)]
        held += [shares(stack, quick), changes(stack, quick), bad_canary(stack, quick)]
    return all(held)
