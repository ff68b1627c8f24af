"""What the ledger says of an environment, read as a history to go back in."""

from collections.abc import Sequence

from platform_core.contracts.ledger import Action, LedgerEntry, Verdict


def active(entries: Sequence[LedgerEntry]) -> str | None:
    """Return the release that is served after `entries`, `None` before the first."""
    served = (e.change.to_release for e in entries if e.change.verdict is Verdict.SERVED)
    return next(reversed(list(served)), None)


def previous(entries: Sequence[LedgerEntry]) -> str | None:
    """Return the release that a rollback goes to, `None` when there is none.

    It is the one that was served before the present release was first put there. A rollback
    takes back what came after its target, so two rollbacks go two releases back and never
    forward again to what was rolled back from.
    """
    served: list[str] = []
    for change in (entry.change for entry in entries):
        release = change.to_release
        if change.verdict is not Verdict.SERVED or release is None:
            continue
        if change.action is Action.ROLLBACK and release in served:
            del served[_last(served, release) + 1 :]
        elif not served or served[-1] != release:
            served.append(release)
    return served[-2] if len(served) > 1 else None


def _last(values: Sequence[str], value: str) -> int:
    return len(values) - 1 - values[::-1].index(value)
