"""Which rows a dataset version gets: duplicates, contradictions, clusters and the split.

Everything is SQL over a few narrow columns; nothing depends on the order of different contents.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from duckdb import DuckDBPyConnection

from data_pipeline.columns import strata, stratum
from data_pipeline.near_duplicates import PERMUTATIONS, cluster
from data_pipeline.versions.manifest import SplitSummary
from data_pipeline.versions.split import hold_out, split

FUTURE_TOLERANCE = timedelta(days=1)
SIGNATURE_ROWS = 1 << 16

# Whether dates such as 25/12/2025 and 12/25/2025 occur, which can be read in one way only.
_DATE_ORDERS = """
SELECT coalesce(bool_or(_day_first IS NOT NULL AND _month_first IS NULL), false),
       coalesce(bool_or(_month_first IS NOT NULL AND _day_first IS NULL), false)
FROM accepted
"""
_ARRIVALS = """
CREATE TABLE arrivals AS
SELECT arrival, row_id, label, problem, CASE WHEN problem IS NULL THEN known END AS time
FROM (
    SELECT _arrival AS arrival, row_id, label, coalesce({first}, {second}) AS known,
           CASE WHEN {ambiguous} THEN 'ambiguous' WHEN known > {limit} THEN 'future'
                WHEN _time_given AND known IS NULL THEN 'unreadable' END AS problem
    FROM accepted
)
"""
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
    SELECT true AS old, row_id, label, cluster, part, minhash,
           NULL::BIGINT AS arrival, NULL::BIGINT AS time
    FROM base ANTI JOIN contradictory USING (row_id)
    UNION ALL
    SELECT false, c.row_id, c.label, c.row_id, NULL, r._minhash, c.arrival, a.time
    FROM (FROM contents ANTI JOIN base USING (row_id) ANTI JOIN contradictory USING (row_id)) c
    JOIN arrivals a ON a.arrival = c.arrival JOIN accepted r ON r._arrival = c.arrival
);
"""
# Rows of the base keep their cluster and part; a new row takes those of the row it is grouped with.
_PLACED = """
CREATE TABLE placed AS
SELECT n.old, n.row_id, n.label, n.arrival, n.time, g.leader,
       CASE WHEN n.old THEN n.cluster ELSE l.cluster END AS cluster,
       CASE WHEN n.old THEN n.part ELSE l.part END AS part
FROM nodes n JOIN groups g USING (node) JOIN nodes l ON l.node = g.leader;

CREATE TABLE straddling AS
SELECT row_id, arrival FROM placed
WHERE NOT old AND leader IN (
    SELECT leader FROM placed WHERE old GROUP BY leader HAVING count(DISTINCT part) > 1
);

CREATE VIEW undivided AS SELECT * FROM placed WHERE part IS NULL;
"""
_SELECTED = """
CREATE TABLE selected AS
SELECT row_id, label, cluster, coalesce(p.part, parts.part) AS part, arrival, time
FROM placed p LEFT JOIN parts USING (cluster) ANTI JOIN straddling USING (arrival)
"""
# The names are those of the fields of `Selection`.
_COUNTS = """
SELECT * EXCLUDE (arrivals, new), arrivals - new - contradictory_rows AS duplicates
FROM (
    SELECT count(*) AS rows, count(*) FILTER (part = 'test') AS test_rows,
           count(DISTINCT {stratum}) FILTER (part = 'test') AS test_classes,
           count(DISTINCT label) AS labels
    FROM selected
), (
    SELECT count(*) AS clusters, coalesce(sum(size) FILTER (size > 1), 0)::BIGINT
           AS near_duplicates, count(*) FILTER (mixed) AS mixed_clusters
    FROM (SELECT count(*) AS size, min({stratum}) <> max({stratum}) AS mixed
          FROM selected GROUP BY cluster)
), (
    SELECT (SELECT count(*) FROM arrivals) AS arrivals,
           (SELECT count(*) FROM nodes WHERE NOT old) AS new,
           (SELECT coalesce(sum(copies), 0)::BIGINT
            FROM contents SEMI JOIN contradictory USING (row_id)) AS contradictory_rows,
           (SELECT count(*) FROM straddling) AS straddling
)
"""


@dataclass(frozen=True)
class Selection:
    """Counts of the rows that were selected, and of those that were not.

    `classes` counts the rows per class, for numbers those of all; `labels` are the distinct labels;
    `clusters` are groups of near duplicates, also of one row; `near_duplicates` the rows in
    clusters of more than one; `mixed_clusters` have several classes. `duplicates`,
    `contradictory_rows` and `straddling` count new rows that were left out, `unknown_times` the
    times that are `unreadable`, `ambiguous` or in the `future`.
    """

    rows: int
    classes: dict[str, int]
    test_rows: int
    test_classes: int
    labels: int
    clusters: int
    near_duplicates: int
    mixed_clusters: int
    duplicates: int
    contradictory_rows: int
    straddling: int
    unknown_times: dict[str, int]
    split: SplitSummary


def select_rows(
    database: DuckDBPyConnection,
    threshold: float,
    classes: Sequence[str],
    now: datetime,
    folder: Path,
    held_out: bool = False,
) -> Selection:
    """Create the tables `selected` (`row_id`, `label`, `cluster`, `part`, `arrival`, `time`),
    `contradictory` and `straddling`.

    Reads the tables `accepted` and `base`. A content with two labels is contradictory. A new row
    joins a cluster of the base that it resembles; where it resembles both parts it is left out.
    `folder` takes a file of signatures. With `held_out` the parts are those of `hold_out`.
    """
    _create_arrivals(database, now)
    database.execute(_CONTENTS)
    database.register("groups", _groups(database, threshold, folder / "signatures"))
    database.execute(_PLACED)
    rows = "undivided"
    divide = hold_out if held_out else split
    summary = divide(database, rows, classes)
    database.execute(_SELECTED)
    group = stratum(classes)
    (counts,) = database.sql(_COUNTS.format(stratum=group)).to_arrow_table().to_pylist()
    found = _counts(database, f"SELECT {group}, count(*) FROM selected GROUP BY ALL")  # noqa: S608 (a column)
    problems = "SELECT problem, count(*) FROM arrivals WHERE problem IS NOT NULL GROUP BY problem"
    return Selection(
        **counts,
        classes={name: found.get(name, 0) for name in strata(classes)},
        unknown_times=_counts(database, problems),
        split=summary,
    )


def _counts(database: DuckDBPyConnection, query: str) -> dict[str, int]:
    return dict(database.sql(query).fetchall())


def _create_arrivals(database: DuckDBPyConnection, now: datetime) -> None:
    """Create the table `arrivals` with one time per accepted row.

    A date that can be read in two ways is known only where other dates of the column show whether
    days or months come first, and only one of both. A time more than a day ahead is unknown.
    """
    ((days, months),) = database.sql(_DATE_ORDERS).fetchall()
    first, second = ("_month_first", "_day_first") if months else ("_day_first", "_month_first")
    ambiguous = "false" if days != months else "_day_first <> _month_first"
    limit = int((now + FUTURE_TOLERANCE).timestamp() * 1_000_000)
    database.execute(_ARRIVALS.format(first=first, second=second, ambiguous=ambiguous, limit=limit))


def _groups(database: DuckDBPyConnection, threshold: float, path: Path) -> pa.Table:
    """Return each node with the first node of its group of near duplicates.

    Clusters of the base may come into one group through new rows.
    """
    starts = database.sql(
        "SELECT old, min(node) OVER (PARTITION BY old, cluster) AS start FROM nodes ORDER BY node"
    ).fetchnumpy()
    signed = database.sql("SELECT node, minhash FROM nodes WHERE minhash IS NOT NULL ORDER BY node")
    nodes = [np.empty(0, np.int64)]
    # On disk, as 120 bytes of each row would be most of the memory.
    with path.open("wb") as file:
        for batch in signed.to_arrow_reader(SIGNATURE_ROWS):
            nodes.append(batch.column(0).to_numpy())
            file.writelines(batch.column(1).to_pylist())
    leaders = np.asarray(starts["start"], np.int64)
    if path.stat().st_size:
        signatures = np.memmap(path, np.uint8, "r").reshape(-1, PERMUTATIONS)
        fixed = int(np.sum(starts["old"]))
        leaders = cluster(signatures, np.concatenate(nodes), threshold, leaders, fixed)
    return pa.table({"node": np.arange(len(leaders)), "leader": leaders})
