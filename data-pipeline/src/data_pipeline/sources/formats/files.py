"""Files of a source, wherever they lie."""

import io
import os
from dataclasses import dataclass, field

import pyarrow as pa
from pyarrow import fs

from data_pipeline.sources.formats.kinds import compression_of

LOCAL = fs.LocalFileSystem()


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file: `name` is relative to the folder called `under`, `path` is for `filesystem`,
    `size` in bytes as it lies there.
    """

    name: str
    path: str
    size: int
    under: str = ""
    filesystem: fs.FileSystem = field(default_factory=lambda: LOCAL)

    def open(self) -> io.BufferedReader:
        """Open the content, unpacked, as a stream of bytes.

        Raises:
            OSError: it cannot be opened or, later, unpacked.
        """
        stream = self.filesystem.open_input_stream(self.path, compression=None)
        packed = compression_of(self.name)
        return io.BufferedReader(pa.CompressedInputStream(stream, packed) if packed else stream)

    def open_random(self) -> pa.NativeFile:
        """Open the file as it lies there, for reading anywhere in it."""
        return self.filesystem.open_input_file(self.path)


def reason(error: Exception) -> str:
    """Return what is wrong, without the folders of this machine that system errors name."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else str(error).splitlines()[0] if str(error) else "?"
