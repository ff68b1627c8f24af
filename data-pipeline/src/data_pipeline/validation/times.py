"""Times in the formats data comes in, read row by row and judged column by column.

A date such as 03/04/2025 has two readings. Each row keeps both, and the whole column decides: one
row such as 25/12/2025 shows that days come first. Where nothing shows it, an ambiguous date is an
unknown time rather than a wrong one: a wrong one would let the future into the training split.
"""

import contextlib
import itertools
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

import numpy as np
import pandas as pd
import pyarrow as pa

UNKNOWN = np.iinfo(np.int64).min
DAY_FIRST, MONTH_FIRST, TIME_GIVEN = "_day_first", "_month_first", "_time_given"
_CLOCK = r"(?:[T ,]+(?P<hour>\d{1,2})(?P<rest>:\d{2}.*))?\s*$"
_ISO = r"^\s*\d{4}-\d{2}-\d{2}"
_YEAR_FIRST = rf"^\s*(?P<y>\d{{4}})/(?P<m>\d{{1,2}})/(?P<d>\d{{1,2}}){_CLOCK}"
_DOTTED = rf"^\s*(?P<d>\d{{1,2}})\.(?P<m>\d{{1,2}})\.(?P<y>\d{{4}}){_CLOCK}"
_DAY_FIRST = rf"^\s*(?P<d>\d{{1,2}})/(?P<m>\d{{1,2}})/(?P<y>\d{{4}}){_CLOCK}"
_MONTH_FIRST = rf"^\s*(?P<m>\d{{1,2}})/(?P<d>\d{{1,2}})/(?P<y>\d{{4}}){_CLOCK}"
_NUMBER = r"^\s*\d{9,20}(?:\.\d+)?\s*$"
_ZONE = r"(?:Z|[+-]\d{2}(?::?\d{2})?)$"
_FORMATS = "ISO8601", "%Y-%m-%dT%I:%M %p", "%Y-%m-%dT%I:%M:%S %p"
# Digits of today's epoch times by unit; a smaller number counts something else.
_EPOCH_UNITS = ((1e8, 1e11, 1e6), (1e11, 1e14, 1e3), (1e14, 1e17, 1.0), (1e17, 1e20, 1e-3))


@dataclass(frozen=True)
class Times:
    """Microseconds since 1970 (UTC) per row, `UNKNOWN` where there is no reading: with the day
    first and with the month first, the same for every unambiguous time. `given` says which rows
    hold anything at all.
    """

    day_first: np.ndarray
    month_first: np.ndarray
    given: np.ndarray

    def known(self) -> np.ndarray:
        """Return the times of rows that have one; of two readings, that with the month first."""
        times: np.ndarray = np.where(self.month_first != UNKNOWN, self.month_first, self.day_first)
        known: np.ndarray = times[times != UNKNOWN]
        return known

    def columns(self) -> dict[str, pa.Array]:
        """Return the readings as columns, null where there is none."""
        readings = {DAY_FIRST: self.day_first, MONTH_FIRST: self.month_first}
        columns = {n: pa.array(times, mask=times == UNKNOWN) for n, times in readings.items()}
        return columns | {TIME_GIVEN: pa.array(self.given)}


def no_times(rows: int) -> Times:
    """Return what rows of a source without a time column have."""
    nothing = np.full(rows, UNKNOWN, np.int64)
    return Times(nothing, nothing, np.zeros(rows, bool))


def read_times(column: pa.Array) -> Times:
    """Return the readings of a column of timestamps, dates, epoch numbers or text.

    Text may be ISO 8601 (without a zone: UTC), RFC 2822, seconds or milliseconds since 1970,
    YYYY/MM/DD, DD.MM.YYYY, DD/MM/YYYY or MM/DD/YYYY, each with or without a time of day.
    """
    given = np.asarray(column.is_valid())
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        times = _microseconds(pd.to_datetime(column.to_pandas(), utc=True, errors="coerce"))
        return Times(times, times, given)
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        times = _epoch(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
        return Times(times, times, given)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return Times(*(no_times(len(column)).day_first,) * 2, given)
    return _read_text(column, given)


def _read_text(column: pa.Array, given: np.ndarray) -> Times:
    text = column.to_pandas(types_mapper=pd.ArrowDtype).fillna("").str.strip()
    given = given & (text != "").to_numpy(bool)
    day = np.full(len(text), UNKNOWN, np.int64)
    iso = text.str.contains(_ISO, regex=True).to_numpy(bool)
    day[iso] = _parse(text[iso].astype(object))
    number = text.str.contains(_NUMBER, regex=True).to_numpy(bool)
    day[number] = _epoch(text[number].astype(object).to_numpy(np.float64))
    rest = ~iso & ~number & given
    left = text[rest].astype(object)
    month_first = day.copy()
    if len(left):
        clear = _assembled(left, _YEAR_FIRST, _DOTTED)
        clear[clear == UNKNOWN] = _rfc2822(left[clear == UNKNOWN])
        day[rest] = np.where(clear == UNKNOWN, _assembled(left, _DAY_FIRST), clear)
        month_first[rest] = np.where(clear == UNKNOWN, _assembled(left, _MONTH_FIRST), clear)
    return Times(day, month_first, given)


def _assembled(text: pd.Series, *patterns: str) -> np.ndarray:
    """Return the times of the rows that one of `patterns` fits, brought into ISO's order."""
    times = np.full(len(text), UNKNOWN, np.int64)
    for pattern in patterns:
        parts = text.str.extract(pattern)
        fits = parts["y"].notna().to_numpy(bool)
        parts = parts[fits]
        date = parts["y"] + "-" + parts["m"].str.zfill(2) + "-" + parts["d"].str.zfill(2)
        clock = "T" + parts["hour"].str.zfill(2) + parts["rest"].str.strip()
        times[fits] = _parse(date + clock.fillna(""))
    return times


def _parse(text: pd.Series) -> np.ndarray:
    times = np.full(len(text), UNKNOWN, np.int64)
    # Apart, as pandas reads a time without a zone in that of the row before.
    zoned = text.str.contains(_ZONE, regex=True).to_numpy(bool)
    for form, rows in itertools.product(_FORMATS, (zoned, ~zoned)):
        left = (times == UNKNOWN) & rows
        read = pd.to_datetime(text[left], format=form, utc=True, errors="coerce")
        times[left] = _microseconds(read)
    return times


def _rfc2822(text: pd.Series) -> np.ndarray:
    read = pd.Series([_one_rfc2822(value) for value in text], dtype=object)
    return _microseconds(pd.to_datetime(read, utc=True, errors="coerce"))


def _one_rfc2822(text: str) -> datetime | None:
    with contextlib.suppress(ValueError, TypeError, OverflowError, IndexError):
        return parsedate_to_datetime(text)
    return None


def _epoch(numbers: np.ndarray) -> np.ndarray:
    times = np.full(len(numbers), UNKNOWN, np.int64)
    for low, high, factor in _EPOCH_UNITS:
        fits = (numbers >= low) & (numbers < high)
        times[fits] = np.rint(numbers[fits] * factor).astype(np.int64)
    return times


def _microseconds(times: pd.Series) -> np.ndarray:
    plain = times.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    return np.asarray(plain.astype(np.int64))
