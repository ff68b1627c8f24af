"""Judging a stored release again, right before it is put where it answers."""

from platform_core.contracts.environments import Environment
from platform_core.errors import BlobNotFound, GateRefused, ReleaseRefused
from platform_core.hashing import sha256_bytes
from platform_core.ledger import Ledger
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import baseline_path
from releases.admission import champion, load_test_rows, refusal
from releases.comparison import unseen_rows
from releases.gates import compare, passed
from scoring import Scorer, load_lineage, load_manifest, load_release
from use_cases import UseCase


class Verification:
    """Checks of a stored release; each method raises `Refused` with the reason.

    All of them read the release from the store, hash it and run its golden records through
    the installed code: `ReleaseNotFound`, or `ReleaseRefused` when it is corrupt or does not fit.
    """

    def __init__(self, store: BlobStore, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger

    def for_rollback(self, use_case: UseCase, release_id: str) -> None:
        """Check that the release still loads; it was good enough when it was served."""
        self._loaded(use_case, release_id)

    def for_staging(self, use_case: UseCase, release_id: str) -> None:
        """Check that the release passed training's gates, loads, and has its baseline."""
        self._admitted(use_case, release_id)
        self._loaded(use_case, release_id)

    def for_production(self, use_case: UseCase, release_id: str) -> None:
        """Check as for staging, and compare with what production serves now.

        That may not be what training compared with. The rows are the test part of the
        candidate's dataset version without what production was trained on; without a test part
        there is no comparison and no promotion.
        """
        self._admitted(use_case, release_id)
        scorer = self._loaded(use_case, release_id)
        if self._ledger.active(use_case.name, Environment.PRODUCTION) is not None:
            self._beats_champion(use_case, scorer)

    def _loaded(self, use_case: UseCase, release_id: str) -> Scorer:
        return Scorer(load_release(self._store, use_case.name, release_id), use_case)

    def _admitted(self, use_case: UseCase, release_id: str) -> None:
        lineage = load_lineage(self._store, use_case.name, release_id)
        if not passed(lineage.gates):
            raise refusal(use_case.name, release_id, lineage.gates)
        manifest = load_manifest(self._store, use_case.name, release_id)
        path = baseline_path(use_case.name, release_id)
        try:
            intact = sha256_bytes(self._store.read(path)) == manifest.baseline_sha256
        except BlobNotFound:
            intact = False
        if not intact:
            raise ReleaseRefused(
                f"the baseline {path} is missing or was altered: drift of release "
                f"{release_id:.12} could not be measured; train a new release"
            )

    def _beats_champion(self, use_case: UseCase, scorer: Scorer) -> None:
        version = load_lineage(self._store, use_case.name, scorer.release_id).dataset_version
        try:
            test = load_test_rows(self._store, use_case.name, version)
        except BlobNotFound as error:
            raise GateRefused(
                f"release {scorer.release_id:.12} of {use_case.name} cannot be compared with "
                f"production: its dataset version {version} is gone; train a new release"
            ) from error
        production = champion(self._store, self._ledger, use_case.name)
        unseen = unseen_rows(self._store, use_case.name, test, production)
        verdict = compare(use_case, scorer, unseen, production)
        if not verdict.passed:
            raise refusal(use_case.name, scorer.release_id, (verdict,))
