"""CPU time of each stage of a prediction alone, for one mail and for a batch of 32.

Everything runs in this process, without sockets; the difference to the section `serving` is the
cost of HTTP and the event loop. CPU time per mail, median of interleaved rounds.
"""

import argparse
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pyarrow as pa
from bench_report import table
from kserve import InferRequest
from serving.ours import StackHome
from serving.subject import Subject, build

from model_server import ReleaseIdentity, ScoredRecords, read_tensors, scored_response
from model_server.rest_codec import decode_request, encode_response
from platform_core.open_inference import RETURN_FEATURES, TensorReader, tensors_from_batch
from scoring import Scorer
from use_cases import assemble, number_block, use_case

GROUPS = (1, 32)
ROUNDS, QUICK_ROUNDS = 21, 7
MAILS_A_ROUND = 64
MICROSECONDS = 1e6

Stage = Callable[[], Any]


def run(options: argparse.Namespace) -> bool:
    """Print the table."""
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    with TemporaryDirectory() as folder:
        home = StackHome(Path(folder) / "home")
        home.prepare()
        with home.online_server():
            subject = build(home.folder, home.store, home.online_store)
        measured = {rows: _measure(dict(_stages(subject, rows)), rows, rounds) for rows in GROUPS}
    names = list(measured[GROUPS[0]])
    lines = [[name, *(f"{measured[rows][name]:.1f}" for rows in GROUPS)] for name in names]
    sums = [f"{sum(measured[rows].values()):.1f}" for rows in GROUPS]
    header = ["", *(f"CPU us/mail, {rows} at once" for rows in GROUPS)]
    table("stages of an answer, each alone", header, [*lines, ["all of them", *sums]])
    return True


def _stages(subject: Subject, rows: int) -> Iterator[tuple[str, Stage]]:
    """Yield the stages of `rows` mails in order."""
    case, mails = use_case("spam"), subject.mails[:rows]
    bodies = [orjson.dumps(mail) for mail in mails]
    yield "gateway: JSON to records", lambda: [_record(body) for body in bodies]
    records = [_record(body) for body in bodies]
    yield "gateway: records to columns", lambda: case.columns(records)
    batch = case.columns(records)
    yield "gateway: V2 request", lambda: _request(batch)
    request = _request(batch)
    yield "service: V2 request to columns", lambda: _columns(request)
    yield "service: the sender's domain", lambda: case.entity_keys(batch)
    yield "service: features", lambda: case.features(batch)
    yield "service: features with the sender's", lambda: assemble(case, batch, _entities(rows))
    scorer = Scorer(subject.release, case)
    features = assemble(case, batch, _entities(rows))
    yield "service: graph and decision", lambda: scorer.score_features(features)
    scores = scorer.score_features(features)
    answer = ScoredRecords(scores.features, scores.probabilities, scores.decided)
    asked = decode_request(request, None, case.name)
    yield "service: V2 response", lambda: _response(asked, answer)
    response = _response(asked, answer)
    yield "gateway: V2 response read", lambda: orjson.loads(response)
    yield "gateway: redaction", lambda: list(_rows(case.redact(batch)))
    numbers = number_block(scores.features).tolist()
    kept = [{"input": m, "features": n} for m, n in zip(mails, numbers, strict=True)]
    yield "gateway: record to a line of the log", lambda: [_line(record) for record in kept]


def _measure(stages: dict[str, Stage], rows: int, rounds: int) -> dict[str, float]:
    """Return the median microseconds of CPU per mail of each stage."""
    found: dict[str, list[float]] = {name: [] for name in stages}
    calls = max(1, MAILS_A_ROUND // rows)
    for _ in range(rounds):
        for name, stage in stages.items():
            start = time.process_time()
            for _ in range(calls):
                stage()
            found[name].append((time.process_time() - start) / (calls * rows) * MICROSECONDS)
    measured = {name: median(values) for name, values in found.items()}
    # Computing features is part of the stage that adds entity features.
    measured["service: features with the sender's"] -= measured["service: features"]
    return measured


def _record(body: bytes) -> Any:
    return use_case("spam").record.model_validate_json(body, strict=True)


def _request(batch: pa.RecordBatch) -> bytes:
    parameters = {RETURN_FEATURES: True}
    return orjson.dumps({"inputs": tensors_from_batch(batch), "parameters": parameters})


def _columns(request: bytes) -> pa.RecordBatch:
    return read_tensors(
        decode_request(request, None, "spam"), TensorReader(use_case("spam").record_schema)
    )


def _response(request: InferRequest, answer: ScoredRecords) -> bytes:
    return encode_response(scored_response(request, ReleaseIdentity("a" * 32, "1"), answer)).body


def _rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
        yield dict(zip(batch.schema.names, row, strict=True))


def _entities(rows: int) -> pa.RecordBatch:
    names = use_case("spam").entity_features.names
    columns = [pa.array([0.5] * rows, pa.float64()) for _ in names]
    return pa.record_batch(columns, names=list(names))


def _line(record: dict[str, Any]) -> bytes:
    document = orjson.dumps(record)
    return b"%08x %s\n" % (zlib.crc32(document), document)
