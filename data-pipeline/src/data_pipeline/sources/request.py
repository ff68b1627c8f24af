"""What a person asks for: DATA, COLUMNS and, for generated records, rows and a seed."""

import glob
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from platform_core.errors import InvalidData

GENERATED = "generated"
FEEDBACK = "feedback"
"""The DATA that means labelled inference records."""
_TO_QUOTE = re.compile(r"[\s'\"\\]")
DEFAULT_ROWS = 4_000


@dataclass(frozen=True)
class IngestRequest:
    """`data` is a path, glob, folder, URL or `hf://…`, or several of them (see `split_sources`);
    empty for `rows` generated records, `feedback` for labelled inference records that the dataset
    version `base` does not have.

    `renaming` maps the source's column names to ours, see `parse_columns`.
    """

    data: str = ""
    renaming: Mapping[str, str] = field(default_factory=dict)
    rows: int = DEFAULT_ROWS
    seed: int = 0
    base: str = ""


def parse_columns(text: str) -> dict[str, str]:
    """Return the renaming in `"body=text email_id=sms_id"` as {source: target}.

    Raises:
        InvalidData: a part is not of the form `target=source`, or a name is given twice.
    """
    renaming: dict[str, str] = {}
    for part in text.split():
        target, separator, source = part.partition("=")
        if not (separator and target and source):
            raise InvalidData(
                f"cannot parse {part!r} in COLUMNS; write <our column>=<your column>, "
                'for example COLUMNS="body=text email_id=sms_id"'
            )
        if source in renaming or target in renaming.values():
            raise InvalidData(f"COLUMNS names {part!r} twice; name each column once")
        renaming[source] = target
    return renaming


def split_sources(data: str) -> list[str]:
    """Return the sources that DATA names, separated by spaces; quotes keep a path with spaces
    together. An existing path, or a pattern that matches, is one source as it is.
    """
    if len(data.split()) <= 1 or Path(data).exists():
        return [data]
    if any(glob.iglob(data)):  # noqa: PTH207 (`Path.glob` takes no absolute pattern)
        return [data]
    try:
        return shlex.split(data)
    except ValueError:  # an apostrophe, not a quotation
        return [data]


def join_sources(sources: Sequence[str]) -> str:
    """Return the DATA that names `sources`."""
    if len(sources) == 1 and len(sources[0].split()) <= 1:
        return sources[0]
    return " ".join(shlex.quote(one) if _TO_QUOTE.search(one) else one for one in sources)


def source_names(data: str) -> tuple[str, ...]:
    """Return a different name for each of several sources, the last part of its address without
    a slash; none for a single source.
    """
    sources = split_sources(data)
    if len(sources) == 1:
        return ()
    names: list[str] = []
    for source in sources:
        name = shown(source).rstrip("/").rpartition("/")[2] or "source"
        while name in names:
            name += "-again"
        names.append(name)
    return tuple(names)


def shown(data: str) -> str:
    """Return DATA as it may be shown and kept: without credentials, query string and fragment."""
    if not data:
        return GENERATED
    return " ".join(map(_shown_source, split_sources(data)))


def _shown_source(data: str) -> str:
    if "://" not in data:
        return data
    try:
        parts = urlsplit(data)
    except ValueError:  # it may still hold a secret
        return f"{data.partition('://')[0]}://…"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
