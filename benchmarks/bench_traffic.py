"""Records to send, and the gateway."""

from typing import Any

import httpx
import pyarrow as pa

from platform_core.contracts.environments import Environment
from platform_core.contracts.inference_record import Purpose
from platform_core.errors import Unavailable
from platform_core.settings import GatewayClientSettings
from use_cases import UseCase

TIMEOUT_SECONDS = 60
FULL_WIDTH = "".join(chr(ord(sign) + 0xFEE0) for sign in "WWW.X.Y<b>a@b;100$")
ODD_TEXTS = (
    "",
    " ",
    "\n\r\n\t",
    "£1000 and €5 and ¥7",
    "FREE MONEY!!! $$$ click http://x.y/z?a=b&c=d",
    "<html><body style='x'>hi &amp; bye<script>1<2</script></body></html>",
    FULL_WIDTH,
    "zero\u200bwidth \u202eright-to-left\u202c é e\u0301 ß \u0130 \u0131",
    "漢字かな한글 😀👩‍👩‍👧 שלום مرحبا",
    "a" * 5_000,
    "word " * 20_000,
    "null\x00byte \x07 bell",
    "someone@example.org, Other <o@EXAMPLE.ORG>",
)
"""Texts that mail programs produce and that are difficult for normalisation."""


def generated(case: UseCase, rows: int, seed: int) -> list[dict[str, Any]]:
    """Return rows of the record schema, half as in training and half drifted."""
    names = case.record_schema.names
    halves = [
        case.training().generate(rows // 2, seed),
        case.training().generate(rows - rows // 2, seed + 1, drift=1.0),
    ]
    return pa.concat_tables(half.select(names) for half in halves).to_pylist()


def odd(case: UseCase, row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return copies of `row` with each odd text in each text field except the id."""
    fields = [f.name for f in case.record_schema if f.type == pa.string()]
    return [
        row | {name: text[: _longest(case, name)]}
        for name in fields
        if name != case.id_column
        for text in ODD_TEXTS
    ]


class GatewayClient:
    """The running gateway; requests have purpose `drill`, so that they do not count as traffic."""

    def __init__(self, settings: GatewayClientSettings, environment: Environment) -> None:
        self._url = settings.gateway_url
        headers = {
            "X-API-Key": settings.gateway_api_key.get_secret_value(),
            "X-Environment": environment.value,
            "X-Purpose": Purpose.DRILL.value,
        }
        self._client = httpx.Client(
            base_url=self._url, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False
        )

    def post(self, path: str, body: Any = None) -> dict[str, Any]:
        """Return the JSON response; raise `Unavailable` for an error."""
        try:
            answer = self._client.post(path, json=body)
        except httpx.TransportError as error:
            raise Unavailable(
                f"no gateway at {self._url} ({error}); `make up` starts it"
            ) from error
        if answer.is_error:
            raise Unavailable(f"POST {path} answers {answer.status_code}: {answer.text:.500}")
        return answer.json()


def _longest(case: UseCase, name: str) -> int:
    limits = case.limits.get(name)
    return int(limits.maximum) if limits else 1_000
