"""What a person reads of a report in the terminal."""

from collections.abc import Iterator

from data_pipeline.report.contract import DataReport
from data_pipeline.report.leak import described

SHOWN = 5


def summary(report: DataReport) -> Iterator[str]:
    """Yield a few lines: rows, reasons, split, what tells the label alone, and the warnings."""
    yield (
        f"dataset version {report.dataset_version} of {report.use_case}: {report.rows_read:,} rows "
        f"read, {report.rows:,} kept, {report.quarantined:,} refused, {report.duplicates:,} "
        f"duplicates dropped, {report.near_duplicates:,} in groups of near duplicates"
    )
    for reason in report.reasons[:SHOWN]:
        yield f"refused: {reason.reason} ({reason.rows:,} rows)"
    for item in report.classes:
        yield f"class {item.name}: {item.rows:,} rows, {item.train:,} train, {item.test:,} test"
    yield f"split by {report.split.method}: {report.split.why}"
    yield f"columns that tell most of the label alone (on {report.sample_rows:,} rows):"
    for leak in report.leaks[:SHOWN]:
        for first in leak.readings[:1]:
            yield (
                f"  {leak.name} ({leak.role}): AUC {first.auc:.4f} for {first.of_class} by its "
                f"{described(first)}, {first.rows:,} rows"
            )
    yield from (f"warning: {warning}" for warning in report.warnings)
