"""What DATA names, as units to read."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from data_pipeline.settings import IngestSettings
from data_pipeline.sources.locate import Found, blob_path, find_blobs, find_local
from data_pipeline.sources.raw import UnreadableFile
from data_pipeline.sources.remote.hugging_face import SCHEME, HuggingFaceData
from data_pipeline.sources.request import IngestRequest, shown
from data_pipeline.sources.units import (
    HuggingFaceUnit,
    Unit,
    file_units,
    generated_units,
)
from platform_core.errors import InvalidData
from platform_core.ports.blob_store import BlobStore
from use_cases import UseCase


@dataclass(frozen=True)
class Source:
    """Units in order; `unreadable` files of it; `here` where other machines cannot read it.

    `alone` says that it is one file or data set: when that fails, everything does.
    """

    units: list[Unit]
    unreadable: tuple[UnreadableFile, ...] = ()
    files: int = 1
    here: bool = False

    @property
    def bytes(self) -> int:
        """How large it is, as it lies there."""
        return sum(unit.bytes for unit in self.units)


@contextmanager
def open_source(
    case: UseCase, store: BlobStore, request: IngestRequest, settings: IngestSettings
) -> Iterator[Source]:
    """Give the source; what had to be downloaded is deleted afterwards.

    Raises:
        InvalidData: DATA names nothing that can be read, or by a scheme that is not supported.
        UpstreamUnavailable: a server does not answer.
    """
    data = request.data
    scheme = data.partition("://")[0].lower() if "://" in data else ""
    if not data:
        yield Source(generated_units(case, request.rows, request.seed))
    elif (path := blob_path(store, data)) is not None:
        yield _of(find_blobs(store, path), here=False)
    elif scheme in {"", "file"}:
        yield _of(find_local(data), here=not settings.data_workers_share_files)
    elif scheme == "hf":
        yield Source([HuggingFaceUnit(HuggingFaceData.parse(f"{SCHEME}{data[5:]}"))], here=True)
    elif scheme in {"http", "https"}:
        from data_pipeline.sources.remote.download import download  # a slow import that few need

        with tempfile.TemporaryDirectory(prefix="download-") as folder:
            file = download(data, Path(folder), settings)
            yield _of(find_local(str(file.path)), here=not settings.data_workers_share_files)
    else:
        raise InvalidData(
            f"{shown(data)[:300]} has the scheme {scheme[:50]}; DATA takes paths, http, https, the "
            "platform's own blobs and hf"
        )


def _of(found: Found, here: bool) -> Source:
    return Source(
        file_units(found.files),
        found.unreadable,
        len(found.files) + len(found.unreadable),
        here,
    )
