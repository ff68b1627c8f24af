"""How models of rents are trained."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from use_cases import Candidate, Gates, LabelSpec, TrainingUseCase

DISTRICTS = ("centre", "north", "south")
START = datetime(2025, 1, 1)  # noqa: DTZ001 (a column without a time zone is UTC)


class RentsTraining(TrainingUseCase):
    """The label is a number."""

    label = LabelSpec("rent")
    time_column = "listed"
    metric = "rmse"
    gates = Gates(
        ["r2 >= 0.6", "mae <= 150", "rmse <= 200 where district = centre"], margin=5, parity=1e-5
    )

    def generate(self, rows: int, seed: int, drift: float = 0.0) -> pa.Table:
        """Return flats whose rents grow with the area; `drift` brings larger ones."""
        random = np.random.default_rng(seed)
        area = np.clip(random.lognormal(4.1 + 0.5 * drift, 0.4, rows), 10, 500)
        floor, district = random.integers(0, 8, rows), random.integers(0, len(DISTRICTS), rows)
        listed = pa.array([START + timedelta(hours=n) for n in range(rows)], pa.timestamp("us"))
        rent = 200 + 12 * area + 15 * floor + 250 * (district == 0)
        rent += random.normal(scale=60, size=rows) + 40 * random.standard_exponential(rows)
        return pa.table(
            {
                "area": pa.array(area.astype(np.float32)),
                "floor": pa.array(floor),
                "district": pa.array([DISTRICTS[number] for number in district], pa.string()),
                "listed": listed,
                "rent": pa.array(np.round(rent, 2)),
            }
        )  # fmt: skip

    def candidates(self) -> Sequence[Candidate]:
        """Return a line and trees."""
        return (
            Candidate("ridge", _ridge, {"alpha": (1.0, 10.0)}, _to_onnx),
            Candidate("random_forest", _forest, {"max_depth": (8, 4)}, _to_onnx),
        )

    def slices(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Return the district."""
        district = pc.if_else(pc.equal(records["district"], ""), None, records["district"])
        return pa.record_batch([district], names=["district"])


def _ridge(parameters: Mapping[str, Any], seed: int) -> Any:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), Ridge(random_state=seed, **parameters))


def _forest(parameters: Mapping[str, Any], seed: int) -> Any:
    from rents import NUMBERS
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.pipeline import make_pipeline

    columns = ColumnTransformer([("numbers", "passthrough", [*NUMBERS, "central"])])
    return make_pipeline(columns, RandomForestRegressor(40, random_state=seed, **parameters))


def _to_onnx(fitted: Any) -> Any:
    from rents import RentsUseCase

    from use_cases.export import export_regressor

    return export_regressor(fitted, RentsUseCase.feature_schema)
