"""A regression: the monthly rent of a flat."""

from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from use_cases import FeatureSchema, MonitoredColumn, TrainingUseCase, UseCase

Area = Annotated[float, Field(ge=5, le=1_000, allow_inf_nan=False)]
Floor = Annotated[int, Field(ge=-2, le=200)]
NUMBERS = ("area", "floor", "log_area")


class Flat(BaseModel):
    """A flat: its area in square metres, its floor and its district."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    area: Area
    floor: Floor
    district: Annotated[str, Field(max_length=40)]


class RentsUseCase(UseCase):
    """Rents in euros a month."""

    name = "rents"
    title = "Rents"
    record = Flat
    feature_schema = FeatureSchema(numbers=(*NUMBERS, "central"))
    monitored = (MonitoredColumn("area"), MonitoredColumn("floor"))
    examples: ClassVar = {
        "central": {"area": 50.0, "floor": 3, "district": "centre"},
        "outskirts": {"area": 120.0, "floor": 0, "district": "north"},
    }

    def features(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Return area, floor, the logarithm of the area, and whether the flat is central."""
        area, floor = (records[name].to_numpy() for name in ("area", "floor"))
        central = [district == "centre" for district in records["district"].to_pylist()]
        columns = [area, floor, np.log(np.maximum(area, 1)), np.array(central, bool)]
        return self.feature_schema.batch([], np.stack(columns, axis=1).astype(np.float32))

    def golden_records(self) -> pa.RecordBatch:
        """Return a small, a large, a central and a remote flat."""
        rows = [*self.examples.values(), {"area": 5.0, "floor": -1, "district": ""}]
        return pa.RecordBatch.from_pylist(rows, schema=self.record_schema)

    def training(self) -> TrainingUseCase:
        """Return labels, generator and candidates."""
        from rents_training import RentsTraining

        return RentsTraining()
