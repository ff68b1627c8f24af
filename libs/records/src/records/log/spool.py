"""The spool: segments on the local disk until they are in the blob store.

A record is appended to a segment before its request is answered. `write` hands the bytes to the
kernel: they survive `kill -9` of this process, but not the loss of the node's disk.
"""

import fcntl
import logging
import os
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from platform_core.clock import Clock
from platform_core.errors import ConfigurationError, Conflict, InvalidData, SpoolUnavailable
from records.log.segments import SUFFIX, OpenSegment, SegmentName, Stream

logger = logging.getLogger(__name__)

LOCK = "lock"
REJECTED = "rejected"
PROBE = "probe"
# A disk with less free space than this counts as full.
PROBE_BYTES = 64 << 10

_Partition = tuple[str, Stream, datetime]


@dataclass(frozen=True)
class SegmentLimits:
    """A segment is sealed as soon as it reaches one of these; `size` in bytes."""

    records: int
    age: timedelta
    size: int


@dataclass(frozen=True)
class SealedSegment:
    """A segment that is complete; `size` in bytes."""

    file: Path
    size: int


class Spool:
    """The segments of one process, which locks their folder while it lives."""

    def __init__(self, folder: Path, limits: SegmentLimits, clock: Clock) -> None:
        """Lock the folder and take over the segments of a process that died.

        Raises:
            ConfigurationError: the folder cannot be used.
            Conflict: another gateway uses it.
        """
        self.folder = folder
        self._limits = limits
        self._clock = clock
        self._open: dict[_Partition, OpenSegment] = {}
        self._lock = _lock(folder)
        files = sorted(folder.glob(f"*{SUFFIX}"), key=lambda file: file.stat().st_mtime)
        self._sealed = [segment for file in files if (segment := _recovered(file))]
        if self._sealed:
            logger.warning("uploading %d segments of an earlier process", len(self._sealed))

    @property
    def backlog(self) -> tuple[int, int]:
        """The number of segments, and their bytes, that are not in the blob store yet."""
        sizes = [segment.size for segment in self._sealed]
        sizes += [segment.size for segment in self._open.values()]
        return len(sizes), sum(sizes)

    @property
    def sealed(self) -> tuple[SealedSegment, ...]:
        """The segments that are ready to be uploaded, oldest first."""
        return tuple(self._sealed)

    def append(self, use_case: str, stream: Stream, time: datetime, lines: Sequence[bytes]) -> None:
        """Append the framed records `lines`, all of them or none.

        Raises:
            SpoolUnavailable: the disk is full or not writable.
        """
        key = (use_case, stream, time.replace(minute=0, second=0, microsecond=0))
        try:
            segment = self._open.get(key) or self._create(key)
            segment.append(lines)
        except OSError as error:
            # The file may be in any state now: the next record starts a new one.
            if key in self._open:
                self._seal(key)
            raise _unavailable(error) from error
        if segment.records >= self._limits.records or segment.size >= self._limits.size:
            self._seal(key)

    def probe(self) -> None:
        """Write and delete a file next to the segments.

        Raises:
            SpoolUnavailable: the disk is full or not writable.
        """
        file = self.folder / PROBE
        try:
            file.write_bytes(bytes(PROBE_BYTES))
            file.unlink()
        except OSError as error:
            raise _unavailable(error) from error

    def seal(self) -> None:
        """Seal every segment."""
        for key in list(self._open):
            self._seal(key)

    def seal_old(self, age_of: Callable[[str], timedelta] | None = None) -> None:
        """Seal the segments that have reached their maximum age: that of the limits, or what
        `age_of` returns for their use case.

        A segment from the future is sealed too: the clock was set back, and it would stay open
        until the clock has caught up.
        """
        for key, segment in list(self._open.items()):
            limit = age_of(segment.name.use_case) if age_of else self._limits.age
            if not timedelta(0) <= self._clock.now() - segment.opened_at < limit:
                self._seal(key)

    def remove(self, segment: SealedSegment) -> None:
        """Delete a segment that was uploaded."""
        segment.file.unlink(missing_ok=True)
        self._sealed.remove(segment)

    def reject(self, segment: SealedSegment) -> Path:
        """Move a segment that can never be uploaded to the folder `rejected`; return its path."""
        target = self.folder / REJECTED / segment.file.name
        target.parent.mkdir(exist_ok=True)
        segment.file.rename(target)
        self._sealed.remove(segment)
        return target

    def close(self) -> None:
        """Seal everything and release the folder."""
        self.seal()
        os.close(self._lock)

    def _create(self, key: _Partition) -> OpenSegment:
        name = SegmentName(*key, uuid.uuid4().hex)
        self._open[key] = OpenSegment(self.folder, name, self._clock.now())
        return self._open[key]

    def _seal(self, key: _Partition) -> None:
        segment = self._open.pop(key)
        segment.close()
        self._sealed.append(SealedSegment(segment.file, segment.size))


def _unavailable(error: OSError) -> SpoolUnavailable:
    """Return an error without the folder's path: callers without a key see the message too."""
    return SpoolUnavailable(
        f"the inference log's spool cannot be written: {error.strerror}; free some space on its "
        "disk or check its permissions"
    )


def _recovered(file: Path) -> SealedSegment | None:
    try:
        SegmentName.parse(file.name)
    except InvalidData as error:
        logger.warning("ignored: %s", error)
        return None
    return SealedSegment(file, file.stat().st_size)


def _lock(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"SPOOL_FOLDER={folder} cannot be used: {error.strerror}; choose a folder on a local "
            "disk that the gateway may write"
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise Conflict(
            f"SPOOL_FOLDER={folder} is in use by another gateway; stop it, or give each gateway "
            "its own folder"
        ) from error
    return handle
