"""The first use case: e-mail text, its structure, and what is known of the sender's domain."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from platform_core.contracts.release import DecisionRule
from use_cases.interface import (
    Candidate,
    EntityFeature,
    EntityFeatures,
    Gates,
    Limits,
    MonitoredColumn,
    ThresholdRule,
    UseCase,
)
from use_cases.spam.features import (
    FEATURE_SCHEMA,
    STRUCTURAL,
    normalised_texts,
    spam_features,
)
from use_cases.spam.golden import GOLDEN
from use_cases.spam.record import MAX_BODY, MAX_ID, MAX_SENDER, MAX_SUBJECT, SpamRecord
from use_cases.spam.slices import spam_slices
from use_cases.spam.topics import SIDES

RECORD_SCHEMA = pa.schema(
    [pa.field(name, pa.string()) for name in ("email_id", "subject", "body", "sender")]
)
SENDER_DOMAIN = EntityFeatures(
    name="sender_domain_stats",
    entity="sender_domain",
    features=(
        EntityFeature("sender_domain_messages", unknown=0.0),
        EntityFeature("sender_domain_spam_rate", unknown=0.5),
    ),
    # Well above one half: the model must not need to know the sender, and on mail of other
    # sources, where it knows none, it must not be biased by having known most.
    unknown_share=0.8,
    columns=("sender",),
)
HIGH_CONFIDENCE = 0.9
MEDIUM_CONFIDENCE = 0.7


class SpamUseCase(UseCase):
    """Spam or ham."""

    name = "spam"
    title = "E-mail spam"
    record = SpamRecord
    record_schema = RECORD_SCHEMA
    limits: ClassVar = {
        "email_id": Limits(1, MAX_ID),
        "subject": Limits(0, MAX_SUBJECT),
        "body": Limits(0, MAX_BODY),
        "sender": Limits(0, MAX_SENDER),
    }
    defaults: ClassVar = {"subject": "", "sender": ""}
    id_column = "email_id"
    time_column = "date"
    label_column = "label"
    label_values: ClassVar = {
        "spam": "spam", "1": "spam", "true": "spam", "ham": "ham", "0": "ham", "false": "ham",
    }  # fmt: skip
    classes = ("ham", "spam")
    feature_schema = FEATURE_SCHEMA
    entity_features = SENDER_DOMAIN
    metric = "f1"
    positive = "spam"
    decision = DecisionRule(kind="threshold", positive="spam", negative="ham", threshold=0.5)
    # On an easy training set nearly any threshold keeps the target, and then mail from elsewhere
    # is called spam for being unlike it: more than even odds are asked for.
    threshold = ThresholdRule(false_positive_rate=0.02, at_least=0.65)
    gates = Gates(minimum=0.85, margin=0.01)
    # Of the topics their two sums: twenty rare values would only alarm by turns.
    monitored = tuple(MonitoredColumn(name) for name in (*STRUCTURAL, *SIDES, *SENDER_DOMAIN.names))
    examples: ClassVar = {
        "spam": {
            "email_id": "1",
            "subject": "Win $1000!",
            "body": "Click here now",
            "sender": "promo@test.com",
        },
        "ham": {
            "email_id": "2",
            "subject": "Meeting tomorrow",
            "body": "Hi, can we meet?",
            "sender": "colleague@company.com",
        },
    }

    def columns(self, records: Sequence[SpamRecord]) -> pa.RecordBatch:
        """Return the four fields as four columns."""
        rows = [record.model_dump() for record in records]
        return pa.RecordBatch.from_pylist(rows, schema=RECORD_SCHEMA)

    def features(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Return the normalised text, the structural features and the topics."""
        return spam_features(records)

    def golden_records(self) -> pa.RecordBatch:
        """Return mails that exercise every feature."""
        return pa.RecordBatch.from_pylist(list(GOLDEN), schema=RECORD_SCHEMA)

    def generate(self, rows: int, seed: int, drift: float = 0.0) -> pa.Table:
        """Return generated mails; `drift` brings new topics, markup and senders."""
        from use_cases.spam.generator import generate

        return generate(rows, seed, drift)

    def candidates(self) -> Sequence[Candidate]:
        """Return the models to try."""
        from use_cases.spam.models import candidates

        return candidates()

    def redact(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Hide who at the sender's domain wrote: only the domain is used."""
        index = records.schema.get_field_index("sender")
        senders, domains = records.column(index).to_pylist(), self.entity_keys(records).to_pylist()
        hidden = [
            f"***@{domain}" if domain else sender and "***"
            for sender, domain in zip(senders, domains, strict=True)
        ]
        column = pa.array(hidden, pa.string())
        return records.set_column(index, RECORD_SCHEMA.field("sender"), column)

    def duplicate_text(self, records: pa.RecordBatch) -> pa.Array:
        """Return subject and body as normalised words; null where there are none."""
        texts = normalised_texts(records)
        return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)

    def slices(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Return the mails' language, length and markup."""
        return spam_slices(records)

    def fold_groups(self, features: pa.Table) -> pa.Array | None:
        """Return the topic of each mail within its class, near duplicates together."""
        from use_cases.spam.fold_groups import fold_groups

        return fold_groups(features)

    def answer(self, probabilities: Mapping[str, float], prediction: str) -> dict[str, Any]:
        """Return the spam probability and how sure the answer is."""
        certainty = probabilities[prediction]
        level = "low"
        if certainty >= HIGH_CONFIDENCE:
            level = "high"
        elif certainty >= MEDIUM_CONFIDENCE:
            level = "medium"
        return {"spam_probability": probabilities["spam"], "confidence": level}

    def entity_keys(self, records: pa.RecordBatch) -> pa.Array:
        """Return the sender's domain in lower case, null where the sender has none."""
        from use_cases.spam.domains import sender_domains

        return sender_domains(records.column(records.schema.get_field_index("sender")))

    def entity_history(self, records: pa.Table) -> pa.Table:
        """Return the statistics of each domain after each of its mails."""
        from use_cases.spam.domains import domain_history

        return domain_history(records)
