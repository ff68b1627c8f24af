"""The files that DATA names on this machine or in the platform's blob store."""

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from data_pipeline.sources.formats.files import SourceFile, reason
from data_pipeline.sources.formats.kinds import SUPPORTED, Kind, kind_of
from data_pipeline.sources.mail.files import looks_like_mail
from data_pipeline.sources.raw import UnreadableFile
from platform_core.errors import InvalidData, InvalidPath
from platform_core.ports.blob_store import BlobStore

HIDDEN = (".", "_")


@dataclass(frozen=True)
class Found:
    """Files in order, each with its kind, those of no known kind, and whether they are local."""

    files: tuple[tuple[Kind, SourceFile], ...]
    unreadable: tuple[UnreadableFile, ...]
    local: bool


def blob_path(store: BlobStore, data: str) -> str | None:
    """Return the path in the platform's own store of a URI that the store made."""
    try:
        return store.path(data)
    except InvalidPath:
        return None


def find_blobs(store: BlobStore, path: str) -> Found:
    """Return the object at `path`, or those below it.

    Raises:
        InvalidData: nothing is there, or nothing that can be read.
    """
    system = store.arrow_filesystem()
    parent, _, own = path.rpartition("/")
    if store.exists(path):
        size = store.info(path).size
        one = SourceFile(own, path, size, parent.rpartition("/")[2], system)
        return _sorted_out([one], path, local=False)
    files = [
        SourceFile(name, blob.path, blob.size, own, system)
        for blob in store.list(path)
        if not _hidden(name := blob.path.removeprefix(f"{path}/"))
    ]
    if not files:
        raise InvalidData(f"the blob store has nothing at {path}; name an object or a folder")
    return _sorted_out(files, path, local=False)


def find_local(data: str) -> Found:
    """Return the file, the files of a folder at any depth, or those that a pattern matches.

    Names that begin with a dot or an underscore are skipped below a folder or pattern.

    Raises:
        InvalidData: nothing is there, or nothing that can be read.
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
    return _sorted_out(sorted(files, key=lambda file: file.name), data, local=True)


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
        folders[:] = sorted(name for name in folders if not name.startswith(HIDDEN))
        for name in names:
            path = Path(root, name)
            if not name.startswith(HIDDEN):
                yield from _plain_file(path, path.relative_to(folder).as_posix(), under)


def _matching(pattern: str) -> Iterator[SourceFile]:
    # What comes before the first part with a sign of a pattern is the folder.
    parts = Path(pattern).parts
    fixed = next((i for i, part in enumerate(parts) if glob.has_magic(part)), None)
    if fixed is None:
        return
    folder = Path(*parts[:fixed])
    for match in folder.glob(str(Path(*parts[fixed:]))):
        name = match.relative_to(folder).as_posix()
        if not _hidden(name):
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


def _hidden(name: str) -> bool:
    return any(part.startswith(HIDDEN) for part in name.split("/"))


def _sorted_out(files: Sequence[SourceFile], data: str, local: bool) -> Found:
    known: list[tuple[Kind, SourceFile]] = []
    unknown: list[UnreadableFile] = []
    for file in files:
        kind, why = _kind(file)
        if kind is None:
            unknown.append(UnreadableFile(file=file.name, reason=why))
        else:
            known.append((kind, file))
    if not known:
        first = unknown[0]
        raise InvalidData(f"nothing in {data[:300]} can be read; {first.file} {first.reason}")
    return Found(tuple(known), tuple(unknown), local)


def _kind(file: SourceFile) -> tuple[Kind | None, str]:
    """Return a file's kind by its name or, failing that, mail by its content; or why not."""
    if kind := kind_of(file.name):
        return kind, ""
    try:
        if looks_like_mail(file):
            return Kind.MAIL, ""
    except (OSError, ValueError) as error:
        return None, f"cannot be opened: {reason(error)}"
    return None, f"is of no known kind ({SUPPORTED}) and no mail; convert it or rename it"
