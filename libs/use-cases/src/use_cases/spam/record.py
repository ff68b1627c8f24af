"""One e-mail as a caller sends it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from use_cases.record_schema import RecordId, Truncated


class SpamRecord(BaseModel):
    """An e-mail; subject, body and sender may be empty but must be there.

    Of each text so many characters are read; what is longer is cut, and the answer says so.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    email_id: Annotated[str, Field(min_length=1), Truncated(1_000), RecordId()]
    subject: Annotated[str, Truncated(10_000)]
    body: Annotated[str, Truncated(10_000_000)]
    sender: Annotated[str, Truncated(1_000)]
