"""What a dataset version got from labelled inference records."""

from datetime import datetime

from pydantic import Field

from platform_core.contracts.base import Contract


class FeedbackSummary(Contract):
    """The labelled predictions of `environments` that a dataset version got beyond its parent's.

    `records` were read, the first of them predicted at `first` and the last at `last`;
    `corrections` of them were in the parent with another label. `labels` counts every label of
    these predictions, replaced ones included. `unmatched` labels belong to no live record of
    the environments.
    """

    environments: tuple[str, ...]
    first: datetime
    last: datetime
    records: int = Field(ge=1)
    labels: int = Field(ge=1)
    corrections: int = Field(default=0, ge=0)
    unmatched: int = Field(default=0, ge=0)

    def __str__(self) -> str:
        """Return the summary as a sentence."""
        return (
            f"{self.records:,} labelled records of {', '.join(self.environments)}, predicted from "
            f"{self.first:%Y-%m-%d %H:%M}Z to {self.last:%Y-%m-%d %H:%M}Z, with {self.labels:,} "
            f"labels; {self.corrections:,} correct an earlier label, {self.unmatched:,} labels "
            "belong to no live record"
        )
