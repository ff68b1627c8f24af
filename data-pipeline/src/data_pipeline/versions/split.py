"""Which side of the split a cluster of near duplicates belongs to: by time, or by content."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from data_pipeline.validation.times import UNKNOWN
from data_pipeline.versions.identity import ID_CHARACTERS
from data_pipeline.versions.manifest import SplitSummary

TEST_SHARE = 0.2
TIMED_SHARE = 0.8
# A boundary in time that gives a class less or more than this is no split worth the name.
MIN_TEST_SHARE, MAX_TEST_SHARE = 0.05, 0.5
# Changing this would move records between the parts of versions that are made anew.
_SPLIT_SALT = b"mlplatform split 1:"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Rows:
    """Rows to be split: `cluster` (id, uint64), `label` (number of the class) and `time`
    (microseconds, `UNKNOWN` where not known), an entry per row.
    """

    cluster: np.ndarray
    label: np.ndarray
    time: np.ndarray


@dataclass(frozen=True)
class _Clusters:
    """Per cluster: its id, its rows, and class and time of its earliest member."""

    ids: np.ndarray
    sizes: np.ndarray
    label: np.ndarray
    time: np.ndarray
    of_row: np.ndarray


class _NoSplitByTimeError(Exception):
    """The rows cannot be split by time; the message says why."""


def split(rows: Rows, classes: Sequence[str]) -> tuple[np.ndarray, SplitSummary]:
    """Return which rows belong to the test part, and how that was decided.

    By time when in every class at least 80 % of the rows have one and their times differ: then
    the test part is the latest fifth of each class. A cluster is never divided; it sits where its
    earliest member sits. Without times the side follows from a hash of the cluster's id, and so
    it does for clusters without a time in a split by time.
    """
    clusters = _clusters(rows)
    try:
        boundaries = _boundaries(rows, clusters, classes)
    except _NoSplitByTimeError as reason:
        sides = _by_content(clusters.ids)
        return sides[clusters.of_row], SplitSummary(method="content", why=str(reason))
    limits = np.array(boundaries, dtype=np.int64)
    sides = clusters.time >= limits[clusters.label]
    unknown = clusters.time == UNKNOWN
    sides[unknown] = _by_content(clusters.ids[unknown])
    named = zip(classes, boundaries, strict=True)
    summary = SplitSummary(
        method="time",
        why=f"at least {TIMED_SHARE:.0%} of the rows of every class have a time",
        boundaries={name: _EPOCH + timedelta(microseconds=value) for name, value in named},
    )
    return sides[clusters.of_row], summary


def _clusters(rows: Rows) -> _Clusters:
    latest_if_unknown = np.where(rows.time == UNKNOWN, np.iinfo(np.int64).max, rows.time)
    order = np.lexsort((rows.label, latest_if_unknown, rows.cluster))
    ordered = rows.cluster[order]
    starts = np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(ordered)]
    first = np.flatnonzero(starts)
    back = np.empty(len(order), np.int32)
    back[order] = np.cumsum(starts, dtype=np.int32) - 1
    earliest = order[first]
    sizes = np.diff(first, append=len(ordered))
    return _Clusters(ordered[first], sizes, rows.label[earliest], rows.time[earliest], back)


def _boundaries(rows: Rows, clusters: _Clusters, classes: Sequence[str]) -> list[int]:
    return [
        _boundary(rows.time[rows.label == number], clusters, number, name)
        for number, name in enumerate(classes)
    ]


def _boundary(times: np.ndarray, clusters: _Clusters, number: int, name: str) -> int:
    """Return the time from which on clusters of a class are for the test."""
    timed = times[times != UNKNOWN]
    if len(timed) == 0:
        raise _NoSplitByTimeError(f"no row of {name} has a time")
    if len(timed) < TIMED_SHARE * len(times):
        share = len(timed) / len(times)
        raise _NoSplitByTimeError(f"only {share:.0%} of the rows of {name} have a time")
    if timed.min() == timed.max():
        raise _NoSplitByTimeError(f"all rows of {name} have the same time")
    own = (clusters.label == number) & (clusters.time != UNKNOWN)
    starts, place = np.unique(clusters.time[own], return_inverse=True)
    rows_at = np.bincount(place, weights=clusters.sizes[own], minlength=len(starts))
    shares = np.cumsum(rows_at[::-1])[::-1] / max(rows_at.sum(), 1)
    best = int(np.argmin(np.abs(shares - TEST_SHARE))) if len(starts) else -1
    if best < 0 or not MIN_TEST_SHARE <= shares[best] <= MAX_TEST_SHARE:
        raise _NoSplitByTimeError(
            f"no point in time leaves about {TEST_SHARE:.0%} of {name} for the test: too many "
            "rows share a time or are near duplicates"
        )
    return int(starts[best])


def _by_content(clusters: np.ndarray) -> np.ndarray:
    percents = (_percent(f"{value:0{ID_CHARACTERS}x}") for value in clusters.tolist())
    return np.fromiter((p < TEST_SHARE * 100 for p in percents), bool, len(clusters))


def _percent(cluster_id: str) -> int:
    return int.from_bytes(hashlib.sha256(_SPLIT_SALT + cluster_id.encode()).digest()[:8]) % 100
