"""Labelled records drawn from a profile."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from use_cases.blocks.block import Draw
from use_cases.blocks.fields import Fields
from use_cases.blocks.label import Label
from use_cases.blocks.profile import DIGITS, Profile

END = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = 120
LEAST_SHARE = 0.1
"""Of each class at least this part of an equal share is drawn."""


def generate(
    fields: Fields, label: Label, profile: Profile, rows: int, seed: int, drift: float
) -> pa.Table:
    """Return `rows` records and their label; the same arguments give the same table.

    Each record has a class, and its columns are drawn from that of the class, independently of
    each other.
    """
    random = np.random.default_rng([seed, round(drift * 1_000)])
    places = _classes(label, profile, random, rows, drift)
    columns: Mapping[str, list[pa.Array]] = {name: [] for name in fields.names}
    order = []
    for place, of_class in enumerate(label.classes):
        chosen = np.flatnonzero(places == place)
        order.append(chosen)
        draw = Draw(random, len(chosen), drift)
        for name, block in fields.columns:
            columns[name].append(block.sample(profile.column(of_class, name), draw))
    back = pa.array(np.argsort(np.concatenate(order), kind="stable"))
    drawn = [pa.concat_arrays(parts).take(back) for parts in columns.values()]
    labels = pa.array(label.classes, pa.string()).take(pa.array(places))
    return pa.table([*drawn, labels], names=[*fields.names, label.column])


def with_times(table: pa.Table, name: str, seed: int) -> pa.Table:
    """Return `table` with a time per row, ascending over 120 days before a fixed day."""
    seconds = np.sort(np.random.default_rng(seed).integers(0, DAYS * 86_400, table.num_rows))
    times = [END - timedelta(days=DAYS) + timedelta(seconds=int(second)) for second in seconds]
    return table.append_column(name, pa.array(times, pa.timestamp("us", tz="UTC")))


def measure(fields: Fields, label: Label, records: pa.RecordBatch, classes: pa.Array) -> Profile:
    """Return the profile of N records (the record schema) with their classes (string [N])."""
    found = {}
    for of_class in label.classes:
        rows = records.filter(pc.fill_null(pc.equal(classes, of_class), False))
        found[of_class] = {
            name: block.measure(rows.column(index))
            for index, (name, block) in enumerate(fields.columns)
        }
    counts = {name: pc.sum(pc.equal(classes, name)).as_py() or 0 for name in label.classes}
    total = max(1, sum(counts.values()))
    shares = {name: round(count / total, DIGITS) for name, count in counts.items()}
    return Profile(classes=shares, columns=found)


def assumed(fields: Fields, label: Label) -> Profile:
    """Return a plausible profile for columns that were never measured."""
    places = np.linspace(0, 1, len(label.classes))
    return Profile(
        classes={name: 1 / len(label.classes) for name in label.classes},
        columns={
            of_class: {name: block.assumed(float(place)) for name, block in fields.columns}
            for of_class, place in zip(label.classes, places, strict=True)
        },
    )


def _classes(
    label: Label, profile: Profile, random: np.random.Generator, rows: int, drift: float
) -> np.ndarray:
    """Return the place of each row's class; drift brings the shares of the classes together."""
    count = len(label.classes)
    shares = np.array([profile.classes[name] for name in label.classes])
    shares = np.maximum((1 - drift / 2) * shares + drift / 2 / count, LEAST_SHARE / count)
    places = random.choice(count, rows, p=shares / shares.sum())
    # So that every class occurs, however rare it is.
    places[:count] = np.arange(count)[:rows]
    return random.permutation(places)
