"""Batch outputs of a regression."""

from pathlib import Path

import pytest
import rents_release
from rents_release import RENTS, flats

from batch_inference.chunk_scorer import ChunkScorer, ScoringPlan, output_schema
from batch_inference.input.reader import Chunk
from platform_core.adapters.online_store.memory import MemoryOnlineStore


def test_the_output_has_a_number_and_its_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    package = Path(rents_release.__file__).parent / "installed_rents"
    monkeypatch.syspath_prepend(str(package))
    plan = ScoringPlan("rents", rents_release.rents_release(), MemoryOnlineStore)
    chunk = Chunk(0, flats(50).drop_columns(["rent", "listed"]))
    found = ChunkScorer(plan).score(chunk).scored
    assert found.schema == output_schema(RENTS)
    assert found.column_names[:4] == ["row", "prediction", "interval.low", "interval.high"]
    for row in found.to_pylist():
        assert row["interval.low"] == pytest.approx(row["prediction"] - 100, abs=0.01)
        assert row["interval.high"] == pytest.approx(row["prediction"] + 130, abs=0.01)
