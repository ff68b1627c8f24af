"""The model and requests for all endpoints: a spam release, mails, and the correct results."""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnxruntime as ort
import pyarrow as pa
from bench_report import say
from bench_settings import BenchSettings

from platform_core.adapters import connect
from platform_core.clock import SystemClock
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, Change, ChangeStatus
from platform_core.contracts.release import Lineage
from platform_core.contracts.serving_state import ServingState
from platform_core.hashing import canonical_json, sha256_bytes, sha256_json
from platform_core.ledger import Ledger
from platform_core.parquet import table_bytes
from platform_core.ports.blob_store import BlobStore
from platform_core.settings import OnlineStoreSettings
from platform_core.storage import baseline_path, release_path
from scoring import Release, build_release, store_release
from serving.words import bodies
from use_cases import UseCase, assemble, model_schema, number_block, use_case
from use_cases.signature import feature_schema_hash

CANDIDATE, PARAMETERS = "guided_words", {"C": 20.0, "guidance": 8.0}
TERMS = 20_000
TRAINING_ROWS, SENT_ROWS = 1_500, 512
MAIL_BYTES = 1_200
DOMAINS = 1_000
VIEW_VERSION = "v1"
SEED = 7


@dataclass(frozen=True)
class Subject:
    """A release, its graph as a file, and N mails with the graph's results.

    `texts` and `numbers` [N, K] are the graph's inputs, computed beforehand; `expected` [N] is
    the probability of spam that ONNX Runtime gives for them, row by row.
    """

    release: Release
    model: Path
    mails: list[dict[str, Any]]
    texts: list[str]
    numbers: list[list[float]]
    expected: np.ndarray


def build(folder: Path, store: BlobStore, settings: OnlineStoreSettings) -> Subject:
    """Train a release, publish the senders' statistics, and activate it in staging."""
    case = use_case("spam")
    rows = _mails(case, TRAINING_ROWS, SEED)
    history = _history(case, rows)
    release = build_release(case, _trained(case, rows), b"", VIEW_VERSION)
    _publish(case, history, folder, settings)
    _activate(store, folder, release)
    model = folder / "model.onnx"
    model.write_bytes(release.model)
    sent = _records(case, _mails(case, SENT_ROWS, SEED + 1))
    inputs = assemble(case, sent, _entities(case, sent, history))
    return Subject(
        release,
        model,
        sent.to_pylist(),
        inputs["text"].to_pylist(),
        [list(map(_short, row)) for row in number_block(inputs)],
        _expected(release, inputs),
    )


def _mails(case: UseCase, rows: int, seed: int) -> pa.Table:
    """Return generated mails with a large vocabulary, so that there are enough terms."""
    random, table = Random(seed), case.training().generate(rows, seed)  # noqa: S311 (not for secrets)
    spam = np.array(
        [label == case.positive for label in table[case.training().label.column].to_pylist()]
    )
    mails = table.to_pylist()
    for mail, body, own in zip(mails, bodies(spam, seed), spam, strict=True):
        domain = 2 * random.randrange(DOMAINS // 2) + int(own)
        mail["sender"] = f"{mail['sender'].partition('@')[0]}@domain{domain}.example"
        mail["body"] = ""
        fields = {name: mail[name] for name in case.record_schema.names}
        mail["body"] = body[: MAIL_BYTES - len(canonical_json(fields))]
    return pa.Table.from_pylist(mails, schema=table.schema)


def _records(case: UseCase, table: pa.Table) -> pa.RecordBatch:
    return table.combine_chunks().select(case.record_schema.names).to_batches()[0]


def _history(case: UseCase, rows: pa.Table) -> pa.Table:
    times = rows[case.training().time_column].cast(pa.timestamp("us", tz="UTC"))
    return case.training().entity_history(rows.append_column("event_timestamp", times))


def _entities(case: UseCase, records: pa.RecordBatch, history: pa.Table) -> pa.RecordBatch:
    """Return the entity features of the records' senders, from the history, not the store."""
    latest = {row[case.entity_features.entity]: row for row in history.to_pylist()}
    found = [latest.get(key, {}) for key in case.entity_keys(records).to_pylist()]
    names = case.entity_features.names
    return pa.record_batch(
        [pa.array([r.get(n) for r in found], pa.float32()) for n in names], names
    )


def _trained(case: UseCase, rows: pa.Table) -> bytes:
    """Return the graph; a graph trained on the same rows is read from a file."""
    folder = BenchSettings().platform_root / ".tools" / "bench"
    made_of = [CANDIDATE, PARAMETERS, TERMS, feature_schema_hash(model_schema(case))]
    data = sha256_bytes(table_bytes(rows))
    file = folder / f"{sha256_json([*made_of, data, ort.__version__])[:32]}.onnx"
    if not file.exists():
        say("training the model for all endpoints …")
        folder.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_train(case, rows))
    return file.read_bytes()


def _train(case: UseCase, rows: pa.Table) -> bytes:
    candidate = next(each for each in case.training().candidates() if each.name == CANDIDATE)
    model = candidate.build(PARAMETERS, SEED).set_params(inputs__text__max_features=TERMS)
    features = model_schema(case).frame(assemble(case, _records(case, rows)))
    model.fit(features, rows[case.training().label.column].to_pylist())
    return candidate.to_onnx(model).SerializeToString()


def _publish(case: UseCase, history: pa.Table, folder: Path, settings: OnlineStoreSettings) -> None:
    file, entity = folder / "history.parquet", case.entity_features
    file.write_bytes(table_bytes(history))
    store, view = connect.feature_store(settings), f"{entity.name}_{VIEW_VERSION}"
    store.apply_view(view, entity.entity, list(entity.names), file)
    store.materialise(view, max(history["event_timestamp"].to_pylist()))


def _activate(store: BlobStore, folder: Path, release: Release) -> None:
    name, clock = release.manifest.use_case, SystemClock()
    lineage = Lineage(
        release_id=release.id,
        created_at=clock.now(),
        dataset_version="generated",
        data_source="generated",
        pipeline_run="benchmark",
        candidate=CANDIDATE,
        parameters=PARAMETERS,
        metrics={},
    )
    store.write(baseline_path(name, release.id), b"")
    store_release(store, release_path(name, release.id), release, lineage)
    pointer = folder / "model-repository" / Environment.STAGING / f"{name}.json"
    pointer.parent.mkdir(parents=True)
    content = {"use_case": name, "release_id": release.id, "release_uri": "", "model_version": "1"}
    pointer.write_bytes(canonical_json(content))
    change = Change(
        use_case=name,
        environment=Environment.STAGING,
        action=Action.DEPLOY,
        actor="benchmark",
        change_id="c",
        from_state=ServingState(),
        to_state=ServingState(stable=release.id),
        reason="benchmark",
        status=ChangeStatus.APPLIED,
    )
    Ledger(store, clock).append(change)


def _expected(release: Release, inputs: pa.RecordBatch) -> np.ndarray:
    session = ort.InferenceSession(release.model, providers=["CPUExecutionProvider"])
    texts, numbers = np.array(inputs["text"].to_pylist(), object), number_block(inputs)
    feeds = ({"text": texts[[n], None], "numbers": numbers[[n]]} for n in range(inputs.num_rows))
    return np.array([session.run(["probabilities"], feed)[0][0, 1] for feed in feeds])


def _short(value: np.float32) -> float:
    """Return a float32 as the shortest decimal that represents it, as clients send it."""
    return float(str(value))
