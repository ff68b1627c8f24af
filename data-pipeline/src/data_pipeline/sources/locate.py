"""The files that DATA names on this machine, in the platform's blob store, or elsewhere."""

import glob
import os
import stat
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from data_pipeline.settings import IngestSettings
from data_pipeline.sources.formats.opening import (
    KINDS,
    ZIP,
    Kind,
    SourceFile,
    hidden,
    kind_of_content,
    kind_of_name,
    reason,
)
from data_pipeline.sources.hugging_face import SCHEME, HuggingFaceData
from data_pipeline.sources.raw import UnreadableFile
from data_pipeline.sources.request import IngestRequest, shown, source_names, split_sources
from data_pipeline.sources.tasks import (
    HuggingFaceTask,
    PooledTask,
    ReadTask,
    file_tasks,
    generator_tasks,
    pooled_name,
)
from platform_core.errors import InvalidData, InvalidPath
from platform_core.ports.blob_store import BlobStore
from use_cases import UseCase


@dataclass(frozen=True)
class Source:
    """Tasks in order; `unreadable` files of it; `here` where other machines cannot read it."""

    tasks: Sequence[ReadTask]
    unreadable: tuple[UnreadableFile, ...] = ()
    files: int = 1
    here: bool = False

    @property
    def bytes(self) -> int:
        """How large it is, as stored."""
        return sum(task.bytes for task in self.tasks)


@contextmanager
def open_source(
    case: UseCase,
    store: BlobStore,
    request: IngestRequest,
    settings: IngestSettings,
    known: Collection[str],
) -> Iterator[Source]:
    """Give the source, or several as one; what had to be downloaded is deleted afterwards.

    `known` are the column names that tell a CSV file where its name does not.

    Raises:
        InvalidData: DATA names nothing that can be read, or by a scheme that is not supported.
        UpstreamUnavailable: a server does not answer.
    """
    names = source_names(request.data)
    with ExitStack() as stack:
        opened = [
            stack.enter_context(_open_one(case, store, replace(request, data=one), settings, known))
            for one in split_sources(request.data)
        ]
        yield _pooled(names, opened) if names else opened[0]


def _pooled(names: Sequence[str], sources: Sequence[Source]) -> Source:
    """Return several sources as one, whose files are named after their source."""
    parts = list(zip(names, sources, strict=True))
    return Source(
        [PooledTask(name, task) for name, source in parts for task in source.tasks],
        tuple(
            UnreadableFile(file=pooled_name(name, bad.file), reason=bad.reason)
            for name, source in parts
            for bad in source.unreadable
        ),
        sum(source.files for source in sources),
        any(source.here for source in sources),
    )


@contextmanager
def _open_one(
    case: UseCase,
    store: BlobStore,
    request: IngestRequest,
    settings: IngestSettings,
    known: Collection[str],
) -> Iterator[Source]:
    data, here = request.data, not settings.data_workers_share_files
    scheme = data.partition("://")[0].lower() if "://" in data else ""
    if not data:
        yield Source(generator_tasks(case, request.rows, request.seed))
    elif (path := _blob_path(store, data)) is not None:
        yield _source(_find_blobs(store, path), path, known, here=False)
    elif scheme in {"", "file"}:
        yield _source(_find_local(data), data, known, here)
    elif scheme == "hf":
        yield Source([HuggingFaceTask(HuggingFaceData.parse(f"{SCHEME}{data[5:]}"))], here=True)
    elif scheme in {"http", "https"}:
        from data_pipeline.sources.download import download  # a slow import that few need

        with tempfile.TemporaryDirectory(prefix="download-") as folder:
            file = str(download(data, Path(folder), settings))
            yield _source(_find_local(file), file, known, here)
    else:
        raise InvalidData(
            f"{shown(data)[:300]} has the scheme {scheme[:50]}; DATA takes paths, http, https, the "
            "platform's own blobs and hf"
        )


def _blob_path(store: BlobStore, data: str) -> str | None:
    """Return the path in the platform's own store of a URI that the store made."""
    try:
        return store.path(data)
    except InvalidPath:
        return None


def _find_blobs(store: BlobStore, path: str) -> list[SourceFile]:
    """Return the object at `path`, or those below it; `InvalidData` where nothing is there."""
    system = store.arrow_filesystem()
    parent, _, own = path.rpartition("/")
    if store.exists(path):
        size = store.info(path).size
        return [SourceFile(own, path, size, parent.rpartition("/")[2], system)]
    files = [
        SourceFile(name, blob.path, blob.size, own, system)
        for blob in store.list(path)
        if not hidden(name := blob.path.removeprefix(f"{path}/"))
    ]
    if not files:
        raise InvalidData(f"the blob store has nothing at {path}; name an object or a folder")
    return files


def _find_local(data: str) -> list[SourceFile]:
    """Return the file, the files of a folder at any depth, or those that a pattern matches.

    Names that begin with a dot or an underscore are skipped below a folder or pattern, but for
    the folders of a Maildir. `InvalidData` where nothing is there.
    """
    path = Path(_local_path(data))
    try:
        if path.is_dir():
            files = list(_below(path))
        elif path.is_file():
            files = [SourceFile(path.name, str(path), path.stat().st_size, _folder_of(path))]
        else:
            files = list(_matching(str(path)))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise InvalidData(f"{data!r:.300} cannot be looked at: {reason(error)}") from error
    if not files:
        what = "no files in the folder" if path.is_dir() else "no file"
        raise InvalidData(
            f"there is {what} {data!r:.300}; DATA takes a file, a folder, a pattern such as "
            "'mail/*.csv', a URL or hf://owner/name"
        )
    return sorted(files, key=lambda file: file.name)


def _local_path(data: str) -> str:
    if not data.lower().startswith("file:"):
        return data
    parts = urlsplit(data)
    if parts.netloc not in {"", "localhost"}:
        raise InvalidData(f"{data[:300]} names another machine; write file:///folder/file")
    return unquote(parts.path)


def _folder_of(path: Path) -> str:
    return path.resolve().parent.name


def _below(folder: Path) -> Iterator[SourceFile]:
    under = folder.resolve().name
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not hidden(name) or _is_maildir(root, name))
        for name in names:
            path = Path(root, name)
            if not hidden(name):
                yield from _plain_file(path, path.relative_to(folder).as_posix(), under)


def _is_maildir(root: str, name: str) -> bool:
    """Say whether a folder such as `.Spam` is one of mail, as Maildir calls them."""
    return Path(root, name, "cur").is_dir()


def _matching(pattern: str) -> Iterator[SourceFile]:
    # What comes before the first part with a sign of a pattern is the folder.
    parts = Path(pattern).parts
    fixed = next((i for i, part in enumerate(parts) if glob.has_magic(part)), None)
    if fixed is None:
        return
    folder = Path(*parts[:fixed])
    for match in folder.glob(str(Path(*parts[fixed:]))):
        name = match.relative_to(folder).as_posix()
        if not hidden(name):
            yield from _plain_file(match, name, folder.resolve().name)


def _plain_file(path: Path, name: str, under: str) -> Iterator[SourceFile]:
    """Yield the file; pipes and devices would never end, and links may lead nowhere."""
    try:
        status = path.stat()
    except OSError:
        yield SourceFile(_text(name), str(path), 0, under)  # opening it will say why
        return
    if stat.S_ISREG(status.st_mode):
        yield SourceFile(_text(name), str(path), status.st_size, under)


def _text(name: str) -> str:
    """Return a file's name as text that can be stored, whatever bytes it is made of."""
    return name.encode(errors="replace").decode()


def _source(files: Sequence[SourceFile], data: str, known: Collection[str], here: bool) -> Source:
    """Return the files as tasks; those in zip archives take the place of the archives."""
    readable: list[tuple[Kind, SourceFile]] = []
    unreadable: list[UnreadableFile] = []
    pending = list(reversed(files))
    while pending:
        file = pending.pop()
        try:
            if not file.member and _is_zip(file):
                pending += reversed(file.members())
            else:
                readable.append((kind_of_name(file.name) or kind_of_content(file, known), file))
        except (OSError, ValueError) as error:
            unreadable.append(UnreadableFile(file=file.name, reason=reason(error)))
    if not readable:
        first = unreadable[0] if unreadable else UnreadableFile(file=data[:300], reason="is empty")
        raise InvalidData(f"nothing in {data[:300]} can be read; {first.file}: {first.reason}")
    total = len(readable) + len(unreadable)
    return Source(file_tasks(readable), tuple(unreadable), total, here)


def _is_zip(file: SourceFile) -> bool:
    """Say whether a file is a zip archive: by its content, unless its name says otherwise.

    (Office documents are such archives as well.)
    """
    suffix = Path(file.name).suffix.lower()
    if suffix not in {".zip", ""} and suffix not in KINDS:
        return False
    if suffix in KINDS and kind_of_name(file.name) is Kind.MAIL:
        return False  # there may be a hundred thousand of them
    with file.open_random() as stream:
        return bool(stream.read(len(ZIP)) == ZIP)
