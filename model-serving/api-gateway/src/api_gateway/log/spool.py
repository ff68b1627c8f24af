"""The spool: answers on the local disk until they are in the blob store.

An answer is appended to a segment before it is given. `write` hands the bytes to the kernel, so
they survive this process (`kill -9` too) but not the loss of the node's disk.
"""

import fcntl
import logging
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from api_gateway.log.segments import SUFFIX, OpenSegment, SegmentName
from platform_core.clock import Clock
from platform_core.contracts.environments import Environment
from platform_core.errors import ConfigurationError, InvalidData, SpoolUnavailable

logger = logging.getLogger(__name__)

LOCK = "lock"
REJECTED = "rejected"
PROBE = "probe"
# A disk that has less room than this is as good as full.
PROBE_BYTES = 64 << 10


@dataclass(frozen=True)
class SegmentLimits:
    """When a segment is sealed: at any one of these."""

    records: int
    age: timedelta
    size: int


@dataclass(frozen=True)
class SealedSegment:
    """A segment nobody writes any more; `size` in bytes."""

    file: Path
    name: SegmentName
    size: int


class Spool:
    """The segments of one gateway process; its folder is locked while it lives."""

    def __init__(self, folder: Path, limits: SegmentLimits, clock: Clock) -> None:
        """Lock the folder and take over what a dead process left in it.

        Raises:
            ConfigurationError: the folder cannot be used, or another gateway uses it.
        """
        self._folder = folder
        self._limits = limits
        self._clock = clock
        self._open: dict[tuple[str, Environment, datetime], OpenSegment] = {}
        self._lock = _lock(folder)
        self._sealed = self._recover()
        if self._sealed:
            logger.warning("%d segments of an earlier process are uploaded now", len(self._sealed))

    @property
    def folder(self) -> Path:
        """Where the segments are: for the log of this process, not for callers."""
        return self._folder

    @property
    def backlog(self) -> tuple[int, int]:
        """How many segments and bytes are not in the blob store yet."""
        waiting = [*self._sealed, *self._open.values()]
        return len(waiting), sum(segment.size for segment in waiting)

    @property
    def sealed(self) -> tuple[SealedSegment, ...]:
        """The segments that are ready for the blob store, oldest first."""
        return tuple(self._sealed)

    def append(
        self, use_case: str, environment: Environment, time: datetime, lines: Sequence[bytes]
    ) -> None:
        """Keep the framed records `lines`, all of them or none.

        Raises:
            SpoolUnavailable: the disk is full or does not let itself be written.
        """
        hour = time.replace(minute=0, second=0, microsecond=0)
        key = (use_case, environment, hour)
        try:
            segment = self._segment(key)
            segment.append(lines)
        except OSError as error:
            # Whatever the failure left behind, the next answer begins a file of its own.
            if key in self._open:
                self._seal(key)
            raise _unavailable(error) from error
        if self._is_full(segment):
            self._seal(key)

    def probe(self) -> None:
        """Write and delete a file beside the segments.

        Raises:
            SpoolUnavailable: the disk is full or does not let itself be written.
        """
        file = self._folder / PROBE
        try:
            file.write_bytes(bytes(PROBE_BYTES))
            file.unlink()
        except OSError as error:
            raise _unavailable(error) from error

    def seal(self) -> None:
        """Seal every segment."""
        for key in list(self._open):
            self._seal(key)

    def seal_old(self) -> None:
        """Seal the segments that are older than the limit, or younger than nothing: the clock
        was set back, and they would stay open until it has caught up.
        """
        for key, segment in list(self._open.items()):
            if not timedelta(0) <= self._clock.now() - segment.opened_at < self._limits.age:
                self._seal(key)

    def remove(self, segment: SealedSegment) -> None:
        """Delete a segment that is in the blob store."""
        segment.file.unlink(missing_ok=True)
        self._sealed.remove(segment)

    def reject(self, segment: SealedSegment) -> Path:
        """Set a segment aside that can never be uploaded; return where it is for people to see."""
        target = self._folder / REJECTED / segment.file.name
        target.parent.mkdir(exist_ok=True)
        segment.file.rename(target)
        self._sealed.remove(segment)
        return target

    def close(self) -> None:
        """Seal everything and let another process have the folder."""
        self.seal()
        os.close(self._lock)

    def _segment(self, key: tuple[str, Environment, datetime]) -> OpenSegment:
        segment = self._open.get(key)
        if segment is None:
            name = SegmentName(*key, uuid.uuid4().hex)
            segment = OpenSegment(self._folder, name, self._clock.now())
            self._open[key] = segment
        return segment

    def _is_full(self, segment: OpenSegment) -> bool:
        return segment.records >= self._limits.records or segment.size >= self._limits.size

    def _seal(self, key: tuple[str, Environment, datetime]) -> None:
        segment = self._open.pop(key)
        segment.close()
        file = self._folder / segment.name.file
        self._sealed.append(SealedSegment(file, segment.name, segment.size))

    def _recover(self) -> list[SealedSegment]:
        files = sorted(self._folder.glob(f"*{SUFFIX}"), key=lambda file: file.stat().st_mtime)
        return [segment for file in files if (segment := _left_behind(file))]


def _unavailable(error: OSError) -> SpoolUnavailable:
    """Callers see this text, some of them without a key: it does not say where the folder is."""
    return SpoolUnavailable(
        f"the inference log's spool cannot be written: {error.strerror}; free some space on its "
        "disk or check its permissions"
    )


def _left_behind(file: Path) -> SealedSegment | None:
    try:
        return SealedSegment(file, SegmentName.parse(file.name), file.stat().st_size)
    except InvalidData as error:
        logger.warning("left alone: %s", error)
        return None


def _lock(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"SPOOL_FOLDER={folder} cannot be used: {error.strerror}; name a folder on a local "
            "disk that the gateway may write"
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise ConfigurationError(
            f"SPOOL_FOLDER={folder} is in use by another gateway; stop it, or give each gateway "
            "a folder of its own"
        ) from error
    return handle
