"""How spam models are trained."""

from collections.abc import Sequence
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from use_cases.rules.gates import Gates
from use_cases.rules.thresholds import FalsePositiveRate
from use_cases.spam.classes import HAM, SPAM
from use_cases.spam.domains import domain_history
from use_cases.spam.features import normalised_texts
from use_cases.spam.training.generator import generate
from use_cases.spam.training.slices import spam_slices
from use_cases.training import Candidate, LabelSpec, TrainingUseCase


class SpamTraining(TrainingUseCase):
    """Labels, generator and candidates of spam."""

    label = LabelSpec(
        "label", {"spam": SPAM, "1": SPAM, "true": SPAM, "ham": HAM, "0": HAM, "false": HAM}
    )
    time_column = "date"
    duplicates = "near"
    defaults = MappingProxyType({"subject": "", "sender": ""})
    metric = "f1"
    # A rate on topics or sources that the models have not seen, so it is higher than on mail like
    # the training data. On an easy training set nearly any threshold keeps it, and then mail from
    # elsewhere is called spam for being different: more than even odds are required.
    threshold = FalsePositiveRate(0.05, at_least=0.65)
    live_threshold = FalsePositiveRate(0.02)
    live_weight = 10.0
    gates = Gates(("f1 >= 0.85",), margin=0.01)

    def generate(self, rows: int, seed: int, drift: float = 0.0) -> pa.Table:
        """Return generated mails; `drift` brings new topics, markup and senders."""
        return generate(rows, seed, drift)

    def candidates(self) -> Sequence[Candidate]:
        """Return the models to try."""
        from use_cases.spam.training.models import candidates

        return candidates()

    def duplicate_text(self, records: pa.RecordBatch) -> pa.Array:
        """Return subject and body as normalised words; null where there are none."""
        texts = normalised_texts(records)
        return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)

    def slices(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Return the mails' language, length and markup."""
        return spam_slices(records)

    def fold_groups(self, features: pa.Table) -> pa.Array | None:
        """Return the topic of each mail within its class, near duplicates together."""
        from use_cases.spam.training.fold_groups import fold_groups

        return fold_groups(features)

    def entity_history(self, records: pa.Table) -> pa.Table:
        """Return the statistics of each domain after each of its mails."""
        return domain_history(records)
