"""What a person sees of a run: lines with a mark, so that they stand out from library logs."""

MARK = "· "


def say(text: str) -> None:
    """Print a line for the person who follows the run."""
    print(f"{MARK}{text}", flush=True)  # noqa: T201


def said(line: str) -> str | None:
    """Return the text of a line that `say` printed, `None` for any other line."""
    stripped = line.strip()
    return stripped.removeprefix(MARK) if stripped.startswith(MARK) else None
