"""Large sources on Ray: the same parts as in one process."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data_pipeline.sources.raw import RawRecords
from platform_core.adapters.blob_store.local import LocalBlobStore

# A process of its own: Ray reads its token once per process.
PROGRAM = """
import sys
from contextlib import nullcontext
from pathlib import Path
import ray
from data_pipeline.settings import IngestSettings
from data_pipeline.sources import IngestRequest
from data_pipeline.sources.ingestion import ingest
from platform_core.adapters.blob_store.local import LocalBlobStore
from use_cases import use_case

root, data, address = sys.argv[1:]
ray.init(address=address, log_to_driver=False, logging_level="error")
store = LocalBlobStore(Path(root))
for folder, most in (("here", 1 << 40), ("ray", 0)):
    settings = IngestSettings(data_in_process_bytes=most)
    requests = {"spam": IngestRequest(data), "iris": IngestRequest("", {}, 50_100, 1)}
    for name, request in requests.items():
        case, place = use_case(name), f"models/{folder}/{name}"
        ingest(case, store, place, request, print, settings, nullcontext)
assert "data_pipeline.sources.on_ray" in sys.modules
"""


def source(folder: Path) -> Path:
    (folder / "ham").mkdir(parents=True)
    for number in range(600):
        (folder / "ham" / f"{number}.eml").write_bytes(b"Subject: s%d\n\nbody" % number)
    (folder / "a.csv").write_text("body,label,extra\n" + "text,ham,1\n" * 4_600)
    (folder / "b.jsonl").write_text('{"body": "j", "label": 1, "extra": 2}\nbroken\n')
    (folder / "c.parquet").write_bytes(b"PAR1 broken")
    table = pa.table({"body": [f"{n} " + "x" * 2_000 for n in range(500)], "label": [0] * 500})
    pq.write_table(table, folder / "d.parquet", row_group_size=50)
    return folder


def test_ray_gives_what_one_process_gives(ray_head, tmp_path: Path) -> None:
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(ray_head.token_path)}
    data = source(tmp_path / "in")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "store"), str(data), ray_head.address],
        env={**os.environ, **token}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    store = LocalBlobStore(tmp_path / "store")
    for name, rows in (("spam", 5_701), ("iris", 50_100)):
        here, ray = (RawRecords(store, f"models/{where}/{name}") for where in ("here", "ray"))
        unlike = {"seconds": 0.0}
        assert here.summary.rows == rows
        assert ray.summary.model_copy(update=unlike) == here.summary.model_copy(update=unlike)
        for ours, theirs in zip(ray.batches(10_000), here.batches(10_000), strict=True):
            assert ours.equals(theirs)
    files = RawRecords(store, "models/ray/spam").summary
    assert [file.file for file in files.unreadable] == ["c.parquet"]
    assert files.rows_malformed == 1
