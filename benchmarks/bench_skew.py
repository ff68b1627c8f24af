"""Online-offline skew: sends records, reads the log, and recomputes the predictions."""

import argparse
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from bench_report import say, table
from bench_traffic import GatewayClient, generated, odd

from platform_core.adapters.connect import blob_store
from platform_core.clock import SystemClock
from platform_core.contracts.environments import Environment
from platform_core.errors import Unavailable
from platform_core.ports.blob_store import BlobStore
from platform_core.settings import GatewayClientSettings, StorageSettings
from records import read_log
from records.replay import Replay, replay
from scoring import Scorer, load_release
from use_cases import UseCase, use_case

RECORDS = 1_000
QUICK_RECORDS = 200
CALL = 100
SINGLE_SHARE = 0.1
LIMIT = 1e-6
MARGIN = timedelta(minutes=1)


def run(options: argparse.Namespace) -> bool:
    """Return whether every difference is within `LIMIT` and every prediction was logged once."""
    case, environment = use_case(options.use_case), Environment(options.environment)
    client = GatewayClient(GatewayClientSettings(), environment)
    records = _records(case, QUICK_RECORDS if options.quick else RECORDS)
    start = SystemClock().now() - MARGIN
    answered = _send(client, case, records)
    client.post("/admin/inference-log/flush")
    store = blob_store(StorageSettings())
    batches = read_log(store, case.name, environment.value, start, SystemClock().now() + MARGIN)
    logged = _own(batches, answered)
    say(f"\n{len(records)} records sent, {len(answered)} answered, {logged.num_rows} logged")
    complete = sorted(logged["prediction_id"].to_pylist()) == sorted(answered)
    if not complete:
        say("FAIL: the log does not hold exactly one record for each answer")
    return all([complete, *_replays(store, case, logged)])


def _records(case: UseCase, count: int) -> list[dict[str, Any]]:
    rows = generated(case, count, seed=11)
    strange = odd(case, rows[0])[: count // 4]
    rows[: len(strange)] = strange
    run_id = uuid.uuid4().hex[:12]
    if case.id_column is None:
        return rows
    return [row | {case.id_column: f"{run_id}-{n}"} for n, row in enumerate(rows)]


def _send(client: GatewayClient, case: UseCase, rows: list[dict[str, Any]]) -> list[str]:
    """Send some records one by one and the rest in batches; return the prediction ids."""
    path, singles = f"/models/{case.name}/predict", int(len(rows) * SINGLE_SHARE)
    stride = len(rows) // singles
    alone = rows[::stride]
    together = [row for number, row in enumerate(rows) if number % stride]
    ids = [client.post(path, case.request(row))["prediction_id"] for row in alone]
    for start in range(0, len(together), CALL):
        body = {"records": [case.request(row) for row in together[start : start + CALL]]}
        answer = client.post(f"{path}/batch-sync", body)
        refused = [item["error"] for item in answer["predictions"] if "error" in item]
        if refused:
            raise Unavailable(f"the gateway refused {len(refused)} records: {refused[0]}")
        ids += [item["prediction_id"] for item in answer["predictions"]]
    return ids


def _own(batches: Iterator[pa.RecordBatch], ids: list[str]) -> pa.Table:
    found = list(batches)
    if not found:
        raise Unavailable("the inference log holds nothing; is BLOB_STORE_URL the gateway's?")
    table_ = pa.Table.from_batches(found)
    return table_.filter(pc.is_in(table_["prediction_id"], pa.array(ids)))


def _replays(store: BlobStore, case: UseCase, logged: pa.Table) -> list[bool]:
    verdicts = []
    for release_id in pc.unique(logged["release_id"]).to_pylist():
        scorer = Scorer(load_release(store, case.name, release_id), case)
        rows = logged.filter(pc.equal(logged["release_id"], release_id))
        result = replay(rows, case, scorer)
        verdicts.append(_show(release_id, result))
    return verdicts


def _show(release_id: str, result: Replay) -> bool:
    rows = [[f"feature {name}", value] for name, value in result.features.items()]
    rows += [[f"probability {name}", value] for name, value in result.probabilities.items()]
    title = f"release {release_id}: {result.rows} answers computed again"
    table(title, ["column", "largest |online - offline|"], rows)
    good = (
        result.largest is not None
        and result.largest <= LIMIT
        and result.predictions == 0
        and result.incomplete == 0
    )
    say(
        f"  predictions that differ: {result.predictions}; records without a value: "
        f"{result.incomplete}; limit {LIMIT:.0e}: {'ok' if good else 'FAIL'}"
    )
    return good
