"""Whether rows can become a dataset version, and what people should know about them."""

from collections import Counter
from collections.abc import Sequence

from data_pipeline.columns import strata
from data_pipeline.validation.labels import explain_labels
from data_pipeline.versions.files import CONTRADICTION
from data_pipeline.versions.scan import Scanned
from data_pipeline.versions.selection import Selection
from platform_core.errors import InvalidData
from use_cases import UseCase

MIN_ROWS_PER_CLASS = 10
MIN_TEST_ROWS = 20
MIN_NUMBERS = 3
RARE_SHARE = 0.01
REASONS_SHOWN = 3


def check_selection(
    case: UseCase, scanned: Scanned, selection: Selection, refused: Counter[str], allowed: float
) -> None:
    """Check that the rows can become a dataset version.

    `refused` counts invalid rows by reason; `allowed` is the share that may be refused.

    Raises:
        InvalidData: too many rows are refused, a class has fewer than 10 different rows, or too
            few rows are left for a test; the message says which and what to do.
    """
    reasons = refused.copy()
    if selection.contradictory_rows:
        reasons[CONTRADICTION] += selection.contradictory_rows
    count = reasons.total()
    if count > allowed * scanned.rows:
        common = ", ".join(f"{text} ({n})" for text, n in reasons.most_common(REASONS_SHOWN))
        raise InvalidData(
            f"{count} of {scanned.rows} rows ({count / scanned.rows:.0%}) cannot be used, "
            f"more than the {allowed:.0%} of DATA_MAX_INVALID_SHARE; the most frequent reasons: "
            f"{common}{_about_labels(case, scanned)}"
        )
    _check_classes(case, scanned, selection)
    _check_test(case, selection)


def selection_warnings(
    case: UseCase, scanned: Scanned, selection: Selection, ingest: Sequence[str]
) -> tuple[str, ...]:
    """Return the warnings of the ingest, then a sentence for each thing that should be known."""
    total, column, times = selection.rows, case.training().time_column, selection.unknown_times
    rare = {n: c for n, c in selection.classes.items() if c < RARE_SHARE * total}
    counted = [
        (scanned.nul_rows, "rows held NUL characters, which were removed"),
        (scanned.erased, "rows belong to erased records and were left out"),
        (times.get("unreadable"), f"times in the column {column} cannot be read and are unknown"),
        (
            times.get("ambiguous"),
            f"dates in the column {column} may begin with the day or the month, and the column "
            "does not show which: their times are unknown; write YYYY-MM-DD",
        ),
        (times.get("future"), f"times in the column {column} lie in the future and are unknown"),
        (selection.mixed_clusters, "groups of near duplicates have rows of more than one class"),
        (
            selection.straddling,
            "new rows resemble records on both sides of the split and were left out",
        ),
    ]
    return (
        *ingest,
        *(
            f"only {count} of {total} rows ({count / total:.2%}) are {name}: metrics of such a "
            "rare class are uncertain"
            for name, count in rare.items()
        ),
        *(f"{count} {what}" for count, what in counted if count),
    )


def _check_classes(case: UseCase, scanned: Scanned, selection: Selection) -> None:
    if case.task == "regression" and selection.labels < MIN_NUMBERS:
        raise InvalidData(
            f"the label column {case.training().label.column} has only {selection.labels} distinct "
            "numbers; use task binary (a use case with `classes` and the label spellings of each)"
        )
    if min(selection.classes.values()) >= MIN_ROWS_PER_CLASS:
        return
    seen = ", ".join(f"{name}: {count}" for name, count in selection.classes.items())
    repeated = selection.duplicates
    lost = f"; {repeated} rows repeat others and were dropped" if repeated else ""
    rows = "1 row" if scanned.rows == 1 else f"{scanned.rows} rows"
    of = ", ".join(case.classes) or case.training().label.column
    each = " of each class" if case.classes else ""
    raise InvalidData(
        f"a model of {of} needs at least {MIN_ROWS_PER_CLASS} different rows{each}, the data has "
        f"{seen} (of {rows} read{lost})"
        f"{_about_labels(case, scanned)}"
    )


def _check_test(case: UseCase, selection: Selection) -> None:
    enough = selection.test_rows >= MIN_TEST_ROWS
    if enough and selection.test_classes == len(strata(case.classes)):
        return
    near = selection.near_duplicates
    alike = f" ({near} rows are near duplicates, in {selection.clusters} groups)" if near else ""
    seen = f", with {selection.test_classes} of {len(case.classes)} classes" if case.classes else ""
    every = " with every class" if case.classes else ""
    raise InvalidData(
        f"only {selection.test_rows} of {selection.rows} rows{alike} are kept for the test{seen}; "
        f"at least {MIN_TEST_ROWS}{every} are needed: give more data"
    )


def _about_labels(case: UseCase, scanned: Scanned) -> str:
    return f"; {explain_labels(case, scanned.spellings)}" if scanned.spellings else ""
