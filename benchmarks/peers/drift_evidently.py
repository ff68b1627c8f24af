"""Evidently: the data drift preset with PSI and with KS, over the same rows.

Arguments: a JSON file with `files`, the `columns` and the `reference` of the log.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from drift.cost import print_cost
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

plan = json.loads(Path(sys.argv[1]).read_text())


def measure() -> dict[str, int]:
    """Return how many metrics there are."""
    places = plan["columns"]
    names = list(places)
    parts = [_features(file, places) for file in plan["files"]]
    reference = pd.read_parquet(plan["reference"]).set_axis(names, axis=1)
    definition = DataDefinition(numerical_columns=names)
    current, baseline = (
        Dataset.from_pandas(frame, data_definition=definition)
        for frame in (pd.concat(parts, ignore_index=True), reference)
    )
    presets = [DataDriftPreset(num_method=method) for method in ("psi", "ks")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {"metrics": len(Report(presets).run(current, baseline).dict()["metrics"])}


def _features(file: str, places: dict[str, int]) -> pd.DataFrame:
    block = np.stack(pd.read_parquet(file, columns=["features"])["features"].to_numpy())
    return pd.DataFrame({name: block[:, place] for name, place in places.items()})


print_cost(measure)
