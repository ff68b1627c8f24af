"""What one environment serves of a use case, as the gateway has read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from platform_core.contracts.ledger import LedgerEntry
from platform_core.contracts.release import Lineage, ReleaseManifest
from platform_core.contracts.serving_state import ServingRole, ServingState


@dataclass(frozen=True)
class ReleaseDocuments:
    """What is stored about a release that serves.

    A document that cannot be read is `None`.
    """

    release_id: str
    manifest: ReleaseManifest | None
    lineage: Lineage | None


@dataclass(frozen=True)
class Serving:
    """The serving state after the entry `sequence` of the ledger, 0 for an empty one.

    `releases` has the documents of each release of the state, by id, `since` the change that gave
    each role its release, `rollback_targets` the releases that a rollback can return to. `last` is
    the entry itself; its change may not have been applied.
    """

    sequence: int = 0
    state: ServingState = field(default_factory=ServingState)
    releases: Mapping[str, ReleaseDocuments] = field(default_factory=dict)
    since: Mapping[ServingRole, LedgerEntry] = field(default_factory=dict)
    rollback_targets: Sequence[str] = ()
    last: LedgerEntry | None = None

    @property
    def complete(self) -> bool:
        """Whether every document of the releases could be read."""
        return all(one.manifest and one.lineage for one in self.releases.values())


NOTHING = Serving()
