"""Reads the history of an environment from its ledger entries."""

from collections.abc import Sequence

from platform_core.contracts.ledger import Action, ChangeStatus, LedgerEntry


def rollback_target(entries: Sequence[LedgerEntry]) -> str | None:
    """Return the release that a rollback returns to, `None` if there is none.

    It is the release that was served before the present one was first deployed. Two rollbacks
    go two releases back; a rollback never goes forward to a release that was rolled back.
    """
    served: list[str] = []
    for change in (entry.change for entry in entries):
        release = change.to_release
        if change.status is not ChangeStatus.APPLIED or release is None:
            continue
        if change.action is Action.ROLLBACK and release in served:
            del served[_last_index(served, release) + 1 :]
        elif not served or served[-1] != release:
            served.append(release)
    return served[-2] if len(served) > 1 else None


def _last_index(values: Sequence[str], value: str) -> int:
    return len(values) - 1 - values[::-1].index(value)
