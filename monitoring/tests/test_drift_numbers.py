"""Baseline and traffic of a regression: the predicted number is a numeric column."""

import numpy as np
import pyarrow as pa
from rents_release import RENTS, flats, records, rents_release

from baseline import baseline_bytes, build_baseline, psi, read_baseline
from drift_detector.sample import RowSample
from drift_detector.traffic import ReleaseTraffic, columns_to_read, encoded_columns
from records import log_columns
from scoring import Scorer
from use_cases import number_block


def answered(rows, seed, drift=0.0):
    return Scorer(rents_release(), RENTS).score(records(flats(rows, seed, drift)))


def log(scores):
    """Scores as a batch of the inference log."""
    block = number_block(scores.features)
    columns = {
        "prediction": pa.array(scores.decided, pa.float64()),
        "features": pa.array(block.tolist(), pa.list_(pa.float32())),
    }
    return pa.record_batch(list(columns.values()), names=list(columns))


def test_drift_of_predicted_numbers_is_measured():
    scores = answered(500, 1)
    none = np.empty((500, 0), np.float32)
    table = build_baseline(RENTS, scores.features, none, scores.predictions)
    references = read_baseline(baseline_bytes(table))
    assert {name: one.kind for name, one in references.items()} == {
        "area": "numeric", "floor": "numeric", "prediction": "numeric",
    }  # fmt: skip
    found = {}
    for drift in (0.0, 1.0):
        traffic = ReleaseTraffic("a", references, RowSample(10, 0))
        traffic.add(RENTS, log(answered(500, 2, drift)))
        reference, tally = references["prediction"], traffic.tallies["prediction"]
        assert (tally.rows, tally.missing, traffic.predictions) == (500, 0, {})
        found[drift] = psi(reference.bins(reference.cells), reference.bins(tally.counts))
    assert found[0.0] < 0.2
    assert found[1.0] > 1


def test_numbers_are_not_read_as_dictionaries():
    assert "prediction" not in encoded_columns(RENTS)
    assert "prediction" in columns_to_read(RENTS)
    assert set(columns_to_read(RENTS)) <= set(log_columns(RENTS).schema.names)
