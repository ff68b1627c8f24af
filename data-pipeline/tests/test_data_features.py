import json
import os
import subprocess
import sys
from datetime import timedelta
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from data_pipeline.columns import TEST, TRAIN
from data_pipeline.entity_features import entity_features
from data_pipeline.features import compute_features, features_code
from data_pipeline.stored import read_features, read_part
from data_pipeline.versions.manifest import read_records
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.adapters.feature_store.memory import MemoryFeatureStore
from platform_core.adapters.online_store.memory import MemoryOnlineStore
from platform_core.parquet import read_table, write_table
from platform_core.storage import FEATURES_FILE, dataset_path
from use_cases import UseCase, assemble, model_schema, number_block, use_case

SPAM, IRIS = use_case("spam"), use_case("iris")
RATE = "sender_domain_spam_rate"


@pytest.fixture
def online() -> MemoryOnlineStore:
    return MemoryOnlineStore()


@pytest.fixture
def records(blob_store, frozen) -> pa.Table:
    return read_records(
        blob_store, "spam", frozen(SPAM, blob_store, SPAM.training().generate(600, 4))
    )


def joined(records: pa.Table, online: MemoryOnlineStore, folder: Path):
    return entity_features(SPAM, records, MemoryFeatureStore(online), folder)


def test_entity_features_use_neither_the_future_nor_the_test_part(
    records, online, tmp_path: Path
) -> None:
    """Other labels of all later rows and of the test split change no earlier feature."""
    middle = records["event_timestamp"].combine_chunks().sort()[len(records) // 2].as_py()
    later = pc.greater(records["event_timestamp"], middle)
    turned_rows = pc.or_(later, pc.equal(records["part"], TEST)).combine_chunks()
    other = pc.if_else(pc.equal(records["label"], "spam"), "ham", "spam").combine_chunks()
    labels = pc.if_else(turned_rows, other, records["label"].combine_chunks())
    turned = records.set_column(records.column_names.index("label"), "label", labels)
    before, _ = joined(records, online, tmp_path / "a")
    after, _ = joined(turned, online, tmp_path / "b")
    earlier = pc.invert(later).combine_chunks()
    assert before.filter(earlier).equals(after.filter(earlier))
    assert not before.filter(later.combine_chunks()).equals(after.filter(later.combine_chunks()))


def test_entities_are_hidden_from_a_share_of_the_training_rows_only(
    records, online, tmp_path: Path
) -> None:
    entities, _ = joined(records, online, tmp_path)
    again, _ = joined(records, online, tmp_path)
    known = entities.column(RATE).is_valid()
    train = pc.equal(records["part"], TRAIN).combine_chunks()
    hidden = 1 - pc.mean(known.filter(train).cast(pa.int8())).as_py()
    test_known = pc.mean(known.filter(pc.invert(train)).cast(pa.int8())).as_py()
    assert hidden == pytest.approx(SPAM.entity_features.unknown_share, abs=0.1)
    assert test_known > 1 - hidden
    assert entities.equals(again)


def test_the_latest_values_of_each_domain_are_materialised(records, online, tmp_path: Path) -> None:
    _, version = joined(records, online, tmp_path)
    (view,) = online.views
    assert view == f"sender_domain_stats_{version}"
    train = records.filter(pc.equal(records["part"], TRAIN))
    history = SPAM.training().entity_history(train.sort_by("event_timestamp"))
    latest = {row["sender_domain"]: row[RATE] for row in history.to_pylist()}
    keys = sorted(latest)
    read = online.read(view, "sender_domain", keys, [RATE])
    assert read.column(RATE).to_pylist() == pytest.approx([latest[key] for key in keys])


def test_the_version_of_a_view_depends_on_its_history(records, online, tmp_path: Path) -> None:
    _, first = joined(records, online, tmp_path)
    _, again = joined(records, online, tmp_path)
    _, other = joined(records.slice(0, 300), online, tmp_path)
    assert first == again
    assert first != other


def test_without_times_there_is_no_view(records, online, tmp_path: Path) -> None:
    index = records.column_names.index("event_timestamp")
    nulls = pa.nulls(len(records), pa.timestamp("us", tz="UTC"))
    assert joined(records.set_column(index, "event_timestamp", nulls), online, tmp_path) == (
        None,
        None,
    )
    assert online.views == {}


def test_a_use_case_without_entities_needs_no_feature_store(
    blob_store, frozen, tmp_path: Path
) -> None:
    version = frozen(IRIS, blob_store, IRIS.training().generate(300, 4))
    flowers = read_records(blob_store, "iris", version)
    assert entity_features(IRIS, flowers, None, tmp_path) == (None, None)


# A process of its own: Ray reads its token once per process.
ON_RAY = """
import sys
from pathlib import Path
import ray
from data_pipeline.features import compute_features
from platform_core.adapters.blob_store.local import LocalBlobStore
from use_cases import use_case

*versions, address = sys.argv[1:]
ray.init(address=address, log_to_driver=False, logging_level="error")
for root, name, version in (text.split(",") for text in versions):
    store = LocalBlobStore(Path(root))
    assert compute_features(store, use_case(name), version, None, Path(root)) is None
"""


def run_on_ray(program: str, ray_head, *arguments: object) -> str:
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(ray_head.token_path)}
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments), ray_head.address],
        env={**os.environ, **token}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_ray_computes_what_serving_computes(ray_head, frozen, tmp_path: Path) -> None:
    store = LocalBlobStore(tmp_path)
    versions = {
        case: frozen(case, store, case.training().generate(500, 9)) for case in (SPAM, IRIS)
    }
    run_on_ray(ON_RAY, ray_head, *(f"{tmp_path},{c.name},{v}" for c, v in versions.items()))
    _served_equals_stored(store, versions)


def test_this_process_computes_what_serving_computes(frozen, tmp_path: Path) -> None:
    store = LocalBlobStore(tmp_path)
    versions = {
        case: frozen(case, store, case.training().generate(500, 9)) for case in (SPAM, IRIS)
    }
    for case, version in versions.items():
        compute_features(store, case, version, None, tmp_path, on_ray=False)
    _served_equals_stored(store, versions)


def _served_equals_stored(store: LocalBlobStore, versions: dict[UseCase, str]) -> None:
    for case, part in product((SPAM, IRIS), (TRAIN, TEST)):
        stored = read_features(store, case, versions[case], part)
        served = assemble(case, read_part(store, case, versions[case], part))
        assert stored.column_names == [
            "row_id",
            "label",
            "cluster",
            "source",
            *model_schema(case).arrow.names,
        ]
        assert model_schema(case).select(stored).equals(served)


def test_features_match_their_records_in_batches_of_any_size(
    frozen, online, tmp_path: Path
) -> None:
    """Many batches, and features of a base between new ones."""
    store = LocalBlobStore(tmp_path)
    base = frozen(SPAM, store, SPAM.training().generate(300, 1))
    version = frozen(SPAM, store, SPAM.training().generate(400, 2), base=base)
    feature_store = MemoryFeatureStore(online)
    compute_features(store, SPAM, base, feature_store, tmp_path / "a", on_ray=False)
    path = dataset_path("spam", version, FEATURES_FILE)
    written = []
    for rows in (8_192, 37):
        compute_features(
            store, SPAM, version, feature_store, tmp_path / "b", on_ray=False, batch_rows=rows
        )
        written.append(read_table(store, path))
    assert written[0].equals(written[1])
    records = read_records(store, "spam", version)
    assert written[0]["row_id"].equals(records["row_id"])
    entities, _ = entity_features(SPAM, records, feature_store, tmp_path / "c")
    batch = records.select(SPAM.record_schema.names).combine_chunks().to_batches()[0]
    served = assemble(SPAM, batch, entities)
    assert model_schema(SPAM).select(written[0]).equals(served)


def test_features_do_not_depend_on_the_current_year(records, online, tmp_path: Path) -> None:
    """Feature values follow from the data's own times, never from today's date."""
    before, _ = joined(records, online, tmp_path / "a")
    index = records.column_names.index("event_timestamp")
    moved = pc.add(records["event_timestamp"], pa.scalar(timedelta(days=3650)))
    after, _ = joined(records.set_column(index, "event_timestamp", moved), online, tmp_path / "b")
    assert before.equals(after)


def altered_features(store: LocalBlobStore, base: str, code: str) -> pa.Table:
    """Leave features of a base as `code` made them, with values that no code computes."""
    records = read_records(store, "iris", base)
    batch = records.select(IRIS.record_schema.names).combine_chunks().to_batches()[0]
    numbers = number_block(IRIS.features(batch)) + np.float32([0, 0, 0, 100])
    table = pa.Table.from_batches([IRIS.feature_schema.batch([], numbers)])
    table = table.append_column("row_id", records["row_id"])
    write_table(store, dataset_path("iris", base, FEATURES_FILE), table)
    made = json.dumps({"features_code": code}).encode()
    store.write(f"training-data/iris/{base}/features.json", made)
    return table


def test_features_of_a_base_are_reused_while_the_feature_code_is_the_same(
    ray_head, frozen, tmp_path: Path
) -> None:
    """Reused features are recognised because they were altered by hand."""
    versions, bases = {}, {}
    for code in (features_code(IRIS), "of another release"):
        store = LocalBlobStore(tmp_path / code)
        base = frozen(IRIS, store, IRIS.training().generate(300, 1))
        bases[code] = altered_features(store, base, code)
        versions[code] = frozen(IRIS, store, IRIS.training().generate(100, 2), base=base)
    places = [f"{tmp_path / code},iris,{version}" for code, version in versions.items()]
    run_on_ray(ON_RAY, ray_head, *places)
    for code, version in versions.items():
        found = read_table(
            LocalBlobStore(tmp_path / code), dataset_path("iris", version, FEATURES_FILE)
        )
        old = pc.is_in(found["row_id"], bases[code]["row_id"].combine_chunks())
        same = pa.scalar(code == features_code(IRIS))
        assert found.num_rows > pc.sum(old).as_py() == bases[code].num_rows
        assert pa.chunked_array([number_block(found)[:, 3] > 50]).equals(pc.and_(old, same))


# Checked on Ray and in process: the same dataset version.
CHECK_ON_RAY = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import ray
from data_pipeline.versions.freeze import Rules, freeze
from data_pipeline.validation.on_ray import check_on_ray
from data_pipeline.sources.raw import RawRecords
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.clock import ManualClock
from use_cases import use_case

root, folder, address = sys.argv[1:]
ray.init(address=address, log_to_driver=False, logging_level="error")
store, clock = LocalBlobStore(Path(root)), ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
raw = RawRecords(store, folder)
print(freeze(store, use_case("spam"), raw, Rules(), clock, apply=check_on_ray))
"""


def test_rows_checked_on_ray_give_the_same_version(ray_head, frozen, tmp_path: Path) -> None:
    store = LocalBlobStore(tmp_path)
    tables = [SPAM.training().generate(100, seed) for seed in range(4)]
    version = frozen(SPAM, store, *tables)
    (summary,) = (b.path for b in store.list("models") if b.path.endswith("_INGEST.json"))
    folder = summary.removesuffix("/raw/_INGEST.json")
    for blob in list(store.list("training-data")):
        store.delete(blob.path)
    assert run_on_ray(CHECK_ON_RAY, ray_head, tmp_path, folder).strip() == version
