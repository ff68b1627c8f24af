"""Mails of 1.2 kB, and a release with 20,000 terms trained on some of them."""

import pickle
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.clock import SystemClock
from platform_core.contracts.release import Lineage
from platform_core.storage import release_path
from scoring import Release, build_release, store_release
from use_cases import assemble, default_parameters, model_schema, use_case

CASE = use_case("spam")
COLUMNS = CASE.record_schema.names
CANDIDATE, TERMS = "guided_words", 20_000
TRAINING_ROWS, PART_ROWS, BASE_ROWS = 4_000, 50_000, 4_000
RARE_WORDS = 85
MODEL = "fitted.pickle"
SYLLABLES = ("bcdfgklmnprst", "aeiou", "bcdfglmnprst", ("an", "er", "ing", "ous", "ion", "al"))


def release_in(folder: Path) -> Release:
    """Train, export and store a release; the fitted pipeline is stored in `MODEL`."""
    rows = next(_parts(TRAINING_ROWS, seed=0))
    records = rows.select(COLUMNS).combine_chunks().to_batches()[0]
    candidate = next(each for each in CASE.training().candidates() if each.name == CANDIDATE)
    parameters = default_parameters(candidate.space)
    model = candidate.build(parameters, 0)
    model.set_params(inputs__text__max_features=TERMS, inputs__text__min_df=1)
    features = model_schema(CASE).frame(assemble(CASE, records))
    model.fit(features, rows[CASE.training().label.column].to_pylist())
    (folder / MODEL).write_bytes(pickle.dumps(model))
    release = build_release(CASE, candidate.to_onnx(model).SerializeToString(), b"", None)
    lineage = Lineage(
        release_id=release.id,
        created_at=SystemClock().now(),
        dataset_version="generated",
        data_source="generated",
        pipeline_run="benchmark",
        candidate=candidate.name,
        parameters=parameters,
        metrics={},
    )
    path = release_path(CASE.name, release.id)
    store_release(LocalBlobStore(folder), path, release, lineage)
    return release


def write_mails(file: Path, rows: int) -> None:
    """Write `rows` mails; each part repeats the texts of the first under new ids."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(file, CASE.record_schema, compression="zstd") as writer:
        for part in _parts(rows, seed=1):
            writer.write_table(part.select(COLUMNS))


def _parts(rows: int, seed: int) -> Iterator[pa.Table]:
    mails = _mails(min(rows, PART_ROWS), seed)
    for start in range(0, rows, PART_ROWS):
        part = mails.slice(0, min(PART_ROWS, rows - start))
        ids = pa.array([f"mail-{start + number:08d}" for number in range(part.num_rows)])
        yield part.set_column(part.schema.get_field_index("email_id"), "email_id", ids)


def _mails(rows: int, seed: int) -> pa.Table:
    """Return generated mails, two bodies of one class and a line of rare words in each."""
    base, random = CASE.training().generate(BASE_ROWS, seed), np.random.default_rng(seed)
    bodies, labels = np.array(base["body"], object), np.array(base[CASE.training().label.column])
    first = random.integers(0, BASE_ROWS, rows)
    second = np.empty(rows, np.int64)
    for label in CASE.classes:
        mine = np.flatnonzero(labels == label)
        chosen = labels[first] == label
        second[chosen] = random.choice(mine, int(chosen.sum()))
    words = np.array(["".join(parts) for parts in product(*SYLLABLES)], object)
    frequency = np.cumsum(1 / np.arange(1, len(words) + 1))  # Zipf's law
    drawn = words[np.searchsorted(frequency, random.random((rows, RARE_WORDS)) * frequency[-1])]
    texts = [
        f"{a}\n{b}\n{' '.join(line)}"
        for a, b, line in zip(bodies[first], bodies[second], drawn, strict=True)
    ]
    columns = base.take(pa.array(first))
    return columns.set_column(columns.schema.get_field_index("body"), "body", pa.array(texts))
