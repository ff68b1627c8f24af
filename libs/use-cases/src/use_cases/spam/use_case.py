"""Spam detection from e-mail text, its structure and statistics of the sender's domain."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pyarrow as pa

from platform_core.contracts.release import DecisionRule
from use_cases.interface import MonitoredColumn, UseCase
from use_cases.spam.classes import CLASSES, HAM, SENDER_DOMAIN, SPAM
from use_cases.spam.domains import sender_domain, sender_domains
from use_cases.spam.features import FEATURE_SCHEMA, STRUCTURAL, spam_features
from use_cases.spam.golden import GOLDEN
from use_cases.spam.record import SpamRecord
from use_cases.spam.topics import SIDES
from use_cases.training import TrainingUseCase

HIGH_CONFIDENCE = 0.9
MEDIUM_CONFIDENCE = 0.7


class SpamUseCase(UseCase):
    """Spam or ham."""

    name = "spam"
    title = "E-mail spam"
    record = SpamRecord
    classes = CLASSES
    decision = DecisionRule(kind="threshold", positive=SPAM, negative=HAM, threshold=0.5)
    feature_schema = FEATURE_SCHEMA
    entity_features = SENDER_DOMAIN
    positive = SPAM
    # The topics are monitored as two sums: twenty rare values would only raise false alarms.
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

    def features(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Return the normalised text, the structural features and the topics."""
        return spam_features(records)

    def golden_records(self) -> pa.RecordBatch:
        """Return mails that exercise every feature."""
        return pa.RecordBatch.from_pylist(list(GOLDEN), schema=self.record_schema)

    def redact_row(self, row: dict[str, Any]) -> dict[str, Any]:
        """Hide who at the sender's domain wrote: only the domain is used."""
        sender = row["sender"]
        domain = sender_domain(sender)
        return {**row, "sender": f"***@{domain}" if domain else sender and "***"}

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
        return sender_domains(records.column(records.schema.get_field_index("sender")))

    def training(self) -> TrainingUseCase:
        """Return labels, generator and candidates."""
        from use_cases.spam.training import SpamTraining

        return SpamTraining()
