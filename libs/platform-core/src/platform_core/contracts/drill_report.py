"""The results of the links of a drill."""

from datetime import datetime
from enum import StrEnum

from platform_core.contracts.base import Contract


class LinkStatus(StrEnum):
    """The outcome of a link."""

    WORKED = "worked"
    SILENT = "silent"
    FAILED = "failed"
    NOT_REACHED = "not reached"


class LinkResult(Contract):
    """The outcome of a link, and after how many seconds; `None` if it was not reached."""

    link: str
    status: LinkStatus
    seconds: float | None
    detail: str


class DrillReport(Contract):
    """The results of the drill that ended last, at this time (UTC)."""

    ended: datetime
    links: tuple[LinkResult, ...]
