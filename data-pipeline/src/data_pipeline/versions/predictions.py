"""Rows that came from predictions: labels that changed since, and erased predictions.

Reads the tables `accepted` (new rows; a labelled prediction has its `prediction_id`), `known`
(the predictions behind rows of the base) and `erased_predictions`. A known prediction among the
new rows has another label than before.
"""

from pathlib import Path

from duckdb import DuckDBPyConnection

from data_pipeline.sources.request import FEEDBACK

# `replaced`: rows of the base that came from predictions, none of which keeps its label. They take
# the new label, or end where the new labels differ or all of the predictions were erased.
# `settled`: contents that had two labels before these labels were corrected to one.
_REPLACED = f"""
CREATE TABLE current AS
SELECT k.prediction_id, k.row_id, k.label, a.row_id AS new_row_id, a.label AS new_label,
       e.prediction_id IS NOT NULL AS erased,
       erased OR a.prediction_id IS NOT NULL AS changed
FROM known k LEFT JOIN accepted a USING (prediction_id)
LEFT JOIN erased_predictions e USING (prediction_id);

CREATE TABLE replaced AS
SELECT row_id,
       if(count(DISTINCT new_label) = 1, any_value(new_row_id), NULL) AS new_row_id,
       if(count(DISTINCT new_label) = 1, any_value(new_label), NULL) AS new_label
FROM current SEMI JOIN (FROM base_records_before WHERE source = '{FEEDBACK}') USING (row_id)
GROUP BY row_id HAVING bool_and(changed);

CREATE TABLE settled AS
SELECT row_id FROM current GROUP BY row_id
HAVING count(DISTINCT label) > 1
   AND count(DISTINCT coalesce(new_label, label)) FILTER (NOT erased) <= 1;

CREATE TABLE gone AS
SELECT row_id FROM erased
UNION SELECT row_id FROM replaced WHERE new_row_id IS NULL
UNION SELECT row_id FROM replaced WHERE new_row_id <> row_id AND new_row_id IN (
    SELECT row_id FROM base_before)
UNION SELECT row_id FROM settled SEMI JOIN (FROM base_before WHERE label IS NULL) USING (row_id);
"""  # noqa: S608 (a constant)
_VIEW = """
CREATE VIEW {name} AS
SELECT b.* REPLACE (coalesce(r.new_row_id, b.row_id) AS row_id,
                    coalesce(r.new_label, b.label) AS label)
FROM {name}_before b LEFT JOIN replaced r ON b.row_id = r.row_id
WHERE b.row_id NOT IN (SELECT row_id FROM gone)
"""
_KNOWN = """
SELECT prediction_id, row_id, label FROM current WHERE NOT changed
UNION ALL
SELECT prediction_id, row_id, label FROM accepted WHERE prediction_id IS NOT NULL
ORDER BY prediction_id
"""


def correct_base(database: DuckDBPyConnection) -> None:
    """Create the views `base` and `base_records` of the tables `base_before` and
    `base_records_before`: with corrected labels, without the rows in `erased` and those whose
    predictions were all erased. A corrected row keeps its cluster and its part.
    """
    database.execute(_REPLACED)
    for name in ("base", "base_records"):
        database.execute(_VIEW.format(name=name))


def write_known(database: DuckDBPyConnection, path: Path) -> None:
    """Write `feedback.parquet`, the predictions behind the rows of the new version; no file
    without any.
    """
    rows = database.sql(_KNOWN)
    if len(rows.limit(1)):
        rows.write_parquet(str(path), compression="zstd")
