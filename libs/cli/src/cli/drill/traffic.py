"""The traffic of a drill: drifted records with their labels, sent as any caller sends them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mlplatform_client import (
    APIConnectionError,
    Client,
    InvalidItem,
    LabelSubmission,
    MlplatformError,
    Prediction,
)
from platform_core.contracts.environments import Environment
from platform_core.contracts.inference_record import Purpose
from platform_core.errors import Unavailable
from use_cases import UseCase

SECONDS = 30.0
DRIFT = 1.0


class DrillTraffic:
    """Sends records to the production of a use case, and labels for the answers."""

    def __init__(self, case: UseCase, url: str, key: str, seed: int) -> None:
        self._case = case
        self._seed = seed
        self._url = url
        self._client = Client(url, key, timeout=SECONDS, trust_env=False)
        self._options: dict[str, Any] = {
            "use_case": case.name,
            "environment": Environment.PRODUCTION.value,
            "purpose": Purpose.DRILL.value,
        }

    def send(self, rows: int) -> int:
        """Send `rows` drifted records, never the same twice, with a label for each answer.

        Return the number of labels that were accepted.

        Raises:
            Unavailable: the gateway refused a call or did not answer.
        """
        records, labels = self._generate(rows)
        with self._translated():
            return self._label(self._client.predict_many(records, **self._options), labels)

    def send_singly(self, rows: int) -> int:
        """Send drifted records as `send` does, each by a request of its own.

        A comparison counts the latency of requests, and those of a batch are one.
        """
        records, labels = self._generate(rows)
        with self._translated():
            answers = [self._client.predict(record, **self._options) for record in records]
            return self._label(answers, labels)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _generate(self, rows: int) -> tuple[list[dict[str, Any]], list[str]]:
        """Return records that were not sent before, and their labels."""
        training = self._case.training()
        self._seed += 1
        table = training.generate(rows, self._seed, DRIFT)
        records = table.select(self._case.record_schema.names).to_pylist()
        labels = table[training.label.column].to_pylist()
        return [self._case.request(record) for record in records], labels

    def _label(self, answers: Sequence[Prediction | InvalidItem], labels: list[str]) -> int:
        """Send the labels of answers; return how many were accepted."""
        known = [
            LabelSubmission(prediction_id=answer.prediction_id, label=label)
            for answer, label in zip(answers, labels, strict=True)
            if isinstance(answer, Prediction)
        ]
        if not known:
            raise Unavailable(f"the gateway answered none of {len(labels)} records; see its log")
        feedback = self._client.feedback_many(known, use_case=self._case.name)
        return len(known) - len(feedback.rejected)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except APIConnectionError as error:
            raise Unavailable(
                f"no gateway at {self._url} ({error}); start it with `make up`"
            ) from error
        except MlplatformError as error:
            raise Unavailable(f"the gateway refused the traffic: {error}") from error
