"""Whether logged records can be trained on: redaction must keep what features are made from."""

from collections import Counter
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from platform_core.errors import InvalidData, ReleaseNotFound, ReleaseRefused
from platform_core.ports.blob_store import BlobStore
from records.columns import RELEASE_ID
from records.replay import replay
from scoring import Scorer, load_release
from use_cases import UseCase

ROWS_PER_RELEASE = 200
MOST_DIFFERENCE = 1e-5
"""Answers computed again in batches of another size differ by about 1e-7."""
WHAT_TO_DO = (
    "what the log redacted cannot be trained on: let `redact_row` of the use case keep what "
    "`features` and `entity_keys` read, or train from a file (DATA=…)"
)


def check_redaction(case: UseCase) -> None:
    """Check that redacted golden records have the features and entities of the original ones.

    Raises:
        InvalidData: they differ; the columns that do are named.
    """
    records = case.golden_records()
    logged = case.redact(records)
    before, after = case.features(records), case.features(logged)
    changed = [n for n in before.schema.names if not before[n].equals(after[n])]
    if not case.entity_keys(records).equals(case.entity_keys(logged)):
        changed.append("entity_keys")
    if changed:
        raise InvalidData(
            f"the redaction of {case.name} changes {', '.join(changed)} of its golden records; "
            f"{WHAT_TO_DO}"
        )


@dataclass
class LoggedRecordsCheck:
    """Computes a sample of logged answers again, at most `ROWS_PER_RELEASE` of each release.

    Text features are not in the log, but the probabilities follow from them. Answers of a release
    that is gone, or was built with other feature code, cannot be compared.
    """

    store: BlobStore
    case: UseCase
    checked: Counter[str] = field(default_factory=Counter)
    scorers: dict[str, Scorer | None] = field(default_factory=dict)

    def __call__(self, records: pa.Table) -> None:
        """Check rows of the inference log with all of their columns.

        Raises:
            InvalidData: logged records give other answers than were logged.
        """
        for release in pc.unique(records[RELEASE_ID].drop_null()).to_pylist():
            left = ROWS_PER_RELEASE - self.checked[release]
            scorer = self._scorer(release) if left > 0 else None
            if scorer is not None:
                rows = records.filter(pc.equal(records[RELEASE_ID], release)).slice(0, left)
                self.checked[release] += rows.num_rows
                self._compare(rows, scorer)

    def _compare(self, rows: pa.Table, scorer: Scorer) -> None:
        result = replay(rows, self.case, scorer)
        differences = {**result.features, **result.probabilities}
        wrong = [name for name, value in differences.items() if value > MOST_DIFFERENCE]
        if wrong:
            shown = ", ".join(f"{name} by {differences[name]:.3g}" for name in wrong[:5])
            raise InvalidData(
                f"logged records of {self.case.name} do not give the answers that release "
                f"{scorer.release_id:.12} gave; of {result.rows} records differ at most: {shown}. "
                f"Their redaction damaged them, and {WHAT_TO_DO}"
            )

    def _scorer(self, release: str) -> Scorer | None:
        if release not in self.scorers:
            try:
                loaded = load_release(self.store, self.case.name, release)
                self.scorers[release] = Scorer(loaded, self.case)
            except (ReleaseNotFound, ReleaseRefused):
                self.scorers[release] = None
        return self.scorers[release]
