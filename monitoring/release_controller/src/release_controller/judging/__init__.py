"""Judges canaries and shadows by live evidence; a verdict may become a change."""

from typing import Protocol


class Judge(Protocol):
    """Looks at the evidence; called again and again, in a thread of its own.

    A judge changes no state itself: it records changes (`platform_core.changes.Changes`), with
    `approvals` where a person has to agree, and the controller applies them.
    """

    def judge(self) -> None:
        """Judge whatever has new evidence."""
        ...


class NoJudge:
    """Leaves every decision to people."""

    def judge(self) -> None:
        """Do nothing."""
