"""Which part a cluster of near duplicates belongs to: by time, or by a hash of its content."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from duckdb import DuckDBPyConnection

from data_pipeline.columns import TEST, TRAIN, strata, stratum
from data_pipeline.versions.manifest import SplitSummary

TEST_SHARE = 0.2
TIMED_SHARE = 0.8
# A boundary that leaves a class less or more than this for the test is not used.
MIN_TEST_SHARE, MAX_TEST_SHARE = 0.05, 0.5
# Another salt would move records between the parts of versions that are made again.
_SPLIT_SALT = "mlplatform split 1:"
_HASH = f"('0x' || sha256('{_SPLIT_SALT}' || cluster)[:16])::UBIGINT"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# The class (or the one group) and the time of a cluster are those of its earliest row.
_CLUSTERS = """
CREATE TABLE clusters AS
SELECT cluster, size, earliest.label AS label, nullif(earliest.time, latest) AS time
FROM (SELECT cluster, count(*) AS size, 9223372036854775807 AS latest,
             min({{'time': coalesce(time, 9223372036854775807), 'label': {stratum}}}) AS earliest
      FROM {rows} GROUP BY cluster)
"""
# The time that leaves nearest to a fifth of the rows of each class for the test.
_NEAREST = f"""
WITH moments AS (
    SELECT label, time, sum(size) AS size FROM clusters WHERE time IS NOT NULL GROUP BY label, time
), shares AS (
    SELECT label, time, sum(size) OVER (PARTITION BY label ORDER BY time DESC)
           / sum(size) OVER (PARTITION BY label) AS share FROM moments
)
SELECT label, time, share FROM shares
QUALIFY row_number() OVER (PARTITION BY label ORDER BY abs(share - {TEST_SHARE}), time) = 1
"""  # noqa: S608 (a number)
_PARTS = f"""
CREATE TABLE parts AS
SELECT cluster, if(coalesce(clusters.time >= boundaries.time,
           {_HASH} % 100 < {TEST_SHARE * 100}),
           '{TEST}', '{TRAIN}') AS part
FROM clusters LEFT JOIN boundaries USING (label)
"""  # noqa: S608 (constants)


class _NoTimeSplitError(Exception):
    """The rows cannot be split by time; the message says why."""


def hold_out(database: DuckDBPyConnection, rows: str, classes: Sequence[str]) -> SplitSummary:
    """Create the table `parts` with every cluster of the table `rows` in the test split. Without
    `classes` half of them, by a hash, are in the training split, to calibrate intervals.
    """
    half = f"if({_HASH} % 2 = 0, '{TRAIN}', '{TEST}')"
    part = f"'{TEST}'" if classes else half
    database.execute(
        f"CREATE TABLE parts AS SELECT DISTINCT cluster, {part} AS part FROM {rows}"  # noqa: S608
    )
    unseen = "all rows are declared unseen by the model"
    why = unseen if classes else f"{unseen}; half of them calibrate the intervals"
    return SplitSummary(method="declared", why=why)


def split(database: DuckDBPyConnection, rows: str, classes: Sequence[str]) -> SplitSummary:
    """Create the table `parts` (`cluster`, `part`) for the rows of the table `rows` (`cluster` as
    16 hexadecimal digits, `label`, `time` in microseconds or null) and return how it was split.

    The split is by time when at least 80 % of the rows of every class have a time and these
    differ: the test split is then the latest fifth of each class. Without `classes` (labels are
    numbers) the same holds for all rows together. A cluster is never divided; its
    earliest row decides. Clusters without a time, and all of them in a split by content, are
    divided by a hash of their id.
    """
    of_classes = " of every class" if classes else ""
    database.execute(_CLUSTERS.format(rows=rows, stratum=stratum(classes)))
    try:
        boundaries = _boundaries(database, rows, classes)
    except _NoTimeSplitError as reason:
        boundaries = {}
        summary = SplitSummary(method="content", why=str(reason))
    else:
        summary = SplitSummary(
            method="time",
            why=f"at least {TIMED_SHARE:.0%} of the rows{of_classes} have a time",
            boundaries={n: _EPOCH + timedelta(microseconds=v) for n, v in boundaries.items()},
        )
    database.execute("CREATE TABLE boundaries (label VARCHAR, time BIGINT)")
    if boundaries:
        database.executemany("INSERT INTO boundaries VALUES (?, ?)", list(boundaries.items()))
    database.execute(_PARTS)
    return summary


def no_time_split(total: int, timed: int, different: int, of: str = "") -> str:
    """Return why `total` rows are not split by time, "" if they may be.

    `timed` of them have a time, and there are `different` times. `of` follows "rows" in the words.
    """
    if timed < TIMED_SHARE * total:
        return f"only {timed / total:.0%} of the rows{of} have a time"
    return f"all rows{of} have the same time" if different == 1 else ""


def _boundaries(database: DuckDBPyConnection, rows: str, classes: Sequence[str]) -> dict[str, int]:
    """Return per class the time from which on its clusters are for the test."""
    counts = database.sql(
        f"""SELECT {stratum(classes)} AS label, count(*), count(time), count(DISTINCT time)
            FROM {rows} GROUP BY ALL"""  # noqa: S608 (a table of the caller)
    ).fetchall()
    known = {label: tuple(numbers) for label, *numbers in counts}
    if not any(timed for _, timed, _ in known.values()):
        raise _NoTimeSplitError("the records have no time")
    nearest = {label: (time, share) for label, time, share in database.sql(_NEAREST).fetchall()}
    found = {}
    for name in strata(classes):
        total, timed, different = known.get(name, (0, 0, 0))
        if total == 0:
            continue  # what is added to a version need not have every class
        if timed == 0:
            raise _NoTimeSplitError(f"no row of {name} has a time")
        if reason := no_time_split(total, timed, different, f" of {name}"):
            raise _NoTimeSplitError(reason)
        time, share = nearest.get(name, (0, 0.0))
        if not MIN_TEST_SHARE <= share <= MAX_TEST_SHARE:
            raise _NoTimeSplitError(
                f"no point in time leaves about {TEST_SHARE:.0%} of {name} for the test: too many "
                "rows share a time or are near duplicates"
            )
        found[name] = time
    return found
