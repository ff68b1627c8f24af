"""The traffic of a drill: drifted records with their labels, sent as any caller sends them."""

from typing import Any

import httpx

from platform_core.contracts.environments import Environment
from platform_core.contracts.inference_record import Purpose
from platform_core.errors import Unavailable
from use_cases import UseCase

CALL_ROWS = 100
SECONDS = 30.0
DRIFT = 1.0


class DrillTraffic:
    """Sends records to the production of a use case, and labels for the answers."""

    def __init__(self, case: UseCase, url: str, key: str, seed: int) -> None:
        self._case = case
        self._seed = seed
        headers = {
            "X-API-Key": key,
            "X-Environment": Environment.PRODUCTION.value,
            "X-Purpose": Purpose.DRILL.value,
        }
        self._client = httpx.Client(base_url=url, headers=headers, timeout=SECONDS)

    def send(self, rows: int) -> int:
        """Send `rows` drifted records, never the same twice, with a label for each answer.

        Return the number of labels that were accepted.

        Raises:
            Unavailable: the gateway refused a call or did not answer.
        """
        records, labels = self._generate(rows)
        accepted = 0
        for start in range(0, rows, CALL_ROWS):
            part = slice(start, start + CALL_ROWS)
            accepted += self._send(records[part], labels[part])
        return accepted

    def send_singly(self, rows: int) -> int:
        """Send drifted records as `send` does, each by a request of its own.

        A comparison counts the latency of requests, and those of a batch are one.
        """
        records, labels = self._generate(rows)
        path = f"/models/{self._case.name}/predict"
        answers = [self._call(path, self._case.request(record)) for record in records]
        return self._label(answers, labels)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _send(self, records: list[dict[str, Any]], labels: list[str]) -> int:
        body = {"records": [self._case.request(row) for row in records]}
        path = f"/models/{self._case.name}/predict/batch-sync"
        return self._label(self._call(path, body)["predictions"], labels)

    def _generate(self, rows: int) -> tuple[list[dict[str, Any]], list[str]]:
        """Return records that were not sent before, and their labels."""
        training = self._case.training()
        self._seed += 1
        table = training.generate(rows, self._seed, DRIFT)
        records = table.select(self._case.record_schema.names).to_pylist()
        return records, table[training.label.column].to_pylist()

    def _label(self, answers: list[dict[str, Any]], labels: list[str]) -> int:
        """Send the labels of answers; return how many were accepted."""
        known = [
            {"prediction_id": answer["prediction_id"], "label": label}
            for answer, label in zip(answers, labels, strict=True)
            if "prediction_id" in answer
        ]
        if not known:
            raise Unavailable(f"the gateway answered none of {len(labels)} records; see its log")
        feedback = self._call("/feedback", {"use_case": self._case.name, "labels": known})
        return len(known) - len(feedback["rejected"])

    def _call(self, path: str, body: Any) -> Any:
        try:
            answer = self._client.post(path, json=body)
        except httpx.TransportError as error:
            url = self._client.base_url
            raise Unavailable(f"no gateway at {url} ({error}); start it with `make up`") from error
        if answer.is_error:
            raise Unavailable(f"POST {path} returned {answer.status_code}: {answer.text:.300}")
        return answer.json()
