"""What trials of a bad release need: policies about its end, and labels that call it wrong."""

from collections.abc import Sequence

HOLD = "[rollback]\nmode = 'manual'\n[promotion]\nmode = 'manual'\n"
"""The policy under which only a person, or a test, changes the serving state."""
WITHDRAW = "[rollback]\nmode = 'auto'\nbudget_per_week = 100\n[promotion]\nmode = 'manual'\n"
"""The policy that ends a bad trial by itself, as often as it is tested."""


def wrong_label(classes: Sequence[str], predicted: str) -> str:
    """Return a class other than the predicted one."""
    return classes[classes.index(predicted) - 1]
