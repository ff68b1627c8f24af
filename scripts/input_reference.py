"""Write docs/reference/inputs.md: what becomes of odd inputs. The tests check every row of it."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests" / "support"))

from input_cases import CASES  # noqa: E402

PAGE = ROOT / "docs" / "reference" / "inputs.md"
HEAD = """# Inputs

What becomes of inputs that are not as a standard says. A file's content decides what it is; a
name that says something else is refused, never
followed. Every line, message or row is accounted for: it is read, or it is set aside with its
number and the reason. What is set aside is in
`quarantine.parquet`, counts against `DATA_MAX_INVALID_SHARE`, and is in the manifest
(`inputs`), where for each input `total` is `read` and
`set_aside`, and of all rows `rows_read` is `rows`, `rows_quarantined` and `duplicates`.

This page is generated (`.venv/bin/python scripts/input_reference.py`), and a test reads every
one of these inputs.

| format | oddity | outcome |
|---|---|---|
"""
TAIL = """
## Text

Text is stored as it came and cleaned in one place, inside the features, so that training,
`/predict` and batch jobs see the same words:

- NUL and other control characters are removed, and so is what Unicode calls default ignorable
  or a format character (zero width, bidirectional
  controls, variation selectors) and combining marks: they hide words.
- Of HTML the visible text counts. Tags inside a line join what is around them: `fr<b></b>ee` is
  `free`. Blocks and cells part words.
- Accented, full-width and styled letters become plain ones.
- Letters of other scripts that look like Latin ones (homoglyphs) stay what they are. To replace
  them would garble honest Russian or Greek;
  the words they split and the share of characters beyond ASCII show them.
- Text after a right-to-left override is not turned round.

## Limits

Of each text of a record only the start is read: `email_id` 256 characters, `subject` 10,000,
`body` 10,000,000, `sender` 1,000. What is longer is cut:
the answer names the fields in `truncated`, `gateway_truncated_fields_total` counts them, batch
outputs have the column `truncated`, and dataset
versions count them in their manifest. A request beyond 10 MiB is 413.
"""


def page() -> str:
    """Return the text of the page."""
    rows = (f"| {case.format} | {case.oddity} | {case.outcome} |" for case in CASES)
    return HEAD + "\n".join(rows) + "\n" + TAIL


if __name__ == "__main__":
    PAGE.write_text(page())
