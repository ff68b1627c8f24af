"""The ids of predictions: UUIDs of version 7 (RFC 9562), which begin with the time in milliseconds.

The time in an id is that of its inference record, so that an id alone names the partition in which
its record and its labels are.
"""

import os
import re
from datetime import UTC, datetime, timedelta

from platform_core.errors import InvalidInput

PATTERN = "^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$"
"""32 hexadecimal digits in lower case: the version is 7, the variant that of RFC 9562."""

_ID = re.compile(PATTERN)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_TIME_DIGITS = 12
_LATEST = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH) // _MILLISECOND
_RANDOM_BYTES = 10
_VERSION_AND_VARIANT = 7 << 76 | 2 << 62
_RANDOM = (1 << 76) - 1 & ~(3 << 62)


def milliseconds(time: datetime) -> int:
    """Return the whole milliseconds between 1970 and `time`, which has a time zone."""
    return (time - _EPOCH) // _MILLISECOND


def new_random_digits() -> str:
    """Return 20 new digits: an id without its time, for a prediction that is yet to be made."""
    random = int.from_bytes(os.urandom(_RANDOM_BYTES))
    return f"{random & _RANDOM | _VERSION_AND_VARIANT:020x}"


def new_prediction_id(time: int, digits: str | None = None) -> str:
    """Return the id of a prediction made at `time` (milliseconds since 1970), with these random
    `digits` or with new ones.
    """
    return f"{time:012x}{digits or new_random_digits()}"


def random_digits(prediction_id: str) -> str:
    """Return the digits of an id after its time."""
    return prediction_id[_TIME_DIGITS:]


def prediction_time(prediction_id: str) -> datetime:
    """Return when a prediction was made, to the millisecond.

    Raises:
        InvalidInput: `prediction_id` is not the id of a prediction.
    """
    time = int(prediction_id[:_TIME_DIGITS], 16) if _ID.fullmatch(prediction_id) else None
    if time is None or time > _LATEST:
        raise InvalidInput(
            f"{prediction_id!r:.100} is not a prediction_id; use the 32 hexadecimal digits of the "
            "response"
        )
    return _EPOCH + time * _MILLISECOND
