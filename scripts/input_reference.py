"""Write docs/reference/inputs.md: how odd inputs are read. The tests check every row of it."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests" / "support"))

from input_cases import CASES  # noqa: E402

PAGE = ROOT / "docs" / "reference" / "inputs.md"
HEAD = """# Inputs

How the platform reads inputs that do not follow a standard. The content of a file decides its
format; a file whose name promises another format is refused. Every line, message or row is
accounted for: it is either read, or set aside with its number and the reason. What is set aside
is in `quarantine.parquet`, counts against `DATA_MAX_INVALID_SHARE`, and is listed in the manifest
(`inputs`): for each input, `total` is the sum of `read` and `set_aside`; for all rows,
`rows_read` is the sum of `rows`, `rows_quarantined`, `duplicates` and `erased`.

This page is generated (`.venv/bin/python scripts/input_reference.py`), and a test reads every
one of these inputs.

| format | oddity | outcome |
|---|---|---|
"""
TAIL = """
## Text

Text is stored as it came. It is cleaned in one place, when features are computed, so that
training, `/predict` and batch jobs see the same words:

- Characters that hide words are removed: NUL and other control characters, combining marks, and
  what Unicode calls default ignorable or a format character (zero width, bidirectional controls,
  variation selectors).
- Only the visible text of HTML is used. Inline tags join the text around them: `fr<b></b>ee`
  becomes `free`. Block elements and table cells separate words.
- Accented, full-width and styled letters are replaced by plain ones.
- Letters of other scripts that look like Latin ones (homoglyphs) are kept, because replacing them
  would garble genuine Russian or Greek. The words they split and the share of characters beyond
  ASCII show them.
- Text after a right-to-left override keeps its stored order.

## Limits

Only the start of each text field is read: 1,000 characters of `email_id` (the longest line of a
mail has 998), 10,000 of `subject`, 10,000,000 of `body` and 1,000 of `sender`. Longer values are
cut: the response names the fields in `truncated`, `gateway_truncated_fields_total` counts them,
batch outputs have a column `truncated`, and the manifest of a dataset version counts them. A
request larger than 10 MiB is answered with 413.
"""


def page() -> str:
    """Return the text of the page."""
    rows = (f"| {case.format} | {case.oddity} | {case.outcome} |" for case in CASES)
    return HEAD + "\n".join(rows) + "\n" + TAIL


if __name__ == "__main__":
    PAGE.write_text(page())
