"""Makes the services of an environment agree with the ledger."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingRole, ServingState, model_name
from platform_core.errors import PlatformError, Refused
from platform_core.ledger import Ledger, serving_state
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import release_path
from releases.changes.needed import NeededServices, assignments
from releases.changes.registry import LOOKUP_SECONDS, RegistryRecords
from releases.deployers import Assignment, DeployableRelease, Deployer

QUICK_SECONDS = 1.0
"""How long the registry is waited for when a release that serves already changes its role."""
Place = tuple[str, Environment]
"""A use case in an environment."""


@dataclass
class ReconcileResult:
    """What was changed so that the services agree with the ledger, and what still differs."""

    changed: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def attempt(self, step: Callable[[], object]) -> bool:
        """Run a step that must not stop the others; note its error. Return whether it worked."""
        try:
            step()
        except PlatformError as error:
            self.problems.append(str(error))
            return False
        return True


class Servers:
    """The services of all environments; may be used by several threads.

    What a change in progress `claims` is not removed although the ledger does not name it yet.
    """

    def __init__(
        self,
        store: BlobStore,
        deployer: Deployer,
        records: RegistryRecords,
        ledger: Ledger,
        needed: NeededServices,
    ) -> None:
        self._store = store
        self._deployer = deployer
        self._records = records
        self._ledger = ledger
        self._needed = needed
        self._claims: list[tuple[Place, set[Assignment]]] = []
        self._lock = Lock()

    @contextmanager
    def claims(self, place: Place, wanted: set[Assignment]) -> Iterator[None]:
        """Keep services until the ledger names them."""
        claim = (place, wanted)
        with self._lock:
            self._claims.append(claim)
        try:
            yield
        finally:
            with self._lock:
                self._claims.remove(claim)

    def require_own_names(self, place: Place, wanted: set[Assignment]) -> None:
        """Check that each release would have a service of its own: names have few digits of ids.

        Raises:
            Refused: a release has the digits of another one that is wanted or still needed.
        """
        use_case, environment = place
        entries = self._ledger.entries(use_case, environment)
        found = wanted | self._needed(use_case, environment, entries)
        named: dict[str, str] = {}
        for release_id in sorted({release_id for release_id, _ in found}):
            name = model_name(use_case, release_id)
            other = named.setdefault(name, release_id)
            if other != release_id:
                raise Refused(
                    f"the releases {other} and {release_id} begin with the same digits, so that "
                    f"both services in {environment} would be called {name}; train a release with "
                    "another id, or try again when the earlier one is not needed any more"
                )

    def ensure(self, place: Place, assignment: Assignment) -> bool:
        """Return when the service of a release is ready, and whether it was not before.

        Raises like `Deployer.ensure`.
        """
        use_case, environment = place
        release_id, role = assignment
        if self._is_ready(place, assignment):
            return False
        elsewhere = any(self._is_ready(place, (release_id, other)) for other in ServingRole)
        seconds = QUICK_SECONDS if elsewhere else LOOKUP_SECONDS
        versions = self._records.versions(use_case, [release_id], seconds) or {}
        version = versions.get(release_id, "")
        self._deployer.ensure(environment, self._deployable(use_case, release_id, version), role)
        return True

    def reconcile(self, place: Place, remove: bool = True) -> ReconcileResult:
        """Make the services of one environment agree with the ledger.

        A step that fails does not stop the others. The ledger is read again afterwards, so that
        the services agree with its last entry. Without `remove`, no service is removed.
        """
        while True:
            state, length = self._read(place)
            agreement = self._serve(place, state)
            if remove:
                agreement.attempt(lambda: self.prune(place))
            self._refresh(place, agreement)
            if self._read(place)[1] == length:
                return agreement

    def settle(self, place: Place) -> ReconcileResult:
        """Do the part of `reconcile` that starts nothing: the plain name, and removals."""
        agreement = ReconcileResult()
        state, _ = self._read(place)
        self._name_stable(place, state, agreement)
        agreement.attempt(lambda: self.prune(place))
        return agreement

    def prune(self, place: Place) -> list[str]:
        """Remove the services that are not needed."""
        use_case, environment = place
        # A claim waits until the removals are done; one that has ended is in the ledger.
        with self._lock:
            entries = self._ledger.entries(use_case, environment)
            keep = self._needed(use_case, environment, entries)
            for claimed, wanted in self._claims:
                keep |= wanted if claimed == place else set()
            return self._deployer.prune(environment, use_case, keep)

    def _serve(self, place: Place, state: ServingState) -> ReconcileResult:
        agreement = ReconcileResult()
        use_case, environment = place
        for release_id, role in assignments(state):
            try:
                if self.ensure(place, (release_id, role)):
                    agreement.changed.append(
                        f"{environment} serves {release_id} of {use_case} as {role} again"
                    )
            except PlatformError as error:
                agreement.problems.append(str(error))
        self._name_stable(place, state, agreement)
        return agreement

    def _refresh(self, place: Place, agreement: ReconcileResult) -> None:
        use_case, environment = place

        def refresh() -> None:
            for release_id in self._deployer.refresh(environment, use_case):
                agreement.changed.append(
                    f"the pods of {release_id} of {use_case} in {environment} are replaced: "
                    "their template has changed"
                )

        agreement.attempt(refresh)

    def _name_stable(self, place: Place, state: ServingState, agreement: ReconcileResult) -> None:
        use_case, environment = place
        stable = state.stable

        def name() -> None:
            if self._deployer.is_stable(environment, use_case, stable):
                return
            release = self._deployable(use_case, stable, "") if stable else None
            if stable is None or self._is_ready(place, (stable, ServingRole.STABLE)):
                self._deployer.set_stable(environment, use_case, release)
                agreement.changed.append(
                    f"{use_case} in {environment} answers with {stable or 'no release'} again"
                )

        agreement.attempt(name)

    def _is_ready(self, place: Place, assignment: Assignment) -> bool:
        use_case, environment = place
        release_id, role = assignment
        try:
            return self._deployer.is_ready(environment, use_case, release_id, role)
        except PlatformError:
            return False

    def _read(self, place: Place) -> tuple[ServingState, int]:
        entries = self._ledger.entries(*place)
        return serving_state(entries), len(entries)

    def _deployable(self, use_case: str, release_id: str, version: str) -> DeployableRelease:
        uri = self._store.uri(release_path(use_case, release_id))
        return DeployableRelease(use_case, release_id, uri, version)
