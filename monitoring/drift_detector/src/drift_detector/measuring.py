"""The options that the commands which measure a window share."""

from datetime import datetime, timedelta
from typing import Annotated

import typer

from drift_detector.window import Window, parse_time, window_between
from platform_core.contracts.environments import Environment

EnvironmentOption = Annotated[
    Environment | None, typer.Option("--environment", "-e", help="Default: both.")
]
StartOption = Annotated[
    str | None, typer.Option("--from", help="Start of the window, ISO 8601, UTC by default.")
]
ShownOption = Annotated[str | None, typer.Option("--use-case", "-u", help="Default: all.")]
EndOption = Annotated[str | None, typer.Option("--to", help="End of the window. Default: now.")]


def chosen_window(start: str | None, end: str | None, now: datetime, minutes: int) -> Window:
    """Return the window that the options name; by default it is `minutes` long.

    Raises:
        InvalidInput: an option is not a time, or the window is empty.
    """
    begins, ends = (parse_time(text) if text else None for text in (start, end))
    return window_between(begins, ends, now, timedelta(minutes=minutes))
