"""What a person asks for: DATA, COLUMNS and, for generated records, rows and a seed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from platform_core.errors import InvalidData

GENERATED = "generated"
DEFAULT_ROWS = 4_000


@dataclass(frozen=True)
class IngestRequest:
    """`data` is a path, glob, folder, URL or `hf://…`; empty for `rows` generated records.

    `renaming` maps the source's column names to ours, see `parse_columns`.
    """

    data: str = ""
    renaming: Mapping[str, str] = field(default_factory=dict)
    rows: int = DEFAULT_ROWS
    seed: int = 0


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
                f"COLUMNS has the part {part!r}; write <our column>=<your column>, "
                'for example COLUMNS="body=text email_id=sms_id"'
            )
        if source in renaming or target in renaming.values():
            raise InvalidData(f"COLUMNS names {part!r} twice; name each column once")
        renaming[source] = target
    return renaming


def shown(data: str) -> str:
    """Return DATA as it may be shown and kept: without credentials, query string and fragment."""
    if not data:
        return GENERATED
    if "://" not in data:
        return data
    try:
        parts = urlsplit(data)
    except ValueError:  # it may still hold a secret
        return f"{data.partition('://')[0]}://…"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
