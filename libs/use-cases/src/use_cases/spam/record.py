"""One e-mail as a caller sends it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MAX_ID = 256
MAX_SENDER = 1_000
MAX_SUBJECT = 10_000
MAX_BODY = 10_000_000


class SpamRecord(BaseModel):
    """An e-mail; subject, body and sender may be empty but must be there. Lengths in characters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    email_id: Annotated[str, Field(min_length=1, max_length=MAX_ID)]
    subject: Annotated[str, Field(max_length=MAX_SUBJECT)]
    body: Annotated[str, Field(max_length=MAX_BODY)]
    sender: Annotated[str, Field(max_length=MAX_SENDER)]
