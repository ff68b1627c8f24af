"""Whether a dataset version may come of what was found, and what people should know of it."""

from collections.abc import Sequence

import numpy as np

from data_pipeline.validation.labels import explain_labels
from data_pipeline.versions.decisions import Decisions
from data_pipeline.versions.files import CONTRADICTION, Quarantine
from data_pipeline.versions.index import Nodes
from data_pipeline.versions.scan import Scanned
from platform_core.errors import InvalidData
from use_cases import UseCase

MIN_ROWS_PER_CLASS = 10
MIN_TEST_ROWS = 20
RARE_SHARE = 0.01
REASONS_SHOWN = 3


def refuse_hopeless(
    case: UseCase, scanned: Scanned, decisions: Decisions, quarantine: Quarantine, allowed: float
) -> None:
    """Raise where the rows cannot become a dataset version.

    Raises:
        InvalidData: too many rows are refused, a class has fewer than 10 different rows, or too
            few rows are left for a test; the message says which and what to do.
    """
    reasons = quarantine.reasons.copy()
    if decisions.contradictory_rows:
        reasons[CONTRADICTION] += decisions.contradictory_rows
    refused = reasons.total()
    if refused > allowed * scanned.rows:
        common = ", ".join(f"{text} ({n})" for text, n in reasons.most_common(REASONS_SHOWN))
        message = (
            f"{refused} of {scanned.rows} rows ({refused / scanned.rows:.0%}) cannot be used, "
            f"more than the {allowed:.0%} of DATA_MAX_INVALID_SHARE; the most frequent reasons: "
            f"{common}"
        )
        raise InvalidData(message + _about_labels(case, scanned))
    nodes = decisions.all
    _refuse_small_classes(case, scanned, decisions, class_counts(case, nodes))
    _refuse_small_test(case, nodes)


def class_counts(case: UseCase, nodes: Nodes) -> dict[str, int]:
    """Return the rows of each class."""
    counts = np.bincount(nodes.label, minlength=len(case.classes))
    return dict(zip(case.classes, counts.tolist(), strict=True))


def warnings(
    case: UseCase, scanned: Scanned, decisions: Decisions, nodes: Nodes, ingest: Sequence[str]
) -> tuple[str, ...]:
    """Return a sentence for each thing that is no error and should be known."""
    times = decisions.times
    column = case.time_column
    total = len(nodes.ids)
    rare = {n: c for n, c in class_counts(case, nodes).items() if c < RARE_SHARE * total}
    found = [
        *(
            f"only {count} of {total} rows ({count / total:.2%}) are {name}: metrics of such a "
            "rare class are uncertain"
            for name, count in rare.items()
        ),
        _counted(scanned.nul_rows, "rows held NUL characters, which were removed"),
        _counted(times.unreadable, f"times in the column {column} cannot be read and are unknown"),
        _counted(
            times.ambiguous,
            f"dates in the column {column} may begin with the day or the month, and the column "
            "does not show which: their times are unknown; write YYYY-MM-DD",
        ),
        _counted(times.future, f"times in the column {column} lie in the future and are unknown"),
        _counted(
            mixed_clusters(nodes), "groups of near duplicates have rows of more than one class"
        ),
        _counted(
            len(decisions.straddling),
            "new rows resemble records on both sides of the split and were left out",
        ),
    ]
    return (*ingest, *(sentence for sentence in found if sentence))


def cluster_counts(nodes: Nodes) -> tuple[int, int]:
    """Return the number of clusters, and of rows in clusters of more than one."""
    _, sizes = np.unique(nodes.cluster, return_counts=True)
    return len(sizes), int(sizes[sizes > 1].sum())


def mixed_clusters(nodes: Nodes) -> int:
    """Return how many clusters have rows of more than one class."""
    if len(nodes.ids) == 0:
        return 0
    order = np.argsort(nodes.cluster, kind="stable")
    labels = nodes.label[order]
    _, first = np.unique(nodes.cluster[order], return_index=True)
    lowest, highest = (f.reduceat(labels, first) for f in (np.minimum, np.maximum))
    return int(np.sum(lowest != highest))


def _refuse_small_classes(
    case: UseCase, scanned: Scanned, decisions: Decisions, counts: dict[str, int]
) -> None:
    if min(counts.values()) >= MIN_ROWS_PER_CLASS:
        return
    seen = ", ".join(f"{name}: {count}" for name, count in counts.items())
    lost = _counted(decisions.duplicates, "rows repeat others and were dropped")
    rows = "1 row" if scanned.rows == 1 else f"{scanned.rows} rows"
    raise InvalidData(
        f"a model of {', '.join(case.classes)} needs at least {MIN_ROWS_PER_CLASS} "
        f"different rows of each class, the data has {seen} (of {rows} read"
        f"{'; ' + lost if lost else ''}){_about_labels(case, scanned)}"
    )


def _refuse_small_test(case: UseCase, nodes: Nodes) -> None:
    test = int(nodes.test.sum())
    classes = len(np.unique(nodes.label[nodes.test]))
    if test >= MIN_TEST_ROWS and classes == len(case.classes):
        return
    clusters, repeated = cluster_counts(nodes)
    alike = f" ({repeated} rows are near duplicates, in {clusters} groups)" if repeated else ""
    raise InvalidData(
        f"only {test} of {len(nodes.ids)} rows{alike} are kept for the test, with "
        f"{classes} of {len(case.classes)} classes; at least "
        f"{MIN_TEST_ROWS} with every class are needed: give more data"
    )


def _about_labels(case: UseCase, scanned: Scanned) -> str:
    return f"; {explain_labels(case, scanned.spellings)}" if scanned.spellings else ""


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count else ""
