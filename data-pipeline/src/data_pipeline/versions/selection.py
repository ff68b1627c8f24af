"""Which rows a dataset version gets: duplicates, contradictions, clusters and the split.

Everything is SQL over a few narrow columns; nothing depends on the order of different contents.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
from duckdb import DuckDBPyConnection

from data_pipeline.duplicates.near_duplicates import SignatureFile, cluster
from data_pipeline.versions.database import one_row
from data_pipeline.versions.manifest import SplitSummary
from data_pipeline.versions.split import split

FUTURE_TOLERANCE = timedelta(days=1)

BASE = """
CREATE TABLE base (row_id VARCHAR, label VARCHAR, cluster VARCHAR, test BOOLEAN, position BIGINT)
"""
"""The rows of the version that is added to; contents known to be contradictory have no label."""

# The first occurrence of each content stands for it.
_CONTENTS = """
CREATE TABLE contents AS
SELECT row_id, min(arrival) AS arrival, count(*) AS copies, min(label) AS label,
       min(label) <> max(label) AS mixed
FROM arrivals GROUP BY row_id;

CREATE TABLE contradictory AS
SELECT row_id FROM contents WHERE mixed
UNION SELECT row_id FROM contents JOIN base USING (row_id) WHERE contents.label <> base.label
UNION SELECT row_id FROM base WHERE label IS NULL;

CREATE TABLE nodes AS
SELECT row_number() OVER (ORDER BY old DESC, row_id) - 1 AS node, *
FROM (
    SELECT true AS old, row_id, label, cluster, test, position,
           NULL::BIGINT AS arrival, NULL::BIGINT AS time
    FROM base ANTI JOIN contradictory USING (row_id)
    UNION ALL
    SELECT false, row_id, label, row_id, NULL, position, arrival, time
    FROM arrivals SEMI JOIN contents USING (arrival)
    ANTI JOIN base USING (row_id) ANTI JOIN contradictory USING (row_id)
);
"""
# Rows of the base keep their cluster and part; a new row takes those of the row it is grouped with.
_PLACED = """
CREATE TABLE placed AS
SELECT n.old, n.row_id, n.label, n.position, n.arrival, n.time, g.leader,
       CASE WHEN n.old THEN n.cluster ELSE l.cluster END AS cluster,
       CASE WHEN n.old THEN n.test ELSE l.test END AS test
FROM nodes n JOIN groups g USING (node) JOIN nodes l ON l.node = g.leader;

CREATE TABLE straddling AS
SELECT row_id, arrival FROM placed
WHERE NOT old AND leader IN (
    SELECT leader FROM placed WHERE old GROUP BY leader HAVING bool_or(test) AND NOT bool_and(test)
);
"""
_SELECTED = """
CREATE TABLE selected AS
SELECT row_id, label, cluster, coalesce(p.test, parts.test) AS test, position, arrival, time
FROM placed p LEFT JOIN parts USING (cluster) ANTI JOIN straddling USING (arrival)
"""


@dataclass(frozen=True)
class TimeCounts:
    """How many times are unknown, by reason."""

    unreadable: int
    ambiguous: int
    future: int


@dataclass(frozen=True)
class Selection:
    """Counts of the rows that were selected, and of those that were not.

    `clusters` are groups of near duplicates, also of one row; `near_duplicates` the rows in
    clusters of more than one; `mixed_clusters` have several classes. `duplicates`,
    `contradictory_rows` and `straddling` count new rows that were left out.
    """

    rows: int
    classes: dict[str, int]
    test_rows: int
    test_classes: int
    clusters: int
    near_duplicates: int
    mixed_clusters: int
    duplicates: int
    contradictory_rows: int
    straddling: int
    times: TimeCounts
    split: SplitSummary


def select_rows(
    database: DuckDBPyConnection,
    signatures: SignatureFile,
    threshold: float,
    classes: Sequence[str],
    now: datetime,
) -> Selection:
    """Create the tables `selected` (`row_id`, `label`, `cluster`, `test`, `position`, `arrival`,
    `time`), `contradictory` and `straddling`.

    Reads the tables `accepted` and `base`. A content with two labels is contradictory. A new row
    joins a cluster of the base that it resembles; where it resembles both parts it is left out.
    """
    times = _resolve_times(database, now)
    database.execute(_CONTENTS)
    database.register("groups", _groups(database, signatures, threshold))
    database.execute(_PLACED)
    database.execute("CREATE VIEW undivided AS SELECT * FROM placed WHERE test IS NULL")
    summary = split(database, "undivided", classes)
    database.execute(_SELECTED)
    return _counted(database, classes, times, summary)


def _resolve_times(database: DuckDBPyConnection, now: datetime) -> TimeCounts:
    """Create the table `arrivals` with one time per row, by the evidence of the whole column.

    A date with two readings is known only where other dates show whether days or months come
    first, and only one of both. A time more than a day ahead is unknown.
    """
    days, months = one_row(
        database,
        """SELECT coalesce(bool_or(_day_first IS NOT NULL AND _month_first IS NULL), false),
                  coalesce(bool_or(_month_first IS NOT NULL AND _day_first IS NULL), false)
           FROM accepted""",
    )
    first, second = ("_month_first", "_day_first") if months else ("_day_first", "_month_first")
    ambiguous = "false" if days != months else "_day_first <> _month_first"
    limit = int((now + FUTURE_TOLERANCE).timestamp() * 1_000_000)
    database.execute(
        f"""CREATE TABLE readings AS
        SELECT _arrival AS arrival, row_id, label, _position AS position, _time_given AS given,
               coalesce({ambiguous}, false) AS ambiguous, coalesce({first}, {second}) AS reading
        FROM accepted;
        CREATE VIEW arrivals AS
        SELECT arrival, row_id, label, position,
               CASE WHEN NOT ambiguous AND reading <= {limit} THEN reading END AS time
        FROM readings"""  # noqa: S608 (names and a number of this module)
    )
    counts = one_row(
        database,
        f"""SELECT count(*) FILTER (given AND reading IS NULL), count(*) FILTER (ambiguous),
                   count(*) FILTER (NOT ambiguous AND reading > {limit})
            FROM readings""",  # noqa: S608 (a number)
    )
    return TimeCounts(*counts)


def _groups(database: DuckDBPyConnection, signatures: SignatureFile, threshold: float) -> pa.Table:
    """Return each node with the first node of its group of near duplicates.

    Clusters of the base may come into one group through new rows.
    """
    nodes = database.sql(
        """SELECT position, min(node) OVER (PARTITION BY old, cluster) AS start
           FROM nodes ORDER BY node"""
    ).fetchnumpy()
    (old,) = one_row(database, "SELECT count(*) FROM nodes WHERE old")
    positions, start = (np.asarray(nodes[name], np.int64) for name in ("position", "start"))
    leaders = cluster(signatures, positions, threshold, start, old)
    return pa.table({"node": np.arange(len(leaders)), "leader": leaders})


def _counted(
    database: DuckDBPyConnection,
    classes: Sequence[str],
    times: TimeCounts,
    summary: SplitSummary,
) -> Selection:
    rows, test_rows, test_classes = one_row(
        database,
        """SELECT count(*), count(*) FILTER (test), count(DISTINCT label) FILTER (test)
           FROM selected""",
    )
    clusters, near_duplicates, mixed_clusters = one_row(
        database,
        """SELECT count(*), coalesce(sum(size) FILTER (size > 1), 0)::BIGINT,
                  count(*) FILTER (mixed)
           FROM (SELECT count(*) AS size, min(label) <> max(label) AS mixed
                 FROM selected GROUP BY cluster)""",
    )
    arrivals, new, contradictory, straddling = one_row(
        database,
        """SELECT (SELECT count(*) FROM arrivals), (SELECT count(*) FROM nodes WHERE NOT old),
                  (SELECT coalesce(sum(copies), 0)::BIGINT
                   FROM contents SEMI JOIN contradictory USING (row_id)),
                  (SELECT count(*) FROM straddling)""",
    )
    found = dict(database.sql("SELECT label, count(*) FROM selected GROUP BY label").fetchall())
    return Selection(
        rows=rows,
        classes={name: found.get(name, 0) for name in classes},
        test_rows=test_rows,
        test_classes=test_classes,
        clusters=clusters,
        near_duplicates=near_duplicates,
        mixed_clusters=mixed_clusters,
        duplicates=arrivals - contradictory - new,
        contradictory_rows=contradictory,
        straddling=straddling,
        times=times,
        split=summary,
    )
