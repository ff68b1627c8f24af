"""A source as a list of units that can be read one by one, anywhere."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from data_pipeline.sources.columns import Wanted
from data_pipeline.sources.formats.csv_file import Malformed, read_csv
from data_pipeline.sources.formats.files import SourceFile, reason
from data_pipeline.sources.formats.json_lines import read_json_lines
from data_pipeline.sources.formats.kinds import Kind
from data_pipeline.sources.formats.limits import MEGABYTE
from data_pipeline.sources.formats.parquet_file import read_parquet, row_groups
from data_pipeline.sources.generated import BLOCK_ROWS, ROW_BYTES, generate_block
from data_pipeline.sources.items import Ended, Failed, Item, Remark
from data_pipeline.sources.mail.files import read_mails, read_mbox
from data_pipeline.sources.remote.hugging_face import HuggingFaceData, read_hugging_face
from platform_core.errors import InvalidData
from use_cases import UseCase

UNIT_BYTES = 32 * MEGABYTE
MAILS_PER_UNIT = 500


@dataclass(frozen=True)
class FileUnit:
    """One file, a slice of mail files, or the row groups `groups` of a Parquet file.

    `last` marks the unit with which a file ends; `bytes` is this unit's share of the source.
    """

    kind: Kind
    files: tuple[SourceFile, ...]
    bytes: int
    groups: range | None = None
    last: bool = True

    def read(self, wanted: Wanted) -> Iterator[Item]:
        """Yield rows, and at the end what was read; a file that fails is an item as well."""
        file, malformed = self.files[0], Malformed()
        try:
            yield from self._items(wanted, malformed)
        except (InvalidData, pa.ArrowException, OSError, ValueError, EOFError) as error:
            yield from (Failed(failed.name, reason(error)) for failed in self.files)
            return
        if malformed.rows:
            yield Remark(f"{file.name}: {malformed.rows} lines left out; first: {malformed.first}")
        yield Ended(file.name, len(self.files) * self.last, self.bytes, malformed.rows)

    def _items(self, wanted: Wanted, malformed: Malformed) -> Iterator[Item]:
        file = self.files[0]
        if self.kind is not Kind.MAIL and file.size == 0:
            raise InvalidData(f"{file.name} is empty; give a file with labelled records")
        match self.kind:
            case Kind.PARQUET:
                return read_parquet(file, wanted, self.groups)
            case Kind.CSV:
                return read_csv(file, wanted, malformed)
            case Kind.JSON:
                return read_json_lines(file, wanted, malformed)
            case Kind.MBOX:
                return read_mbox(file, wanted)
            case Kind.MAIL:
                return read_mails(self.files, wanted)


@dataclass(frozen=True)
class GeneratedUnit:
    """One block of generated records."""

    case: UseCase
    rows: int
    seed: int
    block: int

    @property
    def bytes(self) -> int:
        """About how many bytes it will have."""
        return min(BLOCK_ROWS, self.rows - self.block * BLOCK_ROWS) * ROW_BYTES

    def read(self, wanted: Wanted) -> Iterator[Item]:
        """Yield the block's rows."""
        return generate_block(self.case, wanted, self.rows, self.seed, self.block)


@dataclass(frozen=True)
class HuggingFaceUnit:
    """A data set of Hugging Face, streamed."""

    data: HuggingFaceData
    bytes: int = 0

    def read(self, wanted: Wanted) -> Iterator[Item]:
        """Yield its rows."""
        return read_hugging_face(self.data, wanted)


Unit = FileUnit | GeneratedUnit | HuggingFaceUnit


def generated_units(case: UseCase, rows: int, seed: int) -> list[Unit]:
    """Return the blocks of `rows` generated records."""
    return [GeneratedUnit(case, rows, seed, block) for block in range(-(-rows // BLOCK_ROWS))]


def file_units(files: Sequence[tuple[Kind, SourceFile]]) -> list[Unit]:
    """Return units for files in their order; large Parquet is split, single mails are joined."""
    units: list[Unit] = []
    mails: list[SourceFile] = []
    size = 0
    for kind, file in files:
        if kind is Kind.MAIL:
            mails.append(file)
            size += file.size
            if len(mails) < MAILS_PER_UNIT and size < UNIT_BYTES:
                continue
        units += _mail_units(mails)
        mails, size = [], 0
        if kind is Kind.PARQUET:
            units += _parquet_units(file)
        elif kind is not Kind.MAIL:
            units.append(FileUnit(kind, (file,), file.size))
    return units + _mail_units(mails)


def _mail_units(mails: Sequence[SourceFile]) -> list[Unit]:
    if not mails:
        return []
    return [FileUnit(Kind.MAIL, tuple(mails), sum(file.size for file in mails))]


def _parquet_units(file: SourceFile) -> list[Unit]:
    whole = FileUnit(Kind.PARQUET, (file,), file.size)
    if file.size <= 2 * UNIT_BYTES:
        return [whole]
    try:
        count = row_groups(file)
    except (InvalidData, OSError):
        return [whole]  # reading it will say what is wrong
    step = max(1, count * UNIT_BYTES // file.size)
    ranges = [range(start, min(start + step, count)) for start in range(0, count, step)]
    return [_groups_unit(file, groups, count) for groups in ranges]


def _groups_unit(file: SourceFile, groups: range, count: int) -> FileUnit:
    size = file.size * len(groups) // count
    return FileUnit(Kind.PARQUET, (file,), size, groups, last=groups.stop == count)
