"""The HTML page of a report: Evidently's comparison of a sample with the baseline."""

import html
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from baseline import NumericReference, Reference
from platform_core.contracts.drift_report import DriftReport
from platform_core.errors import Unavailable

if TYPE_CHECKING:
    import pandas as pd

SEED = 0


def render_page(
    report: DriftReport, references: Mapping[str, Reference], sample: pa.Table
) -> bytes:
    """Return an HTML page on `sample`: rows of the window, with null for missing values.

    Evidently needs reference rows, but the baseline holds distributions, so as many rows as the
    sample has are drawn evenly from each column's distribution. The columns of the reference are
    therefore independent, and the page shows nothing that relates two of them.

    Raises:
        Unavailable: Evidently refused the data or failed.
    """
    import pandas as pd  # 40 MB, needed for pages only

    names = [
        name for name, r in references.items() if r.rows > r.missing and _has_values(sample, name)
    ]
    current = sample.select(names).to_pandas()
    reference = {name: _draw(references[name], len(current)) for name in names}
    numeric = [name for name in names if references[name].kind == "numeric"]
    try:
        page = _evidently(pd.DataFrame(reference), current, numeric)
    except Exception as error:  # the library has no error type of its own
        raise Unavailable(
            f"Evidently could not render the page of report {report.report_id}: {error}; "
            "the report itself is complete; DRIFT_PAGES=false disables pages"
        ) from error
    title = html.escape(f"Drift of {report.use_case} in {report.environment}")
    page = page.replace("<head>", f"<head><title>{title}</title>", 1)
    return page.replace("<body>", f"<body>{_note(report, len(current))}", 1).encode()


def _evidently(reference: "pd.DataFrame", current: "pd.DataFrame", numeric: list[str]) -> str:
    """Return both samples side by side.

    Evidently's drift presets would judge the sample by limits of their own, and contradict the
    verdict of the report, which is about all rows.
    """
    from evidently import DataDefinition, Dataset, Report  # takes 6-10 s
    from evidently.presets import DataSummaryPreset

    others = [name for name in current.columns if name not in numeric]
    definition = DataDefinition(numerical_columns=numeric, categorical_columns=others)
    datasets = (Dataset.from_pandas(f, data_definition=definition) for f in (current, reference))
    with warnings.catch_warnings():
        # Evidently divides by zero on constant columns; the page shows them correctly.
        warnings.simplefilter("ignore", RuntimeWarning)
        return str(Report([DataSummaryPreset()]).run(*datasets).get_html_str(as_iframe=False))


def _has_values(sample: pa.Table, name: str) -> bool:
    return name in sample.column_names and sample[name].null_count < sample.num_rows


def _draw(reference: Reference, rows: int) -> np.ndarray:
    missing = round(rows * reference.missing / reference.rows)
    present = max(rows - missing, 1)
    if isinstance(reference, NumericReference):
        values = reference.quantiles(present)
    else:
        values = _draw_categories((*reference.categories, "other"), reference.counts, present)
    column = np.empty(rows, values.dtype)
    column[:present] = values
    column[present:] = np.nan if values.dtype.kind == "f" else None
    return np.random.default_rng(SEED).permutation(column)


def _draw_categories(names: tuple[str, ...], counts: np.ndarray, rows: int) -> np.ndarray:
    shares = np.cumsum(counts) / counts.sum()
    index = np.searchsorted(shares, (np.arange(rows) + 0.5) / rows)
    return np.array(names, object)[index]


def _statements(report: DriftReport) -> str:
    words = {True: "yes", False: "no", None: "unknown"}
    moved = [c.column for c in report.columns if c.drifted]
    columns = f" ({', '.join(moved)})" if moved else ""
    reasons = f" ({'; '.join(report.harm)})" if report.harm else ""
    return f"Drifted: {words[report.drifted]}{columns}. Harmful: {words[report.harmful]}{reasons}."


def _note(report: DriftReport, rows: int) -> str:
    text = (
        f"{report.use_case} {report.environment}, release {report.release_id}, "
        f"{report.start:%Y-%m-%d %H:%M} to {report.end:%Y-%m-%d %H:%M} UTC: {report.verdict}. "
        f"{_statements(report)} "
        f"This page shows a sample of {rows} of {report.rows} rows. Its reference rows are drawn "
        "from the baseline's distributions, one column at a time. The verdict is that of the "
        "report, computed on all rows; figures here may differ a little."
    )
    return f'<p style="font-family:sans-serif;margin:1em">{html.escape(text)}</p>'
