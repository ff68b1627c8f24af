"""The progress of a run as people see it: marked lines, which stand out from library logs."""

MARK = "· "


def show(text: str) -> None:
    """Print a line for the person who follows the run."""
    print(f"{MARK}{text}", flush=True)  # noqa: T201


def shown_text(line: str) -> str | None:
    """Return the text of a line that `show` printed, `None` for any other line."""
    stripped = line.strip()
    return stripped.removeprefix(MARK) if stripped.startswith(MARK) else None
