"""The status of the stack as a text table."""

from collections.abc import Sequence

from embedded.stack import ProgramStatus

HEADER = ("PROGRAM", "STATE", "PID", "UPTIME", "MEMORY", "URL")


def table(rows: Sequence[ProgramStatus]) -> list[str]:
    """Return the lines of a table with a row per program."""
    cells = [HEADER, *(_cells(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADER))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _cells(row: ProgramStatus) -> tuple[str, ...]:
    if not row.pid:
        return (row.name, row.state, "-", "-", "-", row.url)
    memory = f"{row.memory_bytes / 2**20:.0f} MiB"
    return (row.name, row.state, str(row.pid), _duration(row.age_seconds), memory, row.url)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
