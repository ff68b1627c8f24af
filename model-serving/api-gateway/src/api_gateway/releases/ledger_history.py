"""The ledgers of both environments of a use case as one history. All methods block."""

from collections.abc import Mapping, Sequence
from itertools import chain
from operator import attrgetter

from api_gateway.http.paging import Page, Paging, page
from api_gateway.routing.catalog import Catalog
from api_gateway.routing.target import ServingTarget
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import LedgerEntry

Ledgers = Mapping[Environment, Sequence[LedgerEntry]]


class LedgerHistory:
    """The history of each use case. Threads may share it."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._sorted: dict[str, tuple[Ledgers, Sequence[LedgerEntry]]] = {}

    def ledgers(self, use_case: str) -> Ledgers:
        """Return the entries of each environment, oldest first.

        Raises:
            ReleaseRefused: a ledger was altered.
        """
        return {e: self._catalog.entries(ServingTarget(use_case, e)) for e in Environment}

    def page(self, use_case: str, ledgers: Ledgers, asked: Paging) -> Page[LedgerEntry]:
        """Return a page of the entries of both environments, newest first."""
        return page(self._newest_first(use_case, ledgers), asked, _place)

    def _newest_first(self, use_case: str, ledgers: Ledgers) -> Sequence[LedgerEntry]:
        """Return the entries in the descending order of their `_place`. The catalog returns the
        same entries until a ledger changes; only then are they sorted again.
        """
        known, entries = self._sorted.get(use_case, ({}, ()))
        if not all(known.get(where) is found for where, found in ledgers.items()):
            environments = sorted(ledgers, reverse=True)
            both = chain.from_iterable(reversed(ledgers[where]) for where in environments)
            entries = sorted(both, key=attrgetter("time"), reverse=True)
            self._sorted[use_case] = (ledgers, entries)
        return entries


def _place(entry: LedgerEntry) -> str:
    """Return the key of an entry in a cursor."""
    return f"{entry.time.isoformat()} {entry.change.environment} {entry.sequence:08d}"
