"""A release with a real baseline, and traffic it answered, in a local blob store."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from baseline import baseline_bytes, build_baseline
from drift_detector.detection import DriftDetector, DriftPolicy
from drift_detector.job import DriftJob
from drift_detector.policies.retraining import Retraining
from platform_core.clock import ManualClock
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, Change, ChangeStatus
from platform_core.contracts.prediction_ids import milliseconds, new_prediction_id
from platform_core.contracts.serving_state import ServingState
from platform_core.ledger import Ledger
from platform_core.parquet import write_table
from platform_core.policies.contract import Policy
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import log_object_path
from platform_core.testing.processes import free_port
from records import log_columns
from scoring import Release, Scorer
from use_cases import UseCase, number_block, use_case

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
POLICY = DriftPolicy(
    min_rows=200,
    psi_warning=0.1,
    psi_drift=0.2,
    alpha=0.01,
    min_columns=1,
    max_class_share=0.9,
    max_missing_increase=0.1,
)


def generated_records(case: UseCase, rows: int, seed: int, drift: float = 0.0) -> pa.RecordBatch:
    table = case.training().generate(rows, seed, drift).combine_chunks()
    return table.select(case.record_schema.names).to_batches()[0]


def known_entities(case: UseCase, rows: int, seed: int = 0) -> pa.RecordBatch | None:
    """Entity features as from a feature store in use: most entities are known."""
    if case.entity_features is None:
        return None
    random = np.random.default_rng(seed)
    known = random.random(rows) < 0.8
    columns = [
        pa.array(random.gamma(2.0, 3.0, rows), mask=~known) for _ in case.entity_features.names
    ]
    return pa.record_batch(columns, names=list(case.entity_features.names))


@dataclass
class World:
    """A store with a served release per use case; writes traffic and measures windows."""

    store: BlobStore
    clock: ManualClock
    make_release: Callable[..., Release]
    scorers: dict[str, Scorer] = field(default_factory=dict)
    segments: int = 0
    policies: defaultdict[str, Policy] = field(default_factory=lambda: defaultdict(Policy))

    def release(self, name: str = "iris", seed: int = 0, baseline_rows: int = 2000) -> str:
        """Store a release whose baseline is its predictions for generated records."""
        case = use_case(name)
        scorer = Scorer(self.make_release(self.store, name, seed), case)
        entities = known_entities(case, baseline_rows)
        scores = scorer.score(generated_records(case, baseline_rows, 1000 + seed), entities)
        table = build_baseline(case, scores.features, scores.probabilities, scores.predictions)
        release = self.make_release(self.store, name, seed, baseline_bytes(table))
        self.scorers[release.id] = Scorer(release, case)
        return release.id

    def serve(self, release_id: str, environment: str = "production", name: str = "iris") -> None:
        self.ledger.append(
            Change(
                use_case=name,
                environment=Environment(environment),
                action=Action.DEPLOY,
                actor="test",
                change_id="c",
                from_state=ServingState(),
                to_state=ServingState(stable=release_id),
                reason="test",
                status=ChangeStatus.APPLIED,
            )
        )

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.store, self.clock)

    def log(
        self,
        release_id: str,
        records: pa.RecordBatch,
        *,
        name: str = "iris",
        environment: str = "production",
        at: datetime = NOON - timedelta(minutes=30),
        purpose: str = "live",
        entities: pa.RecordBatch | None = None,
        prediction: str | None = None,
        role: str = "stable",
        without: tuple[str, ...] = (),
    ) -> str:
        """Write one segment of records with the time `at`; return its path."""
        case = use_case(name)
        self.segments += 1
        count = records.num_rows
        if entities is None:
            entities = known_entities(case, count, self.segments)
        scores = self.scorers[release_id].score(records, entities)
        columns = log_columns(case)
        ids = [new_prediction_id(milliseconds(at)) for _ in range(count)]
        values = {
            "prediction_id": ids,
            "request_id": ids,
            "time": [at] * count,
            "use_case": [name] * count,
            "environment": [environment] * count,
            "release_id": [release_id] * count,
            "prediction": [prediction] * count if prediction else scores.predictions,
            "purpose": [purpose] * count,
            "role": [role] * count,
            "failed": [False] * count,
            "degraded": [False] * count,
            "latency_ms": [1.0] * count,
            "service_ms": [1.0] * count,
        }
        values |= {column: records.column(n) for n, column in columns.inputs.items()}
        values["features"] = number_block(scores.features).tolist()
        values |= {
            column: scores.probabilities[:, i].astype(float)
            for i, column in enumerate(columns.probabilities.values())
        }
        schema = columns.schema
        table = pa.table([pa.array(values[f.name], f.type) for f in schema], schema=schema)
        path = log_object_path(name, environment, at, f"segment-{self.segments}")
        write_table(self.store, path, table.drop_columns(list(without)))
        return path

    def job(self, **changes: object) -> DriftJob:
        """A job over iris and spam with the documented policy, without pages and gateway."""
        policy = replace(POLICY, **changes.pop("policy", {}))
        job = DriftJob(
            detector=DriftDetector(self.store, self.ledger, self.clock, policy, page_rows=0),
            use_cases={name: use_case(name) for name in ("iris", "spam")},
            flush=lambda: None,
            retraining=Retraining(self.store, self.clock, self.policies.__getitem__, HOUR),
            webhook=None,
            revise_period=timedelta(hours=24),
        )
        return replace(job, **changes)


@pytest.fixture(scope="session")
def records_of() -> Callable[..., pa.RecordBatch]:
    """Return a function that generates records: use case, rows, seed, drift."""
    return generated_records


@pytest.fixture(scope="session")
def new_world(make_release: Callable[..., Release]) -> Callable[[BlobStore], World]:
    """Return a function that creates a world in a store; its clock shows noon."""
    return lambda store: World(store, ManualClock(NOON), make_release)


@pytest.fixture
def world(blob_store: BlobStore, new_world: Callable[[BlobStore], World]) -> World:
    return new_world(blob_store)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Settings of a command: no gateway, no pages, and the store of the `world` fixture."""
    return {
        "BLOB_STORE_URL": (tmp_path / "blob").as_uri(),
        "GATEWAY_URL": f"http://127.0.0.1:{free_port()}",
        "GATEWAY_API_KEY": "key",
        "DRIFT_PAGES": "false",
        "POLICY_FOLDER": str(tmp_path / "policies"),
    }
