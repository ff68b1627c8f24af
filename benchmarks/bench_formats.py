"""CPU time of reading the same mails from each format, compared with another checkout.

Each read runs in a process of its own, which reads its input several times; the first time, which
imports libraries, does not count.
"""

import argparse
import email.utils
import json
import mailbox
import statistics
import sys
import tempfile
import time
from email.message import EmailMessage
from pathlib import Path

import pyarrow as pa
from bench_commands import result_of
from bench_report import interleaved, met_or_missed, note, say, table
from pyarrow import csv
from pyarrow import parquet as pq

from data_pipeline.settings import IngestSettings
from data_pipeline.sources import IngestRequest
from data_pipeline.sources.ingestion import ingest
from platform_core.adapters.blob_store.local import LocalBlobStore
from use_cases import use_case

USE_CASE, SEED = "spam", 3
MAILS, QUICK_MAILS = 40_000, 4_000
ROUNDS, READS = 3, 6
LIMIT = 1.1
NOW, BEFORE = "now", "before"


def run(options: argparse.Namespace) -> bool:
    """Return whether no format takes more than `LIMIT` times the CPU time of the other checkout."""
    pythons = {NOW: Path(sys.executable)}
    if options.before:
        pythons[BEFORE] = options.before.resolve() / ".venv" / "bin" / "python"
    with tempfile.TemporaryDirectory(prefix="bench-formats-") as folder:
        inputs = write_inputs(Path(folder), QUICK_MAILS if options.quick else MAILS)
        measured = {name: _measure(path, pythons, options.rounds) for name, path in inputs.items()}
    header = [
        "input",
        *(f"{name}, CPU s" for name in pythons),
        *(["ratio"] if options.before else []),
    ]
    rows = [[name, *times.values(), *_ratio(times)] for name, times in measured.items()]
    table("the same mails in each format; medians", header, rows)
    held = all(ratio <= LIMIT for times in measured.values() for ratio in _ratio(times))
    if options.before:
        note(f"at most {LIMIT} times the other checkout: {met_or_missed(held)}")
    return held


def _ratio(times: dict[str, float]) -> list[float]:
    return [times[NOW] / times[BEFORE]] if BEFORE in times else []


def _measure(path: Path, pythons: dict[str, Path], rounds: int | None) -> dict[str, float]:
    """Return the median CPU seconds of a read, by checkout."""
    times: dict[str, list[float]] = {name: [] for name in pythons}
    for name in interleaved(list(pythons), rounds or ROUNDS):
        command = [str(pythons[name]), __file__, str(path)]
        times[name] += result_of(command)
    return {name: statistics.median(found) for name, found in times.items()}


def write_inputs(folder: Path, rows: int) -> dict[str, Path]:
    """Write generated mails in each format, and return the paths. The mailbox holds a quarter of
    them, the folder a tenth.
    """
    mails = use_case(USE_CASE).training().generate(rows, SEED).combine_chunks()
    records = mails.to_pylist()
    pq.write_table(mails, folder / "mails.parquet")
    csv.write_csv(mails, folder / "mails.csv")
    with (folder / "mails.jsonl").open("w") as lines:
        lines.writelines(json.dumps(record, default=str) + "\n" for record in records)
    box = mailbox.mbox(folder / "mails.mbox")
    for record in records[: rows // 4]:
        box.add(mailbox.mboxMessage(_mail(record)))
    box.close()
    for number, record in enumerate(records[: rows // 10]):
        place = folder / "mails" / str(record["label"])
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.eml").write_bytes(bytes(_mail(record)))
    names = ("mails.parquet", "mails.csv", "mails.jsonl", "mails.mbox", "mails")
    shown = ("Parquet", "CSV", "JSON lines", "mailbox", "folder of mails")
    return {text: folder / name for text, name in zip(shown, names, strict=True)}


def _mail(record: dict[str, object]) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["Subject"] = record["sender"], record["subject"]
    mail["Date"] = email.utils.format_datetime(record["date"])
    mail["Message-ID"] = f"<{record['email_id']}@mails.example>"
    mail.set_content(record["body"])
    return mail


def _read(path: str) -> None:
    """Read one input `READS` times here and print the CPU seconds of all but the first."""
    case, request = use_case(USE_CASE), IngestRequest(path)
    settings = IngestSettings(data_in_process_bytes=1 << 40)
    times = []
    for _ in range(READS):
        with tempfile.TemporaryDirectory() as folder:
            start = time.process_time()
            store = LocalBlobStore(Path(folder))
            ingest(case, store, "models/spam/_runs/bench", request, lambda _: None, settings)
            times.append(time.process_time() - start)
    say(json.dumps(times[1:]))


if __name__ == "__main__":
    pa.set_cpu_count(1)
    _read(sys.argv[1])
