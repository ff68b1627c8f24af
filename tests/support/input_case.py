"""One odd input and what becomes of it. Every record is invented."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

NAMES = ("email_id", "subject", "body", "sender", "label", "date")
READ = "all rows read"
ENVELOPE = "From p@d.example Mon Jan  5 10:00:00 2026\n"
Write = Callable[[Path], Path]


def records() -> list[dict[str, str]]:
    """Return twelve mails."""
    return [
        {
            "email_id": f"<m{n}@x.example>",
            "subject": f"subject {n}",
            "body": f"the body of mail {n} with words",
            "sender": f"p{n % 3}@d.example",
            "label": ("ham", "spam")[n % 2],
            "date": f"2026-01-{n + 1:02d}T10:00:00Z",
        }
        for n in range(12)
    ]


@dataclass(frozen=True)
class InputCase:
    """An input of one format with one oddity; `refused` is in the message where it is refused,
    `aside` the lines or messages that are set aside.
    """

    format: str
    oddity: str
    write: Write
    aside: int = 0
    refused: str = ""

    @property
    def outcome(self) -> str:
        """What becomes of it, in words."""
        if self.refused:
            return f"refused: “{self.refused}”"
        if self.aside:
            return f"{self.aside} set aside with number and reason; all others read"
        return READ


def as_file(name: str, content: str | bytes, encoding: str = "utf-8") -> Write:
    data = content if isinstance(content, bytes) else content.encode(encoding)

    def write(folder: Path) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    return write
