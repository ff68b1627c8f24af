"""One e-mail as a caller sends it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from use_cases.record_schema import RecordId


class SpamRecord(BaseModel):
    """An e-mail; subject, body and sender may be empty but must be there. Lengths in characters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    email_id: Annotated[str, Field(min_length=1, max_length=256), RecordId()]
    subject: Annotated[str, Field(max_length=10_000)]
    body: Annotated[str, Field(max_length=10_000_000)]
    sender: Annotated[str, Field(max_length=1_000)]
