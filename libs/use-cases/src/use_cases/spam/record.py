"""One e-mail as a caller sends it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from use_cases.record_schema import RecordId, Truncated


class SpamRecord(BaseModel):
    """An e-mail; subject, body and sender are required but may be empty.

    A text that is longer than its limit is truncated, and the response says so.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    email_id: Annotated[str, Field(min_length=1), Truncated(1_000), RecordId()]
    subject: Annotated[str, Truncated(10_000)]
    body: Annotated[str, Truncated(10_000_000)]
    sender: Annotated[str, Truncated(1_000)]
