"""Checks a stored release again, right before it is deployed."""

from platform_core.contracts.environments import Environment
from platform_core.contracts.release import GateCheck
from platform_core.errors import BlobNotFound, GateRefused, ReleaseRefused
from platform_core.hashing import sha256_bytes
from platform_core.ledger import Ledger
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import baseline_path
from releases.gates.admission import refusal
from releases.gates.champion import load_champion, load_test_rows, rows_unseen_by
from releases.gates.checks import all_passed, champion_gate
from scoring import Scorer, load_lineage, load_manifest, load_release
from use_cases import UseCase


class Verification:
    """Checks of a stored release; each method raises `Refused` with the reason.

    Every method loads the release, compares its hash with its id and scores its golden records
    with the installed code. It raises `ReleaseNotFound`, or `ReleaseRefused` when the release is
    corrupt or does not fit the code.
    """

    def __init__(self, store: BlobStore, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger

    def for_rollback(self, use_case: UseCase, release_id: str) -> None:
        """Check that the release still loads. It passed the other checks when it was deployed."""
        self._load(use_case, release_id)

    def for_staging(self, use_case: UseCase, release_id: str) -> None:
        """Check that the release passed the gates of training, loads, and has its baseline."""
        self._check_admission(use_case, release_id)
        self._load(use_case, release_id)

    def for_production(
        self, use_case: UseCase, release_id: str, accept_unmeasured: bool = False
    ) -> GateCheck | None:
        """Check as for staging, and compare with the release that production serves now.

        The check that is returned says how certain the comparison is; `None` if there was none.

        That release may have changed since training. The rows are the test split of the
        candidate's dataset version without those production was trained on; without a test split
        there is no comparison and no promotion. A release whose metrics were not measured needs
        `accept_unmeasured`, and is not compared.
        """
        self._check_admission(use_case, release_id)
        scorer = self._load(use_case, release_id)
        if not load_lineage(self._store, use_case.name, release_id).measured:
            _require_acceptance(use_case, release_id, accept_unmeasured)
            return None
        if self._ledger.active(use_case.name, Environment.PRODUCTION) is None:
            return None
        return self._compare_with_champion(use_case, scorer)

    def _load(self, use_case: UseCase, release_id: str) -> Scorer:
        return Scorer(load_release(self._store, use_case.name, release_id), use_case)

    def _check_admission(self, use_case: UseCase, release_id: str) -> None:
        lineage = load_lineage(self._store, use_case.name, release_id)
        if not all_passed(lineage.gates):
            raise refusal(use_case.name, release_id, lineage.gates)
        manifest = load_manifest(self._store, use_case.name, release_id)
        path = baseline_path(use_case.name, release_id)
        try:
            intact = sha256_bytes(self._store.read(path)) == manifest.baseline_sha256
        except BlobNotFound:
            intact = False
        if not intact:
            raise ReleaseRefused(
                f"the baseline {path} of release {release_id:.12} is missing or was altered, so "
                "its drift could not be measured; train a new release"
            )

    def _compare_with_champion(self, use_case: UseCase, scorer: Scorer) -> GateCheck:
        version = load_lineage(self._store, use_case.name, scorer.release_id).dataset_version
        try:
            test = load_test_rows(self._store, use_case.name, version)
        except BlobNotFound as error:
            raise GateRefused(
                f"release {scorer.release_id:.12} of {use_case.name} cannot be compared with "
                f"production: its dataset version {version} does not exist; train a new release"
            ) from error
        champion = load_champion(self._store, self._ledger, use_case.name)
        unseen = rows_unseen_by(champion, test, self._store, use_case.name)
        check = champion_gate(use_case, scorer, unseen, champion)
        if not check.passed:
            raise refusal(use_case.name, scorer.release_id, (check,))
        return check


def _require_acceptance(use_case: UseCase, release_id: str, accepted: bool) -> None:
    if not accepted:
        raise GateRefused(
            f"release {release_id:.12} of {use_case.name} was imported without held-out rows, "
            "so its metrics are not measured; import it again with --holdout, or promote it "
            "with --accept-unmeasured"
        )
